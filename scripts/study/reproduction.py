"""The reproduction of the paper: where its data are, and masks of them, made where they are missing.

All it does is done by `xsns extract`, `xsns_hf.evaluation` and `xsns_hf.ranking.regression`.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from xsns_hf import MaskRepository, XsnsError
from xsns_hf.cli import launching
from xsns_hf.evaluation.evaluate import evaluate
from xsns_hf.gold import Gold, read_gold, restricted
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.predictors import Inputs, make_predictors
from xsns_hf.recipe import EMBEDDED, Recipe
from xsns_hf.tasks import candidate_pool
from xsns_hf.text.catalogue import SOURCES
from xsns_hf.text.corpus import Corpus
from xsns_hf.text.folder import SAMPLE_TEXT, Files, text_folder
from xsns_hf.text.hub import TASK_TEXT, hub_corpus

EXAMPLES, DENSITIES = 256, (0.15, 0.05, 0.1, 0.2, 0.3, 0.5)
PACKAGED_GOLD = SAMPLE_TEXT.parent / "gold" / "xpos.csv"
OWN_GOLD = PACKAGED_GOLD.with_name("embedded_pos.csv")
"""Scores of the embedded checkpoint itself, made by `xsns transfer`, see the README."""


@dataclass(frozen=True)
class TaskFiles:
    """Where a task's data are below DATA; `{}` stands for a language.

    Attributes:
        text: files with text; of several, the first with enough lines.
        labels: the file with labels.
        objective: what the labels are for.
        gold: the published scores.
        metric: which of them.
        scale: what makes them percent.
    """

    text: tuple[str, ...]
    labels: str
    objective: str
    gold: str
    metric: str | None = None
    scale: float = 1


TASKS = {
    "pos": TaskFiles(
        ("text/{}.txt", "ud/{}/test.jsonl"),
        "ud/{}/train.jsonl",
        "token-classification",
        "gold/xpos/udpos-ft-10000.csv",
    ),
    "ner": TaskFiles(
        ("ner/wikiann/{}/train.jsonl",),
        "ner/wikiann/{}/train.jsonl",
        "token-classification",
        "gold/dolicki_xlmr_base/wikiann_ner.csv",
        metric="f1",
        scale=100,
    ),
    "nli": TaskFiles(
        ("xnli/{}/dev.jsonl",),
        "xnli/{}/dev.jsonl",
        "pair-classification",
        "gold/dolicki_xlmr_base/xnli.csv",
        scale=100,
    ),
    "qa": TaskFiles(
        ("tydiqa/{}/dev.jsonl",),
        "tydiqa/{}/dev.jsonl",
        "span-extraction",
        "gold/langrankplus_tydiqa/tydiqa_xlm-r.csv",
    ),
}


def in_processes(arguments: Sequence[str]) -> int:
    """Run an `xsns` command line in as many processes as there are cores; return its exit code."""
    return launching.run(arguments, launching.default_number())


@dataclass(frozen=True)
class Made:
    """Masks of one recipe: |D| and the fields that the studies vary; the others have their defaults."""

    model: str
    folder: Path
    corpus: str
    objective: str
    examples: int
    density: float
    importance: str = "exact"

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        own = "fitted" if self.model == EMBEDDED else "pretrained"
        head = own if self.objective == "mlm" else "random"
        fields = (self.model, "", head, self.corpus, self.objective, self.importance, self.examples, self.density)
        return Recipe(*fields).name

    def repository(self) -> MaskRepository:
        """Open the dataset that they are in."""
        return MaskRepository(self.folder)


class Study:
    """The data, the masks and the settings."""

    def __init__(
        self,
        data: Path | None,
        out: Path,
        seeds: int,
        model: str = EMBEDDED,
        examples: int = EXAMPLES,
        densities: Sequence[float] = DENSITIES,
        xsns: Callable[[Sequence[str]], int] = in_processes,
    ):
        """Make the folder for what comes out.

        Args:
            data: text, labels and gold scores; None takes text from the Hub and gold scores of the package.
            out: for masks and results.
            seeds: of the masks of a task's own text.
            model: a masked language model, as `xsns extract` takes it.
            examples: |D|.
            densities: of the masks, the paper's first.
            xsns: runs an `xsns` command line and returns its exit code.
        """
        self.data, self.out, self.seeds, self.model = data, out, seeds, model
        self.examples, self.densities = examples, tuple(densities)
        self._xsns = xsns
        self._made: set[tuple[str, ...]] = set()
        out.mkdir(parents=True, exist_ok=True)

    def all_gold(self, task: str) -> Gold:
        """Return a task's gold scores of all languages, in percent."""
        assert self.data or task == "pos", "only POS has gold scores in the package"
        files = TASKS[task]
        gold = read_gold(self.data / files.gold if self.data else PACKAGED_GOLD, files.metric)
        return Gold(gold.name, gold.rows.assign(score=gold.rows["score"] * files.scale), gold.unknown)

    def gold(self, task: str, targets: Sequence[str] | None = None) -> Gold:
        """Return a task's gold scores in percent, of the sources of the paper's pool and by default its targets."""
        pool = candidate_pool(task)
        return restricted(self.all_gold(task), targets or pool, pool)

    def corpus(self, task: str, languages: Sequence[str] | None = None, *, labels: bool = False) -> Files:
        """Return the text (or labelled text) of a task in those of the languages that have some.

        Args:
            task: whose.
            languages: canonical codes; by default the paper's pool.
            labels: whether it is to be the file with labels.
        """
        corpus_name, wanted = TASK_TEXT[task], languages or candidate_pool(task)
        if self.data is None:
            return hub_corpus(corpus_name, [code for code in wanted if code in SOURCES[corpus_name].configs])
        folder = self.out / "text" / (f"{corpus_name}-labels" if labels else corpus_name)
        patterns = (TASKS[task].labels,) if labels else TASKS[task].text
        folder.mkdir(parents=True, exist_ok=True)
        for file in dict.fromkeys(path for pattern in patterns for path in sorted(self.data.glob(pattern.format("*")))):
            code = identify_or_none(file.stem if file.suffix == ".txt" else file.parent.name)
            earlier = list(folder.glob(f"{code}.*"))
            if code in wanted and (not earlier or _lines(earlier[0]) < self.examples):
                for old in earlier:
                    old.unlink()
                shutil.copyfile(file, folder / f"{code}{file.suffix}")
        corpus = text_folder(folder, corpus_name)
        return Files(corpus.name, {code: path for code, path in corpus.files.items() if code in wanted})

    def extract(
        self, corpus: Files, objective: str = "mlm", seeds: int | None = None, importance: str = "exact"
    ) -> Made:
        """Make the masks that are missing, at all densities, and return those at the paper's.

        Raises:
            XsnsError: `xsns extract` failed, and has said why.
        """
        folder = self.out / "masks" / (corpus.name if importance == "exact" else f"{corpus.name}-{importance}")
        densities = self.densities if objective == "mlm" else self.densities[:1]
        options = {
            "--model": self.model, "--text": next(iter(corpus.files.values())).parent, "--corpus-name": corpus.name,
            "--languages": ",".join(corpus.languages), "--objective": objective, "--importance": importance,
            "--examples": self.examples, "--density": ",".join(map(str, densities)), "--seeds": seeds or self.seeds,
            "--out": folder.resolve(),
        }  # fmt: skip
        arguments = ("extract", *(str(part) for pair in options.items() for part in pair))
        if arguments not in self._made and self._xsns(arguments):
            raise XsnsError(f"There are no masks of {corpus.name}: see above why, and repeat the command.")
        self._made.add(arguments)
        return Made(self.model, folder, corpus.name, objective, self.examples, densities[0], importance)

    def inputs(self, made: Made, corpus: Corpus | None = None) -> Inputs:
        """Return what predictors draw on: masks, and of the same model embeddings and sub-words of a text."""
        return Inputs(masks=str(made.folder), recipe=made.recipe, model=self.model, text=corpus, examples=self.examples)

    def compare(
        self, gold: Gold, predictors: Sequence[str], made: Made, corpus: Corpus | None = None
    ) -> tuple[pd.DataFrame, int]:
        """Return the mean metrics of each predictor, and the number of pairs of languages that they are over."""
        evaluation = evaluate(gold, make_predictors(predictors, self.inputs(made, corpus)))
        return evaluation.table, sum(map(len, evaluation.candidates.values()))


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n")
