"""Small labelled data, a tiny model, and ways to fine-tune it."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import SMALL, randomised, tiny_tokenizer
from labelled_text import write_language
from transformers import BertConfig, BertModel

from transfer.runs import QUICK, SIZES, arguments_of
from xsns_hf.models.finding import Pretrained
from xsns_hf.tasks import TASKS, load_task
from xsns_hf.transfer.data import TaskData
from xsns_hf.transfer.models import find_task_model
from xsns_hf.transfer.results import Results
from xsns_hf.transfer.run import Summary, transfer
from xsns_hf.transfer.settings import Settings
from xsns_hf.transfer.training import FineTuned, fine_tune


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    """A folder for each task, with three languages; English has a development set."""
    folder = tmp_path_factory.mktemp("labelled")
    for task in TASKS:
        for code, size in SIZES.items():
            write_language(folder / task, task, code, size, dev=5 if code == "eng" else 0)
    return folder


@pytest.fixture
def own(tmp_path) -> Path:
    """POS data of three languages, to be spoilt."""
    for code, size in SIZES.items():
        write_language(tmp_path / "own", "pos", code, size)
    return tmp_path / "own"


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Path:
    """Folder of a tiny random BERT encoder without a head."""
    folder = tmp_path_factory.mktemp("encoder") / "tiny-bert"
    torch.manual_seed(3)
    sizes = SMALL | {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    randomised(BertModel(BertConfig(vocab_size=300, **sizes))).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def model(encoder) -> Pretrained:
    return find_task_model(str(encoder))


@pytest.fixture(autouse=True)
def _one_thread():
    """Several wait for each other longer than such small models need, above all where tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def measure(model, labelled, tmp_path):
    """Call `transfer` with a small matrix, POS by default, and return its summary and all rows of the folder."""

    def run(
        out: str = "gold",
        *,
        task="pos",
        sources=("eng",),
        targets=("fin", "rus"),
        settings=QUICK,
        seeds=(0,),
        data=None,
    ) -> tuple[Summary, pd.DataFrame]:
        results = Results(tmp_path / out, model.name, model.revision, settings)
        rows = TaskData(load_task(task), data or labelled / task)
        summary = transfer(rows, model, sources, targets, results, settings, seeds=seeds)
        return summary, results.rows()

    return run


@pytest.fixture
def command(xsns, encoder, labelled, tmp_path):
    """Run `xsns transfer` on the tiny model, into `gold`."""

    def run(task: str = "pos", *arguments: object, data: Path | None = None) -> tuple[int, str, str]:
        return xsns(*arguments_of(task, encoder, data or labelled / task, tmp_path / "gold"), *arguments)

    return run


@pytest.fixture
def trained(model, labelled, tmp_path):
    """Fine-tune on English POS rows and return the result, with the development rows."""

    def run(settings: Settings, folder: str = "work") -> tuple[FineTuned, list]:
        task = load_task("pos")
        train, dev = TaskData(task, labelled / "pos").training("eng", None, 0)
        return fine_tune(model, task, train, dev, settings, seed=0, folder=tmp_path / folder), dev

    return run
