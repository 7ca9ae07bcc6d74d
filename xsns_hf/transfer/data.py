"""Labelled data of a task: training, development and test sets of each language, from files or from the Hub."""

from dataclasses import dataclass
from pathlib import Path

from xsns_hf.errors import Damaged, XsnsError, parameter
from xsns_hf.gold import MIX
from xsns_hf.languages.codes import identify_or_none, name
from xsns_hf.reading import json_object
from xsns_hf.tasks import Task
from xsns_hf.tasks.rows import DataError, Example, Row, read_row
from xsns_hf.text.catalogue import SOURCES
from xsns_hf.text.corpus import permutation
from xsns_hf.text.formats import text_lines
from xsns_hf.text.hub import labelled_splits

TEST_SEED = 0
"""Of the draw of test examples, which is the same for all models."""


@dataclass(frozen=True)
class Split:
    """Rows of one language.

    Attributes:
        rows: with the columns of the task.
        where: file (or dataset) that they are from.
    """

    rows: list[Row]
    where: str

    def examples(self, task: Task) -> list[Example]:
        """Return what the rows hold that have a label to learn.

        Raises:
            DataError: there is none, or a row isn't as the task has it; it names file and line.
        """
        read = (read_row(row, task, f"{self.where}, line {line}") for line, row in enumerate(self.rows, start=1))
        examples = [example for example in read if example.is_labelled]
        if not examples:
            raise DataError(f"{self.where} holds no example of {task.about}: fill or remove it.")
        return examples


@dataclass(frozen=True)
class TaskData:
    """The labelled data of a task.

    Attributes:
        task: whose.
        folder: holds a folder per language, named by any code, with train.jsonl, dev.jsonl and test.jsonl; None takes
            the task's dataset on the Hub.
    """

    task: Task
    folder: Path | None = None

    def training(self, source: str, limit: int | None, seed: int) -> tuple[list[Example], list[Example]]:
        """Return the training and the development set of a source, or of a mix of several in equal parts.

        Args:
            source: canonical code, or several joined by `+`.
            limit: training examples at most, all sources together.
            seed: of the draw.

        Raises:
            DataError: a source has no training set, or a row of it is wrong.
        """
        parts = [self._training(code, seed) for code in source.split(MIX)]
        return _mixed([train for train, _ in parts], limit), _mixed([dev for _, dev in parts], limit)

    def test(self, target: str, limit: int | None) -> list[Example]:
        """Return the test set of a target; a smaller draw is the beginning of a larger one.

        Raises:
            DataError: there is no test set, or a row of it is wrong.
        """
        split = self._split(target, "test")
        if split is None:
            raise DataError(f"{self._place()} has no test set for {name(target)} ({target}).")
        return _drawn(split.examples(self.task), target, TEST_SEED)[:limit]

    def _training(self, code: str, seed: int) -> tuple[list[Example], list[Example]]:
        """Return all examples of a source, in the order of the seed; dev is held out of train where there is none."""
        split = self._split(code, "train")
        if split is None:
            raise DataError(f"{self._place()} has no training set for {name(code)} ({code}).")
        examples, dev = split.examples(self.task), self._split(code, "dev")
        if dev is not None:
            return _drawn(examples, code, seed), dev.examples(self.task)
        # Held out by a draw of its own, so that every seed has the same development set.
        shuffled = _drawn(examples, code, TEST_SEED)
        count = max(1, round(len(shuffled) * self.task.held_out))
        if count >= len(shuffled):
            raise DataError(f"{split.where} holds a single example: give more, or a development set beside it.")
        return _drawn(shuffled[count:], code, seed), shuffled[:count]

    def _split(self, code: str, split: str) -> Split | None:
        if self.folder is None:
            return self._from_hub(code, split)
        folder = _folders(self.folder).get(code)
        path = folder / f"{split}.jsonl" if folder else None
        return Split(_read(path), str(path)) if path and path.is_file() else None

    def _from_hub(self, code: str, split: str) -> Split | None:
        if not self.task.corpus:
            folder = parameter("data")
            raise XsnsError(f"The task {self.task.name} names no dataset on the Hub: give a folder with {folder}.")
        if self.task.corpus not in SOURCES:
            raise XsnsError(f"The task {self.task.name} is of '{self.task.corpus}': use one of {', '.join(SOURCES)}.")
        source, on_hub = SOURCES[self.task.corpus], self.task.splits.get(split)
        if on_hub is None or code not in source.configs:
            return None
        return Split([*labelled_splits(self.task, code, on_hub)], f"{source.id}, {code}, {on_hub}")

    def _place(self) -> str:
        return str(self.folder) if self.folder else SOURCES[self.task.corpus].id


def _folders(folder: Path) -> dict[str, Path]:
    """Return the folder of each language."""
    if not folder.is_dir():
        raise XsnsError(f"There is no folder {folder}: give one that holds a folder per language.")
    by_code: dict[str, Path] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        code = identify_or_none(path.name)
        if code is None:
            continue
        if code in by_code:
            raise XsnsError(f"{by_code[code]} and {path} are both {name(code)}: merge or remove one of them.")
        by_code[code] = path
    return by_code


def _mixed(parts: list[list[Example]], limit: int | None) -> list[Example]:
    """Return the beginnings of all parts, of equal length if there are several; `limit` examples at most."""
    if len(parts) == 1:
        return parts[0][:limit]
    share = min(map(len, parts))
    if limit is not None:
        share = max(1, min(share, limit // len(parts)))
    return [example for part in parts for example in part[:share]]


def _drawn(examples: list[Example], code: str, seed: int) -> list[Example]:
    return [examples[number] for number in permutation(len(examples), code, seed)]


def _read(path: Path) -> list[Row]:
    try:
        lines = text_lines(path)
    except Damaged as error:
        raise DataError(error.sentence) from error
    except OSError as error:
        raise DataError(f"{path} can't be read ({error}): give one row a line, as JSON.") from error
    while lines and not lines[-1]:
        lines.pop()
    return [_parsed(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def _parsed(line: str, place: str) -> Row:
    try:
        return json_object(line, place)
    except Damaged as error:
        raise DataError(error.sentence) from error
