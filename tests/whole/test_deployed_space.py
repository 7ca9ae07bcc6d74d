"""A deployed Space by itself: its own files, in an environment made from its own requirements, as the Hub builds it.

    pytest --slow tests/whole/test_deployed_space.py

Minutes, and gigabytes from the package index. XSNS_TORCH may name a smaller build: XSNS_TORCH="torch==2.13.0+cpu".
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bench.measuring import free_port
from browsing import bring
from gradio_client import Client
from huggingface_hub import HfApi, SpaceCard
from playwright.sync_api import expect

from xsns_hf import rank_sources
from xsns_hf.text.folder import sample_corpus

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployed")]

ROOT = Path(__file__).parents[2]
SPACE = "spaces/user/space"
MASKS = "extract --model user/tiny --languages fin,eng,rus,deu --examples 12 --seeds 2 --out user/masks"


@dataclass
class Deployed:
    """A Space as it runs.

    Attributes:
        folder: its files.
        python: of its environment.
        address: of its page.
    """

    folder: Path
    python: Path
    address: str


def run(*command: object, **options) -> str:
    """Run a command, which must succeed; return what it printed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def deployed(server, tiny, tmp_path_factory) -> Iterator[Deployed]:
    """Deploy a Space that answers from masks of a model on the Hub, build it and start it."""
    server.reset()
    place = tmp_path_factory.mktemp("deployed")
    environment = server.environment(place / "home", server.write_token)
    api = HfApi(token=server.write_token)
    api.create_repo("user/tiny")
    api.upload_folder(repo_id="user/tiny", folder_path=tiny)
    run(sys.executable, "-m", "xsns_hf", *MASKS.split(), env=environment, cwd=place)
    deploy = ROOT / "scripts" / "deploy_space.py"
    print(run(sys.executable, deploy, "user/space", "--masks", "user/masks", env=environment, cwd=place))
    folder = place / "space"
    for name, data in server.files(SPACE).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    python = built(folder, place / "venv")
    port, log = free_port(), place / "log"
    # A page that is open to anyone: without a token, and with nothing in its cache.
    environment = server.environment(place / "cache") | server.repos[SPACE].variables
    environment = {key: value for key, value in environment.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with (
        log.open("w") as output,
        subprocess.Popen(
            [python, "app.py"],
            cwd=folder,
            env=environment | {"GRADIO_SERVER_PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as app,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(600):
                assert app.poll() is None, log.read_text()
                try:
                    urllib.request.urlopen(address, timeout=5).close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.2)
            yield Deployed(folder, python, address)
        finally:
            app.kill()
            print(log.read_text())
            server.reset()
            shutil.rmtree(place / "venv")  # gigabytes, and pytest keeps three runs


def built(folder: Path, environment: Path) -> Path:
    """Make an environment of a Space's requirements and the gradio that its header names; return its interpreter."""
    run(sys.executable, "-m", "venv", environment)
    python = environment / "bin" / "python"
    header = SpaceCard.load(folder / "README.md").data.to_dict()
    wanted = ["-r", "requirements.txt", f"gradio=={header['sdk_version']}", *os.environ.get("XSNS_TORCH", "").split()]
    began = time.monotonic()
    run(python, "-m", "pip", "install", "--quiet", *wanted, cwd=folder)
    print(f"Installed in {time.monotonic() - began:.0f} s:", run(python, "-m", "pip", "list", "--format=freeze"))
    return python


def test_it_is_the_deployed_package_that_runs(deployed):
    where = "import xsns_hf, importlib.metadata as m; print(xsns_hf.__file__, m.version('xsns-hf'))"
    path, version = run(deployed.python, "-c", where, cwd=deployed.folder).split()
    assert Path(path) == deployed.folder / "xsns_hf" / "__init__.py"
    assert version == next(deployed.folder.glob("xsns_hf-*")).name.removeprefix("xsns_hf-").removesuffix(".dist-info")
    elsewhere = subprocess.run(
        [deployed.python, "-c", where], cwd=deployed.folder.parent, capture_output=True, text=True, check=False
    )
    assert "No module named 'xsns_hf'" in elsewhere.stderr, "there is no other"
    assert "No broken requirements" in run(deployed.python, "-m", "pip", "check")


def test_it_answers(deployed):
    client = Client(deployed.address, verbose=False)
    languages = client.predict(api_name="/languages")
    assert sorted(row["language"] for row in languages) == ["deu", "eng", "fin", "rus"]
    answer = client.predict(target="Finnish", api_name="/rank")
    assert answer["masks"] == "user/masks"
    expected = rank_sources("fin", "user/masks").sources
    assert [source["language"] for source in answer["sources"]] == [source.language for source in expected]


def test_it_takes_a_language_of_which_there_are_no_masks(deployed, page):
    bring(page, deployed.address, "\n".join(sample_corpus().sentences("nld")[:30]))
    expect(page.get_by_role("heading", name="Most alike to your language")).to_be_visible(timeout=300_000)
    assert len(page.locator("#brought tbody tr").all()) == 4
