"""A Space of one's own: what deploying it puts on the Hub, what it leaves alone, and that it runs as it stands."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from bench.measuring import free_port
from browsing import await_page
from conftest import records
from gradio_client import Client
from huggingface_hub import HfApi, SpaceCard, snapshot_download
from packaging.requirements import Requirement

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.dataset.stores.base import files_in
from xsns_hf.errors import XsnsError
from xsns_hf.masks.layout import ParameterLayout, Tensor
from xsns_hf.masks.subnetwork import select
from xsns_hf.recipe import Recipe

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "deploy_space.py"
SPACE, PATH = "user/my_Space", "spaces/user/my_Space"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

spec = importlib.util.spec_from_file_location("deploy_space", SCRIPT)
assert spec and spec.loader
deploy_space = importlib.util.module_from_spec(spec)
spec.loader.exec_module(deploy_space)


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """A clone of this repository, to be changed."""
    folder = tmp_path / "clone"
    for name in ("spaces_app", "xsns_hf"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    monkeypatch.setattr(deploy_space, "ROOT", folder)
    shutil.copy(ROOT / ".gitignore", folder)
    for command in ("init", "add ."):
        subprocess.run(["git", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def published(hub, masks):
    """The stand-in, with masks in user/masks."""
    files = {path.relative_to(masks).as_posix(): path.read_bytes() for path in files_in(masks)}
    hub.create("datasets/user/masks", files)
    return hub


def deploy(capsys, space: str = SPACE, masks: str = "user/masks", **options) -> str:
    deploy_space.main(space, masks, **options)
    out, err = capsys.readouterr()
    assert os.environ["HF_TOKEN"] not in out + err
    return out


def writes(hub) -> list[str]:
    return [exchange.path for exchange in hub.log if exchange.method not in ("GET", "HEAD")]


def header(hub) -> dict:
    return SpaceCard(hub.files(PATH)["README.md"].decode()).data.to_dict()


@pytest.mark.thorough
def test_a_space_is_made_and_filled_in_one_commit(published, clone, capsys):
    (clone / "spaces_app" / "__pycache__").mkdir(exist_ok=True)
    (clone / "spaces_app" / "__pycache__" / "app.pyc").touch()
    (clone / "spaces_app" / ".gradio").mkdir(exist_ok=True)
    (clone / "spaces_app" / ".gradio" / "certificate.pem").touch()
    for untracked in ("xsns_hf/token.txt", "spaces_app/secrets.json", "xsns_hf/space/notes.py"):
        (clone / untracked).write_text("hf_secret")
    (clone / "xsns_hf" / "assets" / "linked.txt").symlink_to(clone / "xsns_hf" / "token.txt")
    subprocess.run(["git", "add", "xsns_hf/assets/linked.txt"], cwd=clone, check=True)
    said = deploy(capsys, masks="user/masks, user/masks@main", private=True, hardware="t4-small")
    files, space = published.files(PATH), published.repos[PATH]
    assert [commit.title for commit in published.history(PATH)[:2]] == ["Deploy xsns_hf", "initial commit"]
    assert {"app.py", "README.md", "requirements.txt", "LICENSE", "xsns_hf/__init__.py"} <= files.keys()
    assert {"xsns_hf/assets/embedded_head.safetensors", "xsns_hf/space/static/style.css"} <= files.keys()
    assert not [path for path in files if "__pycache__" in path or "/." in f"/{path}"]
    assert not any(b"hf_secret" in data for data in files.values()), "what git doesn't track isn't deployed"
    assert space.private
    assert (space.variables, space.hardware) == ({"XSNS_MASKS": "user/masks,user/masks@main"}, "t4-small")
    assert header(published)["datasets"] == ["user/masks"]
    assert 'Client("user/my_Space")' in files["README.md"].decode()
    assert "https://user-my-space.hf.space/gradio_api/mcp/" in files["README.md"].decode()
    megabytes = sum(map(len, files.values())) / 1e6
    assert megabytes < 8
    for expected in (
        f"Created {SPACE}: {len(files)} files changed, XSNS_MASKS set.",
        f"{len(files)} files, {megabytes:.1f} MB",
        f"{published.url}/spaces/{SPACE}",
    ):
        assert expected in said


@pytest.mark.parametrize("repository_around", [False, True])
def test_without_a_git_clone_nothing_is_deployed(published, clone, capsys, repository_around, monkeypatch):
    shutil.rmtree(clone / ".git")
    monkeypatch.setenv("GIT_DIR", str(ROOT / ".git"))  # as git sets it for hooks
    if repository_around:
        subprocess.run(["git", "init"], cwd=clone.parent, env=os.environ | {"GIT_DIR": ".git"}, check=True)
    with pytest.raises(XsnsError, match="isn't a git clone of xsns_hf"):
        deploy(capsys)
    assert PATH not in published.repos


@pytest.mark.thorough
def test_checkpoints_are_loaded_for_visitors_if_they_are_the_owners_or_named(published, clone, capsys, tmp_path):
    for owner in ("user", "stranger"):
        repository = MaskRepository(tmp_path / owner, create=True)
        recipe = Recipe(f"{owner}/model", "0123456789" * 4, "pretrained", "mine")
        layout = ParameterLayout((Tensor("encoder.layer.0.weight", (4, 4), 0),))
        repository.add(records(recipe, "eng", {0: select(np.arange(16, dtype=np.float32), layout, recipe.density)}))
        files = {
            path.relative_to(tmp_path / owner).as_posix(): path.read_bytes() for path in files_in(tmp_path / owner)
        }
        published.create(f"datasets/{owner}/theirs", files)
    masks = "user/theirs,stranger/theirs"
    assert "XSNS_MODEL set" in deploy(capsys, masks=masks)
    variables = published.repos[PATH].variables
    assert variables == {"XSNS_MASKS": masks, "XSNS_MODEL": "user/model"}
    deploy(capsys, masks=masks, model=["stranger/model", "a/b"])
    assert variables["XSNS_MODEL"] == "stranger/model,a/b"
    assert "up to date" in deploy(capsys, masks=masks), "what was chosen stays"
    assert variables["XSNS_MODEL"] == "stranger/model,a/b"


@pytest.mark.thorough
def test_what_didnt_change_is_left_alone(published, clone, capsys):
    deploy(capsys, hardware="t4-small")
    published.log.clear()
    assert f"{SPACE} is up to date: no commit." in deploy(capsys, hardware="t4-small")
    assert writes(published) == []


@pytest.mark.thorough
def test_an_update_is_one_commit_of_what_changed(published, clone, capsys):
    deploy(capsys)
    card = published.files(PATH)["README.md"].decode()
    card = card.replace("title: Which source language?", "title: Mine").replace("app_file: app.py", "app_file: x.py")
    published.commit(PATH, {"README.md": card.encode(), "notes.txt": b"mine", "xsns_hf/gone.py": b"old"})
    before = published.files(PATH)
    (clone / "xsns_hf" / "errors.py").write_text("# changed", encoding="utf-8")
    (clone / "xsns_hf" / "gold.py").unlink()
    said = deploy(capsys, masks="user/masks@main", hardware="cpu-upgrade")
    after = published.files(PATH)
    assert len(published.history(PATH)) == 5
    assert before.keys() - after.keys() == {"xsns_hf/gone.py", "xsns_hf/gold.py"}
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed == {"README.md", "xsns_hf/errors.py"}
    assert (header(published)["title"], header(published)["app_file"]) == ("Mine", "app.py")
    assert published.repos[PATH].variables == {"XSNS_MASKS": "user/masks@main"}
    assert published.repos[PATH].hardware == "cpu-upgrade"
    assert f"Updated {SPACE}: 4 files changed, hardware cpu-upgrade, XSNS_MASKS set." in said


@pytest.mark.thorough
def test_a_space_that_is_not_found_once_is_not_taken_for_new(published, clone, capsys):
    deploy(capsys)
    before = published.history(PATH)
    (clone / "xsns_hf" / "errors.py").write_text("# changed", encoding="utf-8")
    published.faults.fail("GET", f"/api/{PATH}", status=404, headers={"X-Error-Code": "RepoNotFound"})
    with pytest.raises(XsnsError, match=r"isn't deployed, since the Hub answers with error 409"):
        deploy(capsys)
    assert published.history(PATH) == before


@pytest.mark.thorough
def test_a_dry_run_changes_nothing(published, clone, capsys):
    assert f"Would deploy {SPACE}: " in deploy(capsys, dry_run=True)
    deploy(capsys)
    (clone / "xsns_hf" / "errors.py").write_text("# changed", encoding="utf-8")
    published.log.clear()
    said = deploy(capsys, masks="user/masks@main", hardware="t4-small", dry_run=True)
    assert f"Would deploy {SPACE}: 1 file changed" in said
    assert writes(published) == []


def test_private_masks_need_a_secret(published, clone, capsys):
    published.repos["datasets/user/masks"].private = True
    said = deploy(capsys)
    assert f"secret HF_TOKEN in {published.url}/spaces/{SPACE}/settings" in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"masks": "user/nothing"}, "no dataset user/nothing"),
        ({"masks": "user/masks,user/empty"}, "user/empty on the Hub holds no masks"),
        ({"masks": "{folder}"}, "is a folder, which no Space sees"),
        ({"masks": ","}, "no masks in"),
        ({"space": "my-space"}, "my-space can't be the name of a Space: use user/name"),
        ({"space": "user/my--space"}, "user/my--space can't be the name of a Space: use user/name"),
        ({"space": "other/space"}, "other/space isn't deployed, since your token may not write there"),
        ({"space": "other/there"}, "other/there isn't deployed, since your token may not write there"),
        ({"space": "user/chat"}, "The Space user/chat holds another app"),
        ({"hardware": "abacus"}, "isn't deployed, since the Hub answers with error 400 (Invalid hardware"),
    ],
)
@pytest.mark.thorough
def test_what_cant_be_deployed_is_said_before_anything_changes(published, masks, capsys, options, expected):
    published.create("datasets/user/empty")
    published.create("spaces/user/chat", {"app.py": b"import chat"})
    published.create("spaces/other/there")
    histories = {path: len(published.history(path)) for path in published.repos}
    options = {key: value.format(folder=masks) for key, value in options.items()}
    with pytest.raises(XsnsError, match=re.escape(expected)):
        deploy(capsys, **options)
    assert {path: len(published.history(path)) for path in published.repos} == histories
    assert not any(repository.variables for repository in published.repos.values())


@pytest.mark.thorough
def test_a_lost_race_and_a_broken_connection_are_said(published, clone, capsys):
    deploy(capsys)
    (clone / "xsns_hf" / "errors.py").write_text("# changed", encoding="utf-8")
    published.faults.lose_race(times=1)
    with pytest.raises(XsnsError, match="error 412"):
        deploy(capsys)
    published.faults.drop("POST", "/commit/")
    with pytest.raises(XsnsError, match="connection to the Hub broke"):
        deploy(capsys)
    deploy(capsys)
    assert published.files(PATH)["xsns_hf/errors.py"] == b"# changed"


@pytest.mark.thorough
def test_the_command_line_says_a_mistake_in_one_sentence(hub):
    command = [sys.executable, SCRIPT, SPACE, "--masks", "user/nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("deploy_space: There is no dataset user/nothing on the Hub")
    assert done.stderr.count("\n") == 1


def test_the_readmes_header_is_one_that_the_hub_takes(hub):
    card = SpaceCard((ROOT / "spaces_app" / "README.md").read_text(encoding="utf-8"))
    HfApi().create_repo("user/card", repo_type="space", space_sdk="gradio")
    # Which the Hub refuses if it can't read the header.
    HfApi().upload_file(
        path_or_fileobj=str(card).encode(), path_in_repo="README.md", repo_id="user/card", repo_type="space"
    )
    about = card.data.to_dict()
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {about["colorFrom"], about["colorTo"]} <= colours
    assert len(about["short_description"]) <= 60
    assert (about["sdk"], about["app_file"], about["license"]) == ("gradio", "app.py", "apache-2.0")
    assert isinstance(about["python_version"], str), "3.10 would be 3.1"
    assert about["python_version"] in Requirement(f"python{PROJECT['requires-python']}").specifier
    assert about["sdk_version"] in wanted()["gradio"].specifier
    assert "mcp-server" in about["tags"]


NEEDED = ("extract", "embedded", "evaluate", "space")
"""The extras whose libraries the Space uses."""


def wanted() -> dict[str, Requirement]:
    """What pyproject.toml says that the Space needs."""
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for extra in NEEDED for line in extras[extra])]
    return {Requirement(line).name: Requirement(line) for line in lines if not line.startswith("xsns-hf[")}


def test_the_requirements_are_those_of_the_package():
    lines = (ROOT / "spaces_app" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len({requirement.name.lower() for requirement in requirements}) == len(requirements)
    assert {requirement.name: requirement for requirement in requirements} == wanted()


@contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run a Space's app as the Hub does, and yield its address."""
    port = free_port()
    # Without `site`, the package of this repository, which is installed in place, can't be imported.
    environment |= {"GRADIO_SERVER_PORT": str(port), "PYTHONPATH": sysconfig.get_path("purelib")}
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        app = subprocess.Popen(
            [sys.executable, "-S", "app.py"], cwd=folder, env=environment, stdout=output, stderr=output
        )
    try:
        address = f"http://127.0.0.1:{port}/"
        await_page(address.rstrip("/"), app, log)
        yield address
    finally:
        app.terminate()
        app.wait(10)


@pytest.mark.thorough
def test_what_is_deployed_runs_as_it_stands(published, clone, capsys, tmp_path):
    deploy(capsys)
    folder = Path(snapshot_download(SPACE, repo_type="space", local_dir=tmp_path / "space"))
    (package,) = distributions(name="xsns-hf", path=[str(folder)])
    assert package.version == PROJECT["version"]
    with served(folder, published.environment(tmp_path / "cache") | published.repos[PATH].variables) as address:
        client = Client(address, verbose=False)
        endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
        assert {"/rank", "/similarity", "/languages"} <= endpoints.keys()
        answer = client.predict(target="Finnish", api_name="/rank")
        assert (answer["target"], answer["masks"], len(answer["sources"])) == ("fin", "user/masks", 6)
        with urlopen(f"{address}gradio_api/mcp/schema", timeout=10) as schema:
            assert b"rank" in schema.read()
