import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest
import torch
from accelerate import Accelerator
from conftest import SMALL, tiny_tokenizer
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

from xsns_hf.dataset.published import task_gold
from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.extraction.extract import extract
from xsns_hf.masks.similarity import jaccard_row
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.ranking.rank import Source, order_sources, rank_in
from xsns_hf.ranking.suggestions import suggest_in
from xsns_hf.recipe import Recipe
from xsns_hf.space.own_text import bringing, running
from xsns_hf.space.own_text.bringing import Brought, Progress, bring, code_of
from xsns_hf.space.own_text.expecting import suggestions_of
from xsns_hf.space.own_text.running import in_child
from xsns_hf.space.own_text.worker import Request, extract_masks
from xsns_hf.text.corpus import Sentences
from xsns_hf.text.folder import sample_corpus

STAGES = ["Loading the checkpoint", "Finding the sub-network", "Comparing with the published masks"]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return sample_corpus().sentences("fin")[100:140]


@pytest.fixture
def published(masks) -> RecipeMasks:
    return MaskRepository(masks).masks()


@pytest.fixture
def inside(monkeypatch) -> None:
    """Extract in this process, which has torch loaded, instead of in one of its own."""
    monkeypatch.setattr(bringing, "run", lambda request, seconds: extract_masks(request))


def brought(records: Iterator[Progress | Brought]) -> Brought:
    *_, last = records
    assert isinstance(last, Brought)
    return last


def expected_sources(tiny, masks, lines, language: str, candidates: list[str], seeds=(0, 1)) -> list[Source]:
    """By the library alone."""
    checkpoint, repository = load_checkpoint(str(tiny)), MaskRepository(masks)
    (name, recipe), *_ = repository.recipes().items()
    corpus = Sentences("pasted", {language: lines})
    records = extract(checkpoint, corpus, recipe, language, seeds, Accelerator(cpu=True))
    rows = {
        candidate: [jaccard_row(new.mask, [repository.subnetwork(name, candidate, new.seed)])[0] for new in records]
        for candidate in candidates
    }
    return order_sources(pd.DataFrame.from_dict(rows, orient="index", columns=list(seeds)))


def assert_alike(found: list[Source], expected: list[Source]) -> None:
    similarity = {source.language: source.similarity for source in found}
    assert similarity == pytest.approx({source.language: source.similarity for source in expected}, abs=2e-3)
    assert [source.similarity for source in found] == sorted(similarity.values(), reverse=True)


@pytest.mark.thorough
def test_a_page_without_a_guard_brings_a_language_and_needs_no_torch(tiny, masks, lines, tmp_path):
    """The script stands for a Space's app.py: run twice, it would say so twice."""
    (tmp_path / "torch.py").write_text("raise SystemExit('not what is beside the page')")
    (tmp_path / "app.py").write_text(
        "import dataclasses, json, sys\n"
        "sys.path.pop(0)\n"
        "from xsns_hf import MaskRepository\n"
        "from xsns_hf.space.own_text.bringing import Progress, bring\n"
        "from xsns_hf.space.own_text.pasted import sentences_of\n"
        "sentences = sentences_of(sys.stdin.read())\n"
        "for record in bring(sentences, 'Finnish', MaskRepository(sys.argv[1]).masks(), models=[sys.argv[2]]):\n"
        "    print(json.dumps(dataclasses.asdict(record)))\n"
        "assert not {'torch', 'transformers', 'gradio'} & set(sys.modules)\n"
    )
    command = [sys.executable, "app.py", str(masks), str(tiny)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, input="\r\n".join(lines), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "example/s" not in done.stderr
    assert not any(line in done.stderr for line in lines)
    *progress, last = map(json.loads, done.stdout.splitlines())
    steps = [(STAGES.index(step["stage"]), step["done"]) for step in progress]
    assert steps == sorted(steps)
    assert {stage for stage, _ in steps} == {0, 1, 2}
    assert all(step["done"] <= step["total"] for step in progress)
    assert [(step["done"], step["seconds_left"]) for step in progress if step["total"] == 32][-1] == (32, 0)
    assert last["examples"] == 16
    ranking = last["ranking"]
    assert (ranking["target"], ranking["seeds"], ranking["missing"]) == ("fin", 2, [])
    candidates = ["deu", "eng", "fra", "rus", "swe", "vie"]
    expected = expected_sources(tiny, masks, lines, "fin", candidates)
    assert_alike([Source(**source) for source in ranking["sources"]], expected)


def test_a_language_without_a_code_is_ranked_too(tiny, masks, published, lines, inside):
    found = brought(bring(lines, " ", published, candidates=["sv", "German", "Finnish", "ell"], models=[str(tiny)]))
    assert found.ranking.target == "und"
    assert found.ranking.missing == ["ell"]
    assert_alike(found.ranking.sources, expected_sources(tiny, masks, lines, "zbl", ["swe", "deu", "fin"]))


@pytest.mark.thorough
def test_seeds_and_files_that_are_missing(tiny, masks, lines, inside, tmp_path):
    shutil.copytree(masks, tmp_path / "masks")
    next((tmp_path / "masks").rglob("rus-*.parquet")).unlink()
    published = MaskRepository(tmp_path / "masks").masks()
    published.index = published.index.query("language != 'swe' or seed == 1")
    ranking = brought(bring(lines, "fin", published, candidates=["swe", "deu", "rus"], models=[str(tiny)])).ranking
    assert (ranking.seeds, ranking.missing) == (1, ["rus"])
    assert_alike(ranking.sources, expected_sources(tiny, masks, lines, "fin", ["swe", "deu"], seeds=[1]))
    for file in (tmp_path / "masks").rglob("masks/*/*.parquet"):
        file.unlink()
    with pytest.raises(XsnsError, match=r"files of the masks in .* are missing"):
        brought(bring(lines, "fin", published, models=[str(tiny)]))


def test_time_is_limited_also_while_masks_are_fetched(tiny, published, lines, inside):
    with pytest.raises(XsnsError, match="takes too long just now"):
        brought(bring(lines, "fin", published, models=[str(tiny)], seconds=0.001))


def test_another_checkpoint_is_refused_in_a_sentence(tiny, headless, published, lines, inside, tmp_path):
    with pytest.raises(XsnsError, match="ships no language-model head"):
        brought(bring(lines, "fin", published, models=[str(headless)]))
    other = tmp_path / "tiny-xlmr"
    torch.manual_seed(5)
    XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=300, **SMALL)).save_pretrained(other)
    tiny_tokenizer().save_pretrained(other)
    with pytest.raises(
        XsnsError, match=r"masks are of tiny-xlmr with revision .* but the checkpoint here has revision"
    ):
        brought(bring(lines, "fin", published, models=[str(other)]))
    with pytest.raises(XsnsError, match="a folder on the computer where they were made"):
        brought(bring(lines, "fin", published))
    request = Request(lines, "fin", [0], published.recipe, str(tiny), layout="0123")
    assert "with layout 0123, but the checkpoint here has layout" in list(extract_masks(request))[-1]["error"]


def test_lines_that_are_too_short_for_the_model(tiny, published, inside):
    short = [letter * 2 for letter in "abcdefghij"]
    with pytest.raises(XsnsError, match="No sentence in your text has 5 tokens"):
        brought(bring(short, None, published, models=[str(tiny)]))
    with pytest.raises(XsnsError, match="One sentence in your text has 5 tokens or more"):
        brought(bring([*short, "a sentence that is long enough"], "fin", published, models=[str(tiny)]))


@pytest.mark.parametrize("language", ["Finish", "x" * 1_000_000, "\x00abcd", "\ud800abcd", "<script>", "../../etc"])
def test_languages_that_are_none(published, language):
    with pytest.raises(XsnsError) as raised:
        next(bring([], language, published))
    assert len(str(raised.value)) < 400
    assert code_of("  ") is code_of(None) is None


def test_candidates_without_masks(tiny, published, lines):
    with pytest.raises(XsnsError, match="None of the candidates has masks"):
        next(bring(lines, "fin", published, candidates=["fin", "ell"], models=[str(tiny)]))


def request_of(tiny, masks, lines) -> Request:
    repository = MaskRepository(masks)
    (recipe,) = repository.recipes().values()
    return Request(lines, "fin", [0, 1], recipe, str(tiny), repository.layout().fingerprint)


def test_the_time_limit_kills_the_child(tiny, published, lines, children):
    with pytest.raises(XsnsError, match=r"stopped after 0\.4 seconds"):
        brought(bring(lines, "fin", published, models=[str(tiny)], seconds=0.4))
    assert children[0].poll() == -9


@pytest.mark.thorough
def test_leaving_kills_the_child(tiny, published, lines, children):
    job = bring(lines, "fin", published, models=[str(tiny)])
    assert next(job) == next(job) == Progress(STAGES[0]), "the second is a heartbeat"
    assert children[0].poll() is None
    job.close()
    assert children[0].poll() == -9
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and thread.is_alive()]


@pytest.mark.thorough
def test_a_child_that_dies_is_reported(tiny, masks, lines, children):
    records = in_child(request_of(tiny, masks, lines * 5000), 60)  # more than a pipe holds at once
    assert next(records) == {}
    children[0].kill()
    with pytest.raises(XsnsError, match="want of memory"):
        list(records)


@pytest.mark.thorough
def test_a_child_ends_soon_after_its_page(tiny, masks, lines, children):
    """Of a page that is killed nothing is left but a pipe that nobody reads."""
    records = in_child(request_of(tiny, masks, lines), 60)
    next(records)
    children[0].stdout.close()
    assert children[0].wait(timeout=20) == 1
    with pytest.raises(ValueError, match="closed file"):
        next(records)


def test_a_generator_that_is_closed_ends_its_thread(tiny, masks, lines):
    threads = threading.active_count()
    records = extract_masks(request_of(tiny, masks, lines))
    next(records)
    records.close()
    until = time.monotonic() + 20
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() == threads


def test_an_unforeseen_error_quotes_no_text(tiny, masks, lines, monkeypatch, capfd):
    def fail(*_, **__):
        raise RuntimeError(f"can't stand {lines[0]}")

    monkeypatch.setattr("xsns_hf.extraction.extract.extract", fail)
    *_, last = extract_masks(request_of(tiny, masks, lines))
    assert last["error"].startswith("The extraction failed (RuntimeError)")
    errors = capfd.readouterr().err
    assert "in fail" in errors
    assert lines[0] not in errors


def test_zero_gpu_runs_the_same_function(tiny, published, lines, monkeypatch):
    spaces, durations = ModuleType("spaces"), []

    def gpu(duration):
        durations.append(duration)
        return lambda task: task

    spaces.GPU, spaces.__spec__ = gpu, SimpleNamespace()  # type: ignore[attr-defined,assignment]
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    assert running.runner() is in_child
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(bringing, "run", running.runner())
    assert durations == [running.GPU_SECONDS]
    assert brought(bring(lines, "fin", published, models=[str(tiny)])).examples == 16


def test_extraction_tells_its_progress_in_place_of_a_bar(tiny, lines, capfd):
    checkpoint = load_checkpoint(str(tiny))
    recipe = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, "pasted", examples=100)
    seen: list[tuple[int, int]] = []
    corpus = Sentences("pasted", {"fin": lines})
    cpu = Accelerator(cpu=True)
    extract(checkpoint, corpus, recipe, "fin", [0], cpu, on_progress=lambda *progress: seen.append(progress))
    assert seen == [(16, 40), (32, 40), (40, 40)]
    assert "example/s" not in capfd.readouterr().err


def test_scores_to_expect_for_a_brought_language_are_those_of_a_published_one():
    """As if the masks of Finnish had been brought: what was learnt and what is expected are the same."""
    ready = MaskRepository("ready").masks()
    gold, ranking = task_gold(ready.repository, "pos"), rank_in(ready, "fin", None, None)
    expected = suggest_in(ready, "fin", gold, task="pos")
    found = suggestions_of(ranking, ready, gold, comparable=True)
    assert found.sources == expected.sources
    pd.testing.assert_frame_equal(found.outlook.table, expected.outlook.table, check_names=False, atol=1e-3)
    tables = []
    for share in (0.8, 0.6):  # lower similarities of fewer sentences don't promise lower scores
        lower = [replace(source, similarity=source.similarity * share) for source in ranking.sources]
        given = suggestions_of(replace(ranking, sources=lower), ready, gold, comparable=False)
        tables.append(given.outlook.table)
    assert list(tables[0].index) == found.outlook.order
    pd.testing.assert_frame_equal(*tables, atol=1e-6)
    assert suggestions_of(ranking, ready, None, comparable=True).outlook is None


def test_a_gpu_takes_as_much_text_as_the_masks_are_made_of(published, monkeypatch):
    assert bringing.amount(published) == (16, 2)
    monkeypatch.setattr(bringing, "EXAMPLES", 8)
    assert bringing.amount(published) == (8, 2)
    monkeypatch.setattr(bringing, "has_gpu", lambda: True)
    assert bringing.amount(published) == (16, 2)
