import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import psutil
import pytest
import torch
from accelerate import Accelerator
from conftest import tiny_xlmr

from xsns_hf.cli import launching
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import XsnsError
from xsns_hf.extraction import batches
from xsns_hf.extraction import extract as extraction
from xsns_hf.extraction.examples import text_examples
from xsns_hf.extraction.extract import extract
from xsns_hf.importance.fisher import ExactFisher
from xsns_hf.masks.similarity import jaccard
from xsns_hf.masks.subnetwork import select
from xsns_hf.models.loading import load_checkpoint
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus, text_folder


@pytest.fixture(scope="module")
def accelerator() -> Accelerator:
    return Accelerator(cpu=True)


def recipe_of(checkpoint, **fields) -> Recipe:
    defaults = {"corpus": "text", "examples": 32}
    return Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, **(defaults | fields))


def test_the_batch_size_changes_only_the_rounding(tiny, text, accelerator, monkeypatch):
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    recipe = recipe_of(checkpoint)
    (whole,) = extract(checkpoint, corpus, recipe, "fin", [0], accelerator)
    monkeypatch.setitem(batches.MOST_EXAMPLES, "cpu", 3)
    (parts,) = extract(checkpoint, corpus, recipe, "fin", [0], accelerator)
    assert jaccard(whole.mask, parts.mask) >= 0.9995
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert whole.mask.n_selected == round(0.15 * whole.mask.layout.size)


def test_a_repetition_is_bit_identical_and_a_seed_is_not(tiny, text, accelerator):
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    one, other = extract(checkpoint, corpus, recipe_of(checkpoint), "fin", [0, 1], accelerator)
    (again,) = extract(checkpoint, corpus, recipe_of(checkpoint), "fin", [0], accelerator)
    assert again.mask.sha256 == one.mask.sha256
    assert 0.2 < jaccard(one.mask, other.mask) < 0.99


def test_the_mean_is_over_examples_and_the_paper_equation_holds(tiny, text, accelerator):
    """The whole path against a loop over the drawn examples with the model's own loss."""
    from xsns_hf.models.blocks import block_parameters

    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    recipe = recipe_of(checkpoint, examples=12)
    (found,) = extract(checkpoint, corpus, recipe, "fin", [7], accelerator)
    model = tiny_xlmr()
    parameters = block_parameters(model.base_model)
    sums = [torch.zeros_like(parameter) for parameter in parameters.values()]
    examples = text_examples(checkpoint, corpus, recipe, "fin", 7)
    for example in examples:
        loss = model(torch.tensor(example.tokens)[None], labels=torch.tensor(example.labels)[None]).loss
        for total, gradient in zip(sums, torch.autograd.grad(loss, list(parameters.values())), strict=True):
            total += gradient**2 / len(examples)
    flat = torch.cat([total.flatten() for total in sums]).numpy()
    expected = select(flat, found.mask.layout, 0.15)
    assert jaccard(found.mask, expected) >= 0.999
    assert found.mask.threshold == pytest.approx(expected.threshold, rel=1e-4)


def test_the_released_variant_gives_another_mask(tiny, text, accelerator):
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    (exact,) = extract(checkpoint, corpus, recipe_of(checkpoint), "fin", [0], accelerator)
    released = [
        extract(checkpoint, corpus, recipe_of(checkpoint, importance="released"), "fin", [0], accelerator)[0]
        for _ in range(2)
    ]
    assert jaccard(released[0].mask, released[1].mask) == 1, "dropout must be seeded"
    assert jaccard(exact.mask, released[0].mask) < 0.9


def test_too_little_text_is_used_whole_and_said(tiny, text, accelerator, caplog):
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    with caplog.at_level(logging.WARNING):
        (found,) = extract(checkpoint, corpus, recipe_of(checkpoint, examples=1024), "fin", [0], accelerator)
    assert found.examples == 40
    assert "Finnish (fin) has 40 sentences of 5 tokens or more in text, fewer than |D| = 1024" in caplog.text


def test_sentences_of_a_few_tokens_are_left_out_and_others_drawn_instead(tiny, text, accelerator):
    lines = (text / "fin.txt").read_text(encoding="utf-8").splitlines()
    (text / "fin.txt").write_text("\n".join(["On.", *lines[:20], "a", *lines[20:]]), encoding="utf-8")
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    (found,) = extract(checkpoint, corpus, recipe_of(checkpoint, examples=40), "fin", [0], accelerator)
    assert found.examples == 40
    (text / "fin.txt").write_text("On.\na\n", encoding="utf-8")
    with pytest.raises(XsnsError, match=r"No sentence in .*fin\.txt has 5 tokens"):
        extract(checkpoint, corpus, recipe_of(checkpoint), "fin", [0], accelerator)


def test_a_batch_that_outweighs_all_others_is_reported(tiny, text, accelerator, monkeypatch, caplog):
    monkeypatch.setitem(batches.MOST_EXAMPLES, "cpu", 2)
    original = ExactFisher.add

    def add(self, **inputs):
        losses = original(self, **inputs)
        if self.count == 6:
            self.sums *= 50
        return losses

    monkeypatch.setattr(ExactFisher, "add", add)
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    with caplog.at_level(logging.WARNING):
        extract(checkpoint, corpus, recipe_of(checkpoint), "fin", [0], accelerator)
    assert re.search(r"one batch of at most 2 sentences makes up \d\d % of", caplog.text)


def test_weights_that_are_not_finite_are_refused(tiny, text, accelerator):
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    with torch.no_grad():
        next(checkpoint.body.parameters())[7:].fill_(float("nan"))
    with pytest.raises(XsnsError, match="isn't finite"):
        extract(checkpoint, corpus, recipe_of(checkpoint), "fin", [0], accelerator)


def test_long_examples_are_cut_to_what_the_model_has_positions_for(tiny, text, accelerator):
    (text / "eng.txt").write_text("\n".join(["word " * 400] * 5))
    checkpoint = load_checkpoint(str(tiny))
    (found,) = extract(checkpoint, text_folder(text), recipe_of(checkpoint, max_length=5000), "eng", [0], accelerator)
    assert found.examples == 5


def halves_agree(checkpoint, recipe, examples) -> float:
    """The agreement by definition: masks of every other example, by two extractions' worth of Fisher information."""
    masks = []
    for half in (examples[0::2], examples[1::2]):
        fisher = ExactFisher(checkpoint.body)
        for _, batch in batches.batches(half, fisher.layout, torch.device("cpu")):
            fisher.add(**batches.collate(batch, 1, torch.device("cpu")), head=checkpoint.head)
        masks.append(select(fisher.sums.numpy(), fisher.layout, recipe.density))
    return jaccard(*masks)


@pytest.mark.thorough
def test_auto_takes_as_many_examples_as_the_mask_needs_to_settle(tiny, accelerator, caplog):
    checkpoint, corpus = load_checkpoint(str(tiny)), sample_corpus()
    sizes, wanted = [], 0.5
    for _ in range(3):
        recipe = recipe_of(checkpoint, examples=300, agreement=wanted)
        (found,) = extract(checkpoint, corpus, recipe, "fin", [0], accelerator)
        assert found.agreement >= wanted
        examples = text_examples(checkpoint, corpus, recipe, "fin", 0)[: found.examples]
        assert found.agreement == pytest.approx(halves_agree(checkpoint, recipe, examples), abs=1e-3)
        (fixed,) = extract(checkpoint, corpus, recipe_of(checkpoint, examples=found.examples), "fin", [0], accelerator)
        assert jaccard(found.mask, fixed.mask) >= 0.9995, "the same examples give the same mask"
        assert found.loss == pytest.approx(fixed.loss, rel=1e-5)
        sizes.append(found.examples)
        wanted = found.agreement + 0.001  # settled one check later, wherever rounding puts it
    assert sizes[0] == extraction.FIRST_CHECK
    assert sizes[0] < sizes[1] < sizes[2]
    assert caplog.text == ""


def test_auto_says_when_the_text_is_too_little_to_settle(tiny, text, accelerator, caplog):
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    recipe = recipe_of(checkpoint, examples=1024, agreement=0.95)
    (found,) = extract(checkpoint, corpus, recipe, "fin", [0], accelerator)
    assert found.examples == 40
    assert re.search(r"the halves of 40 sentences agree to 0\.\d\d, not to the 0\.95 asked for", caplog.text)


@pytest.mark.parametrize("count", [1, 40, 127, 128, 129, 500, 1024])
def test_the_checks_end_with_all_there_is(count):
    checks = extraction.check_sizes(count)
    assert checks[-1] == count
    assert checks == sorted(set(checks))
    assert all(check % 2 == 0 for check in checks[:-1]), "the halves are of one size"
    assert all(b / a < 1.25 for a, b in pairwise(checks))


@pytest.mark.slow
def test_two_processes_settle_where_one_does(tiny, tmp_path, accelerator):
    arguments = ["extract", "--model", str(tiny), "--languages", "fin,rus", "--seeds", "1", "--out", str(tmp_path)]
    arguments += ["--examples", "auto", "--agreement", "0.8", "--most", "300", "--processes", "2"]
    done = subprocess.run([*XSNS, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "halves" in done.stdout
    checkpoint, repository = load_checkpoint(str(tiny)), MaskRepository(tmp_path)
    recipe = recipe_of(checkpoint, corpus="sample", importance="capped", examples=300, agreement=0.8)
    for row in repository.index().to_dict("records"):
        (alone,) = extract(checkpoint, sample_corpus(), recipe, row["language"], [0], accelerator)
        assert (row["examples"], row["agreement_wanted"]) == (alone.examples, 0.8)
        assert row["agreement"] == pytest.approx(alone.agreement, abs=1e-3)
        assert row["loss"] == pytest.approx(alone.loss, rel=1e-5)
        assert jaccard(alone.mask, repository.subnetwork(recipe.name, row["language"], 0)) >= 0.9995


def test_bfloat16_gives_nearly_the_same_mask(tiny, text, accelerator):
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    (exact,) = extract(checkpoint, corpus, recipe_of(checkpoint), "fin", [0], accelerator)
    (rough,) = extract(checkpoint, corpus, recipe_of(checkpoint, precision="bfloat16"), "fin", [0], accelerator)
    assert 0.9 < jaccard(exact.mask, rough.mask) < 1
    assert rough.loss == pytest.approx(exact.loss, rel=0.01)


@pytest.mark.thorough
@pytest.mark.parametrize("fisher", ["exact", "capped", "normalised", "gradient", "snip", "activation"])
def test_weights_in_bfloat16_give_nearly_the_same_mask_too(tiny, text, accelerator, fisher):
    checkpoint, corpus = load_checkpoint(str(tiny)), text_folder(text)
    (exact,) = extract(checkpoint, corpus, recipe_of(checkpoint, importance=fisher), "fin", [0], accelerator)
    recipe = recipe_of(checkpoint, importance=fisher, precision="bfloat16-weights")
    (rough,) = extract(checkpoint, corpus, recipe, "fin", [0], accelerator)
    assert next(checkpoint.body.parameters()).dtype == torch.bfloat16
    assert recipe.name.endswith("bfloat16-weights")
    assert jaccard(exact.mask, rough.mask) > 0.8
    assert rough.loss != exact.loss and rough.loss == pytest.approx(exact.loss, rel=0.01)


XSNS = [sys.executable, "-m", "xsns_hf"]


@pytest.mark.thorough
def test_a_mistake_in_several_processes_is_one_sentence_and_code_2(text, tmp_path):
    arguments = ["extract", "--model", "./nowhere", "--text", str(text), "--out", str(tmp_path / "masks")]
    command = [*XSNS, *arguments, "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("xsns: ./nowhere") == 1
    assert "Traceback" not in done.stderr


def test_an_interrupt_that_python_drops_ends_the_work_all_the_same():
    """What a finaliser raises is printed and forgotten."""
    program = """if True:
        import signal
        from xsns_hf import processes
        class Work:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)
        processes.remember_interrupts()
        work = Work()
        del work
        print("dropped", flush=True)
        processes.stop_if_interrupted()
        print("finished")
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "dropped\n"
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.thorough
def test_interrupting_keeps_finished_languages_and_the_same_command_resumes(tiny, tmp_path, xsns):
    text = tmp_path / "text"
    text.mkdir()
    for code in sample_corpus().languages[:8]:
        shutil.copy(sample_corpus().files[code], text)
    arguments = ["extract", "--model", str(tiny), "--text", str(text), "--examples", "60", "--seeds", "3"]
    arguments += ["--processes", "1", "--out"]
    command = [*XSNS, *arguments, str(tmp_path / "a")]
    stopped = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "a" / "index.parquet").exists() and stopped.poll() is None:
        time.sleep(0.05)
    stopped.send_signal(signal.SIGINT)
    errors = stopped.communicate()[1]
    assert stopped.returncode == 130
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors
    kept = MaskRepository(tmp_path / "a").index()
    assert 0 < kept["language"].nunique() < 8
    for out in ("a", "b"):
        code, output, errors = xsns(*arguments, tmp_path / out)
        assert code == 0, errors
        assert ("There already" in output) == (out == "a")
    resumed, whole = MaskRepository(tmp_path / "a"), MaskRepository(tmp_path / "b")
    assert (resumed.index()["sha256"] == whole.index()["sha256"]).all()
    assert np.array_equal(resumed.similarity()["jaccard"], whole.similarity()["jaccard"])


@pytest.mark.thorough
def test_the_embedded_checkpoint_gives_the_fisher_information_of_a_plain_autograd_loop():
    """Eight real sentences in four scripts, batched with padding, against one example at a time."""
    from xsns_hf.models.blocks import block_parameters

    checkpoint, corpus = load_checkpoint("embedded"), sample_corpus()
    recipe = recipe_of(checkpoint, examples=2)
    examples = [
        example
        for language in ("fin", "rus", "hin", "jpn")
        for example in text_examples(checkpoint, corpus, recipe, language, 0)
    ]
    fisher = ExactFisher(checkpoint.body)
    for _, batch in batches.batches(examples, fisher.layout, torch.device("cpu")):
        fisher.add(**batches.collate(batch, 1, torch.device("cpu")), head=checkpoint.head)
    assert fisher.count == 8
    assert fisher.by_autograd == []

    parameters = block_parameters(checkpoint.body)
    checkpoint.body.requires_grad_(True)
    expected = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    for example in examples:
        tokens, labels = torch.tensor(example.tokens)[None], torch.tensor(example.labels)
        logits = checkpoint.head(checkpoint.body(tokens).last_hidden_state[0])
        loss = torch.nn.functional.cross_entropy(logits, labels)
        for name, gradient in zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True):
            expected[name] += gradient**2
    for tensor in fisher.layout.tensors:
        if not tensor.name.endswith("key.bias"):  # zero in theory, rounding noise in practice
            ours, theirs = fisher.sums[tensor.span].view(tensor.shape), expected[tensor.name]
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.max()), msg=tensor.name)


@pytest.mark.thorough
def test_a_killed_process_ends_the_others_and_is_reported(capfd):
    script = (
        "import os, signal, time; os.environ['RANK'] == '1' and os.kill(os.getpid(), signal.SIGKILL); time.sleep(60)"
    )
    assert launching.run_command([sys.executable, "-c", script], 2) == 9
    assert "killed by signal 9; if memory ran out, use fewer --processes" in capfd.readouterr().err


@pytest.mark.thorough
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_what_ends_the_first_process_ends_those_it_started(told):
    script = """
import sys
from xsns_hf.cli import launching
worker = "import os, signal, time; signal.signal(2, signal.SIG_DFL); os.write(1, b'up\\\\n'); time.sleep(60)"
sys.exit(launching.run_command([sys.executable, "-c", worker], 2))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout and first.stderr
        assert [first.stdout.readline() for _ in range(2)] == ["up\n"] * 2
        workers = psutil.Process(first.pid).children()
        first.send_signal(told)
        assert first.wait(60) == 128 + told
        assert first.stderr.read() == ""
    assert psutil.wait_procs(workers, timeout=30)[1] == []


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="has no signals")
@pytest.mark.parametrize("number", [1, 2])
def test_killing_the_launcher_ends_what_it_started(tiny, tmp_path, number):
    """As the kernel kills for want of memory: the launcher can do nothing any more."""
    arguments = ["extract", "--model", str(tiny), "--examples", "32", "--seeds", "1", "--out", str(tmp_path / "masks")]
    program = f"from xsns_hf.cli import launching; launching.run({arguments!r}, {number})"
    output = (tmp_path / "log").open("w")
    with output, subprocess.Popen([sys.executable, "-c", program], stdout=output, stderr=output) as launcher:
        first, until = psutil.Process(launcher.pid), time.monotonic() + 120
        while not (tmp_path / "masks" / "index.parquet").exists() and time.monotonic() < until:
            assert launcher.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        workers = first.children(recursive=True)
        assert len(workers) >= number
        launcher.kill()
    assert psutil.wait_procs(workers, timeout=30)[1] == []
