"""Shared by the tests: tiny random models saved as ordinary checkpoints, and small text."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hub import HubServer

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))  # `bench` and `study` are imported from there

# Hugging Face's libraries read these when they are imported: the tests' Hub is a stand-in on loopback, which answers
# from the first test on that asks for it.
SERVER = HubServer()
CACHE = tempfile.mkdtemp(prefix="xsns-tests-")
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
os.environ |= {"HF_DATASETS_CACHE": f"{CACHE}/datasets"}
os.environ |= {"HF_ENDPOINT": SERVER.url, "HF_HUB_CACHE": CACHE, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
os.environ.pop("HF_TOKEN", None)
if not shutil.which("nvidia-smi"):
    os.environ["TRITON_INTERPRET"] = "1"  # must be there when Triton is first imported, which may be soon

import numpy as np
import pytest
import torch
from browsing import browser, page  # noqa: F401 (fixtures)
from hub_text import empty_text_cache  # noqa: F401 (a fixture)
from hypothesis import settings
from started import children  # noqa: F401 (a fixture)
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)
from typer.testing import CliRunner

from xsns_hf.cli import app, main
from xsns_hf.dataset.record import MaskRecord
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.masks.layout import ParameterLayout
from xsns_hf.masks.subnetwork import SubNetwork, select
from xsns_hf.recipe import Recipe
from xsns_hf.text.folder import sample_corpus

# A busy machine is no failure, and neither is the day: the same examples each time.
# For others: pytest --hypothesis-profile explore
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also what takes minutes and fetches from the package index")
    parser.addoption("--fast", action="store_true", help="without what is thorough: a minute in place of ten")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes and fetches from the package index; only with --slow")
    config.addinivalue_line(
        "markers", "thorough: takes seconds (processes, a browser, the embedded checkpoint); not with --fast"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = ["thorough"] * config.getoption("fast") + ["slow"] * (not config.getoption("slow"))
    deselected = [item for item in items if any(map(item.get_closest_marker, left_out))]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        gone = set(deselected)
        items[:] = [item for item in items if item not in gone]


LANGUAGES = ["deu", "eng", "fin", "fra", "rus", "swe", "vie"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 140,
    "pad_token_id": 1,
}


def records(recipe: Recipe, language: str, masks: Mapping[int, SubNetwork], **origin) -> list[MaskRecord]:
    """Return masks by seed as the records that a repository takes."""
    known = {"examples": 40, "loss": 3.2, "corpus_revision": "text-hash", "licence": "CC-BY-SA-4.0"} | origin
    return [MaskRecord(recipe, language, seed, mask, **known) for seed, mask in masks.items()]


def in_this_process(arguments: Sequence[str]) -> int:
    """Run an `xsns` command line here, where what takes seconds to import is imported already; return its exit code."""
    return CliRunner().invoke(app, [*arguments, "--processes", "1"]).exit_code


def noisy_masks(folder: Path, noise: dict[str, float]) -> str:
    """Make random sub-networks, the more like all others the less noise; return where they are."""
    repository = MaskRepository(folder, create=True)
    layout = ParameterLayout.of([("weight", (60, 60))])
    base = np.random.default_rng(0).random(layout.size)
    for number, (language, amount) in enumerate(noise.items(), 1):
        values = base + amount * np.random.default_rng(number).random(layout.size)
        mask = select(values.astype(np.float32), layout, 0.15)
        repository.add(records(Recipe("tiny", "r", "tied", "text"), language, {0: mask}))
    return repository.name


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Train a word-piece tokenizer of 300 pieces on a few sentences of the sample text."""
    corpus = sample_corpus()
    lines = [line for code in ("eng", "fin", "rus") for line in corpus.sentences(code)[:50]]
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=128,
    )


def randomised(model: PreTrainedModel) -> PreTrainedModel:
    """Move biases and LayerNorm weights off their initial constants, so that every gradient is tested."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def tiny_xlmr() -> PreTrainedModel:
    torch.manual_seed(0)
    return randomised(XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=300, **SMALL)))


def tiny_bert() -> PreTrainedModel:
    torch.manual_seed(1)
    return randomised(BertForMaskedLM(BertConfig(vocab_size=300, **SMALL)))


@pytest.fixture(scope="session")
def server() -> Iterator[HubServer]:
    """The Hub that answers, as the tests before left it."""
    with SERVER:
        yield SERVER


@pytest.fixture
def hub(server, monkeypatch) -> HubServer:
    """An empty Hub, with the token of someone who may write to `user/`."""
    server.reset()
    monkeypatch.setenv("HF_TOKEN", server.write_token)
    return server


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """Folder of a tiny random XLM-R with its own masked-LM head."""
    folder = tmp_path_factory.mktemp("tiny") / "tiny-xlmr"
    tiny_xlmr().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def headless(tmp_path_factory) -> Path:
    """Folder of a tiny random BERT encoder without a head."""
    folder = tmp_path_factory.mktemp("headless") / "tiny-encoder"
    torch.manual_seed(2)
    BertModel(BertConfig(vocab_size=300, **SMALL), add_pooling_layer=False).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def masks(tiny, tmp_path_factory) -> Path:
    """Masks of seven languages with two seeds, of the tiny model on the sample text."""
    from xsns_hf.dataset.repository import MaskRepository
    from xsns_hf.extraction.build import build
    from xsns_hf.models.loading import load_checkpoint
    from xsns_hf.recipe import Recipe

    folder = tmp_path_factory.mktemp("masks") / "masks"
    checkpoint = load_checkpoint(str(tiny))
    recipe = Recipe(checkpoint.name, checkpoint.revision, checkpoint.head_name, "sample", examples=16)
    build(MaskRepository(folder, create=True), checkpoint, sample_corpus(), recipe, LANGUAGES, [0, 1])
    return folder


@pytest.fixture
def xsns(monkeypatch, capsys):
    """Run `xsns …` and return exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xsns", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        output, errors = capsys.readouterr()
        return int(stopped.value.code or 0), output, errors

    return run


@pytest.fixture
def text(tmp_path) -> Path:
    """A text folder of three languages with 40 sentences each."""
    folder = tmp_path / "text"
    folder.mkdir()
    corpus = sample_corpus()
    for code in ("eng", "fin", "rus"):
        (folder / f"{code}.txt").write_text("\n".join(corpus.sentences(code)[:40]), encoding="utf-8")
    return folder
