"""The whole path as people take it, with a model, text, masks and Space that are on the Hub, all named by their ids.

What is typed runs in processes of its own; where several small variants are tried, in this one.
"""

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from bench.measuring import free_port
from browsing import await_page, bring
from conftest import CACHE, tiny_xlmr
from datasets import load_dataset
from families import save
from gradio_client import Client
from hub import HubServer, Repository
from hub.faults import ALWAYS
from huggingface_hub import HfApi
from labelled_text import write_language
from peft import LoraConfig, get_peft_model
from playwright.sync_api import expect
from safetensors.torch import save as saved

from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.models.embedded import embedded_checkpoint
from xsns_hf.text.folder import sample_corpus
from xsns_hf.text.hub import SOURCES

# The long way is gone once, for all of these tests.
pytestmark = [pytest.mark.xdist_group("hub path"), pytest.mark.thorough]

ROOT = Path(__file__).parents[2]
PROGRAMS = {"xsns": [sys.executable, "-m", "xsns_hf"], "python": [sys.executable]}
SHA = re.compile("[0-9a-f]{40}")
NAMES = {"deu": "de", "eng": "en", "fin": "fi"}
"""Languages of the path, as WikiANN calls them."""


def run(command: Sequence[str], environment: dict[str, str], **options: Any) -> subprocess.CompletedProcess:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300, **options)


def typed(line: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess:
    """Run a command line, of `xsns` or of a script by `python scripts/…`, in a folder."""
    program, *words = shlex.split(line.replace("scripts/", f"{ROOT}/scripts/"))
    return run([*PROGRAMS[program], *words], environment, cwd=folder)


def upload(name: str, folder: Path) -> str:
    """Put a folder on the Hub as a model, as its author does; return the commit."""
    api = HfApi()
    api.create_repo(name, exist_ok=True)
    return api.upload_folder(repo_id=name, folder_path=folder).oid


def commits_asked(hub: HubServer, name: str) -> set[str]:
    """Return the revisions of which files of a model, or their list, were asked for."""
    paths = [exchange.path for exchange in hub.log]
    found = [re.match(rf"(?:/{name}/resolve|/api/models/{name}/tree)/([^/?]+)", path) for path in paths]
    return {each[1] for each in found if each}


def asks_which_commit(name: str) -> str:
    """Return the pattern of the paths that ask which commit a model's branch or tag is."""
    return rf"^/api/models/{name}(/revision/(?![0-9a-f]{{40}})[^?]*)?(\?|$)"


def origin(index) -> tuple[str, str]:
    """Return checkpoint and revision of masks that all have the same."""
    ((checkpoint, revision),) = {tuple(row) for row in index[["checkpoint", "revision"]].to_numpy()}
    return checkpoint, revision


# --- the path: extract, load_dataset, push, rank, evaluate, the Space


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """HF_HOME of the one who makes the masks."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def walked(server, home) -> Iterator[tuple[dict[str, Repository], subprocess.CompletedProcess, set[str]]]:
    """The Hub after `xsns extract`: its repositories, what was printed, and the revisions of the model asked for.

    The model's card is changed as soon as one process has asked which commit its branch is.
    """
    server.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", server.write_token)
        uploaded = upload("user/e5", embedded_checkpoint())
    server.create(f"datasets/{SOURCES['wikiann'].id}", wikiann())
    card = {"README.md": b"---\nlicense: mit\n---\nBetter words.\n"}
    server.faults.before("GET", asks_which_commit("user/e5"), lambda _: server.commit("user/e5", card), skip=1)
    server.log.clear()
    line = "xsns extract --model user/e5 --head tied --corpus wikiann --languages de,English,fin --examples 8"
    done = typed(f"{line} --seeds 1 --max-length 32 --processes 2 --out user/masks", terminal(server, home), home)
    if server.history("user/e5")[0].oid == uploaded:  # it was asked once for both processes
        server.commit("user/e5", card)
    yield dict(server.repos), done, commits_asked(server, "user/e5")
    server.reset()


def wikiann() -> dict[str, bytes]:
    """The files of WikiANN, as they are on the Hub: a configuration for each language, its text as tokens."""
    files, lines = {}, []
    for code, name in NAMES.items():
        buffer, sentences = io.BytesIO(), sample_corpus().sentences(code)[:60]
        words = [sentence.split() for sentence in sentences]
        pq.write_table(pa.table({"tokens": words, "ner_tags": [[0] * len(each) for each in words]}), buffer)
        files[f"{name}/train-00000-of-00001.parquet"] = buffer.getvalue()
        lines.append(f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {name}/train-*")
    return files | {"README.md": "\n".join(["---", "configs:", *lines, "---", ""]).encode()}


def terminal(hub: HubServer, home: Path) -> dict[str, str]:
    """The environment of someone at a terminal, logged in."""
    return hub.environment(home, hub.write_token) | {"OMP_NUM_THREADS": "1", "GRADIO_ANALYTICS_ENABLED": "False"}


@pytest.fixture
def there(hub, walked) -> HubServer:
    """The Hub with what was extracted."""
    repositories, done, _ = walked
    assert done.returncode == 0, done.stderr
    hub.repos.update(repositories)
    return hub


def test_masks_are_extracted_with_model_text_and_masks_on_the_hub(there, walked):
    _, done, _ = walked
    assert "Next: xsns rank" in done.stdout
    assert "user/masks" in done.stdout
    index = MaskRepository("user/masks").index()
    assert sorted(index["language"]) == sorted(NAMES)
    checkpoint, revision = origin(index)
    assert checkpoint == "user/e5"
    assert revision in [commit.oid for commit in there.history("user/e5")]
    assert (set(index["corpus"]), set(index["head"])) == ({"wikiann"}, {"tied"})


def test_processes_that_work_together_load_the_same_commit(there, walked):
    _, _, asked = walked
    assert asked == {origin(MaskRepository("user/masks").index())[1]}


def test_the_masks_are_a_dataset(there, tmp_path):
    rows = load_dataset("user/masks", split="train", cache_dir=str(tmp_path))
    pairs = {(row["source"], row["target"]) for row in rows}
    assert pairs == {(one, other) for one in NAMES for other in NAMES if one != other}
    repository = MaskRepository("user/masks")
    (recipe,) = repository.recipes()
    rows = load_dataset("user/masks", f"{recipe}.fin", split="train", cache_dir=str(tmp_path))
    bits = b"".join(row["mask"] for row in rows)
    assert bits == repository.subnetwork(recipe, "fin", 0).bits.tobytes()


def test_sources_are_ranked_and_evaluated_from_the_hub(there, home, tmp_path):
    done = typed("xsns rank Finnish --masks user/masks --json", terminal(there, home), tmp_path)
    assert done.returncode == 0, done.stderr
    assert {source["language"] for source in json.loads(done.stdout)["sources"]} == NAMES.keys() - {"fin"}
    scores = [f"{one},{other},{50 + len(one + other) + number}" for number, one in enumerate(NAMES) for other in NAMES]
    (tmp_path / "scores.csv").write_text("\n".join(["source,target,score", *scores]), encoding="utf-8")
    line = "xsns evaluate --gold scores.csv --masks user/masks --predictors xsns,random --json"
    done = typed(line, terminal(there, home), tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["xsns"]["targets"] == 3


def test_a_language_is_added_from_a_file_of_any_name(there, home, tmp_path, xsns):
    (tmp_path / "suahili-2024.txt").write_text("\n".join(sample_corpus().sentences("swh")[:60]), encoding="utf-8")
    before = MaskRepository("user/masks").recipes()
    assert there.history("user/e5")[0].oid not in {recipe.revision for recipe in before.values()}, "it has moved on"
    there.log.clear()
    line = "python scripts/push_language.py --repo user/masks --model user/e5 --language Swahili"
    done = typed(f"{line} --text suahili-2024.txt", terminal(there, home), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of swh." in done.stdout
    assert "Sources for Swahili" in done.stdout
    repository = MaskRepository("user/masks")
    assert repository.recipes() == before, "what the file is called makes no other recipe"
    assert commits_asked(there, "user/e5") == {recipe.revision for recipe in before.values()}
    assert set(repository.index()["language"]) == {*NAMES, "swh"}
    for target, sources in (("swh", {*NAMES}), ("fin", {"deu", "eng", "swh"})):
        code, output, errors = xsns("rank", target, "--masks", "user/masks", "--json")
        assert code == 0, errors
        assert {source["language"] for source in json.loads(output)["sources"]} == sources


@contextmanager
def served(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Run the Space's app, and yield its address."""
    port, log = free_port(), folder / "log"
    command = [sys.executable, str(ROOT / "spaces_app" / "app.py")]
    environment |= {"GRADIO_SERVER_PORT": str(port)}
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output) as app,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            await_page(address, app, log)
            yield address
        finally:
            app.kill()


def test_the_space_answers_and_takes_a_language_with_the_model_on_the_hub(there, tmp_path, page):
    there.log.clear()
    environment = there.environment(tmp_path / "cache") | {"XSNS_MASKS": "user/masks", "OMP_NUM_THREADS": "1"}
    environment["XSNS_MODEL"] = "user/e5"
    with served(environment, tmp_path) as address:
        answer = Client(address, verbose=False).predict(target="Finnish", api_name="/rank")
        assert answer["masks"] == "user/masks"
        assert {"deu", "eng"} <= {source["language"] for source in answer["sources"]}
        assert not commits_asked(there, "user/e5"), "an answer from masks needs no model"
        bring(page, address, "\n".join(sample_corpus().sentences("nld")[:20]))
        found = page.get_by_role("heading", name="Most alike to your language")
        expect(found).to_be_visible(timeout=240_000)  # half a gigabyte is fetched and loaded first
        expect(page.locator("#brought-table tbody tr").first).to_be_attached()
        brought = page.locator("#brought-table").text_content()
        page.goto("about:blank")  # leave before the app ends, or the page complains of that
    for name in ("German", "English", "Finnish"):
        assert name in brought
    assert commits_asked(there, "user/e5") == {origin(MaskRepository("user/masks").index())[1]}


def test_a_space_is_deployed_for_them(there, home, tmp_path):
    line = "python scripts/deploy_space.py user/space --masks user/masks"
    done = typed(line, terminal(there, home), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Created user/space" in done.stdout
    assert {"app.py", "requirements.txt", "xsns_hf/__init__.py"} <= there.files("spaces/user/space").keys()
    variables = there.repos["spaces/user/space"].variables
    assert variables["XSNS_MASKS"] == "user/masks"
    assert variables.keys() <= {"XSNS_MASKS", "XSNS_MODEL"}, "and perhaps the checkpoint, which is of the same owner"


# --- which commit


def extraction(model: str, text: Path, out: Path, *options: object) -> list[object]:
    size = ["--languages", "eng,fin", "--examples", 6, "--seeds", 1, "--processes", 1]
    return ["extract", "--model", model, "--text", text, "--out", out, *size, *options]


@pytest.fixture
def extracted(xsns, text, tmp_path):
    """Run `xsns extract` on a model's id, and return the index of what it makes."""

    def extract(model: str, *options: object, out: str = "masks"):
        code, _, errors = xsns(*extraction(model, text, tmp_path / out, *options))
        assert code == 0, errors
        return MaskRepository(tmp_path / out).index()

    return extract


def other_weights(seed: int) -> bytes:
    """Return a file of weights that fits the tiny model."""
    model = tiny_xlmr()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.2)
    tied = "lm_head.decoder.weight", "lm_head.decoder.bias"
    weights = {key: value.clone() for key, value in model.state_dict().items() if key not in tied}
    return saved(weights, {"format": "pt"})


@pytest.mark.parametrize(
    ("family", "objective"), [("xlm-r", "mlm"), ("llama", "clm"), ("mt5", "span"), ("mbart", "infilling")]
)
def test_each_kind_of_model_loads_by_its_id_at_one_commit(hub, extracted, tmp_path, family, objective):
    commit = upload(f"user/{family}", save(family, tmp_path / "model"))
    hub.log.clear()
    index = extracted(f"user/{family}")
    assert SHA.fullmatch(commit)
    assert origin(index) == (f"user/{family}", commit)
    assert set(index["objective"]) == {objective}
    assert commits_asked(hub, f"user/{family}") == {commit}
    assert len(hub.requests("GET", asks_which_commit(f"user/{family}"))) == 1


def test_an_adapter_is_put_on_the_base_that_it_names(hub, tiny, extracted, tmp_path):
    from transformers import AutoModelForMaskedLM

    base = upload("user/base", tiny)
    model = get_peft_model(AutoModelForMaskedLM.from_pretrained(tiny), LoraConfig(r=2, target_modules=["query"]))
    model.peft_config["default"].base_model_name_or_path = "user/base"
    model.save_pretrained(tmp_path / "lora")
    (tmp_path / "lora" / "README.md").unlink()  # its metadata name the folder as the base, which the Hub refuses
    first = upload("user/lora", tmp_path / "lora")
    HfApi().create_tag("user/lora", tag="v1")
    second = hub.commit("user/lora", {"notes.txt": b"later"})
    hub.log.clear()
    assert origin(extracted("user/lora")) == ("user/lora", f"{base}-{second}")
    assert commits_asked(hub, "user/base") == {base}
    assert commits_asked(hub, "user/lora") == {second}
    hub.log.clear()
    assert origin(extracted("user/lora", "--revision", "v1", out="v1")) == ("user/lora", f"{base}-{first}")
    assert commits_asked(hub, "user/lora") == {first}
    hub.commit("user/base", {"notes.txt": b"later"})
    hub.log.clear()
    pinned = json.loads((tmp_path / "lora" / "adapter_config.json").read_text(encoding="utf-8")) | {"revision": base}
    third = hub.commit("user/lora", {"adapter_config.json": json.dumps(pinned).encode()})
    assert origin(extracted("user/lora", out="pinned")) == ("user/lora", f"{base}-{third}")
    assert commits_asked(hub, "user/base") == {base}


def test_a_branch_tag_commit_and_pull_request_are_each_a_commit(hub, tiny, extracted):
    api = HfApi()
    commits = {"v1": upload("user/tiny", tiny)}
    api.create_tag("user/tiny", tag="v1")
    api.create_branch("user/tiny", branch="experiment")
    commits["experiment"] = hub.commit("user/tiny", {"model.safetensors": other_weights(1)}, revision="experiment")
    added = {"path_or_fileobj": other_weights(2), "path_in_repo": "model.safetensors", "repo_id": "user/tiny"}
    commits["refs/pr/1"] = api.upload_file(**added, create_pr=True).oid
    commits["main"] = hub.commit("user/tiny", {"model.safetensors": other_weights(3)})
    assert len({*commits.values()}) == 4
    made = {}
    for revision, commit in [*commits.items(), (commits["v1"], commits["v1"])]:
        hub.log.clear()
        index = extracted("user/tiny", "--revision", revision, out=revision.replace("/", "-"))
        assert origin(index) == ("user/tiny", commit)
        assert commits_asked(hub, "user/tiny") <= {commit}
        made[revision] = tuple(index["sha256"])
    assert made[commits["v1"]] == made["v1"], "the branch has moved on, the commit stays what it was"
    assert len({*made.values()}) == 4
    assert origin(extracted("user/tiny", out="default")) == ("user/tiny", commits["main"])


@pytest.mark.parametrize("moment", ["config.json", "model.safetensors"])
def test_a_branch_that_moves_meanwhile_mixes_nothing(hub, tiny, extracted, moment):
    old = upload("user/tiny", tiny)
    before = extracted("user/tiny", "--revision", old, out="old")
    # Another name has nothing in the cache.
    old = upload("user/moving", tiny)
    rule = hub.faults.before(
        "*", rf"/resolve/.*{moment}", lambda _: hub.commit("user/moving", {"model.safetensors": other_weights(1)})
    )
    hub.log.clear()
    index = extracted("user/moving")
    assert rule.hits == 1
    assert origin(index) == ("user/moving", old)
    assert commits_asked(hub, "user/moving") == {old}
    assert list(index["sha256"]) == list(before["sha256"])


def test_a_renamed_model_is_recorded_by_its_new_name(hub, tiny, extracted):
    commit = upload("user/tiny", tiny)
    HfApi().move_repo("user/tiny", "team/renamed")
    hub.moved["tiny-uncased"] = "user/tiny"
    hub.log.clear()
    assert origin(extracted("user/tiny")) == ("team/renamed", commit)
    assert commits_asked(hub, "team/renamed") == {commit}
    for name in ("tiny-uncased", "team/renamed"):
        index = extracted(name, "--languages", "rus", "--replace")
        assert origin(index) == ("team/renamed", commit), "they are the same masks' checkpoint"
    assert set(index["language"]) == {"eng", "fin", "rus"}
    assert index["recipe"].nunique() == 1


def test_scores_are_measured_of_a_model_by_its_id(hub, tiny, tmp_path, xsns):
    commit = upload("user/tiny", tiny)
    for code in ("eng", "fin"):
        write_language(tmp_path / "labels", "pos", code, train=8)
    hub.log.clear()
    words = "transfer --task pos --model user/tiny --preset small --batch 4 --max-length 40 --seeds 1 --sources eng,fin"
    code, _, errors = xsns(*words.split(), "--data", tmp_path / "labels", "--out", tmp_path / "gold")
    assert code == 0, errors
    rows = load_dataset(str(tmp_path / "gold"), split="train", cache_dir=str(tmp_path / "cache")).to_pandas()
    assert {tuple(row) for row in rows[["model", "revision"]].to_numpy()} == {("user/tiny", commit)}
    assert commits_asked(hub, "user/tiny") == {commit}


def test_predictors_and_heads_take_a_model_by_its_id(hub, tiny, extracted, text, tmp_path, xsns, monkeypatch):
    monkeypatch.setattr("xsns_hf.models.head_files.cached_assets_path", lambda **_: tmp_path)
    commit = upload("user/tiny", tiny)
    hub.log.clear()
    code, _, errors = xsns("fit-head", "--model", "user/tiny", "--text", text, "--steps", 2)
    assert code == 0, errors
    index = extracted("user/tiny", "--head", "fitted")
    assert origin(index) == ("user/tiny", commit)
    assert index["head"].str.startswith("fitted-").all()
    pairs = [
        f"{one},{other},{number}" for number, one in enumerate(("eng", "fin", "rus")) for other in ("eng", "fin", "rus")
    ]
    (tmp_path / "scores.csv").write_text("\n".join(["source,target,score", *pairs]), encoding="utf-8")
    options = ["--gold", tmp_path / "scores.csv", "--text", text, "--model", "user/tiny", "--examples", 8]
    code, output, errors = xsns("evaluate", "--predictors", "embedding,lexical", *options, "--json")
    assert code == 0, errors
    assert json.loads(output).keys() == {"embedding", "lexical"}
    assert commits_asked(hub, "user/tiny") == {commit}


# --- what can't be had


COMMANDS = """
import json, os, sys
from xsns_hf.cli import main
for token, arguments in json.load(sys.stdin):
    os.environ["HF_TOKEN"] = token
    sys.argv = ["xsns", *arguments]
    try:
        main()
    except SystemExit as stopped:
        code = stopped.code or 0
    for stream in (sys.stdout, sys.stderr):
        print(f"\\n=== {code}", file=stream, flush=True)
"""


def run_each(commands: Sequence[tuple[str, list[object]]], environment: dict[str, str]) -> list[tuple[int, str, str]]:
    """Run commands, each with its token, in one process; return exit code, output and errors of each."""
    lines = json.dumps([(token, list(map(str, arguments))) for token, arguments in commands])
    done = run([sys.executable, "-c", COMMANDS], environment, input=lines)
    assert done.returncode == 0, done.stderr
    parts = [re.split(r"\n=== (\d+)\n", stream)[:-1] for stream in (done.stdout, done.stderr)]
    (outputs, codes), (errors, _) = ((each[::2], list(map(int, each[1::2]))) for each in parts)
    return list(zip(codes, outputs, errors, strict=True))


def assert_one_sentence(model: str, code: int, errors: str) -> None:
    assert code == 2, errors
    assert errors.startswith("xsns: ")
    assert errors.strip().count("\n") == 0
    assert model in errors
    for secret in (HubServer.write_token, HubServer.read_token, HubServer.other_token):
        assert secret not in errors


def test_what_may_not_be_read_or_isnt_there_is_said_in_a_sentence(hub, tiny, text, tmp_path):
    for name in ("user/private", "user/gated", "user/tiny"):
        upload(name, tiny)
    hub.repos["user/private"].private = True
    hub.repos["user/gated"].gated = "manual"
    HfApi().move_repo("user/private", "user/hidden")
    cases = [
        ("user/hidden", hub.other_token, [], "log in"),
        ("user/hidden", "", [], "log in"),
        ("user/private", "", [], "log in"),
        ("user/gated", hub.other_token, [], "gated"),
        ("user/gated", "", [], "gated"),
        ("user/nothing", hub.write_token, [], "check the name"),
        ("nothing", hub.write_token, [], "check the name"),
        ("user/tiny", "unknown", [], "log in"),
        ("user/tiny", hub.write_token, ["--revision", "v9"], "v9"),
        ("user/tiny", hub.write_token, ["--revision", "0123456789" * 4], "0123456789" * 4),
    ]
    commands = [(token, extraction(model, text, tmp_path / "masks", *options)) for model, token, options, _ in cases]
    for model in ("user/private", "user/gated"):
        commands.append((hub.read_token, extraction(model, text, tmp_path / model.replace("/", "-"))))
    *failed, private, gated = run_each(commands, hub.environment(tmp_path / "cache") | {"OMP_NUM_THREADS": "1"})
    for (model, _, _, words), (code, _, errors) in zip(cases, failed, strict=True):
        assert_one_sentence(model, code, errors)
        assert words in errors
    assert list((tmp_path / "masks").glob("[!.]*")) == []
    assert (private[0], gated[0]) == (0, 0), private[2] + gated[2]
    assert origin(MaskRepository(tmp_path / "user-private").index())[0] == "user/hidden"


def test_a_hub_that_is_out_of_order_is_said_in_a_sentence(hub, tiny, text, tmp_path, xsns):
    upload("user/uncached", tiny)
    hub.faults.fail("*", "user/uncached", 503, times=ALWAYS)
    code, _, errors = xsns(*extraction("user/uncached", text, tmp_path / "masks"))
    assert_one_sentence("user/uncached", code, errors)


def test_without_the_hub_a_model_comes_from_the_cache(hub, tiny, extracted, text, tmp_path):
    commits = {"v1": upload("user/kept", tiny)}
    HfApi().create_tag("user/kept", tag="v1")
    made = {"v1": extracted("user/kept", out="online")}
    commits["main"] = hub.commit("user/kept", {"model.safetensors": other_weights(1)})
    made["main"] = extracted("user/kept", out="online-later")
    extracted("user/kept", "--revision", "v1", out="online-v1")
    hub.log.clear()
    ways = {
        "offline": {"HF_HUB_OFFLINE": "1"},
        "no network": {"HF_ENDPOINT": f"http://127.0.0.1:{free_port()}"},
    }
    for way, settings in ways.items():
        environment = hub.environment(tmp_path / "cache") | {"OMP_NUM_THREADS": "1", "HF_HUB_CACHE": CACHE} | settings
        revisions = {"main": [], "v1": ["--revision", "v1"], commits["v1"]: ["--revision", commits["v1"]]}
        outs = [tmp_path / f"{way} {revision}" for revision in revisions]
        commands = [
            extraction("user/kept", text, out, *options) for out, options in zip(outs, revisions.values(), strict=True)
        ]
        commands.append(extraction("user/never-fetched", text, tmp_path / "cold"))
        commands.append(extraction("user/kept", text, tmp_path / "cold", "--revision", "v9"))
        *warm, never, other = run_each([(hub.write_token, each) for each in commands], environment)
        for revision, out, (code, _, errors) in zip(revisions, outs, warm, strict=True):
            assert code == 0, (way, revision, errors)
            index, online = MaskRepository(out).index(), made["main" if revision == "main" else "v1"]
            assert origin(index) == origin(online)
            assert list(index["sha256"]) == list(online["sha256"])
        assert_one_sentence("user/never-fetched", never[0], never[2])
        assert_one_sentence("v9", other[0], other[2])
        assert list((tmp_path / "cold").glob("[!.]*")) == []
        assert hub.log == []
