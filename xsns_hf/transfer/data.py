"""Labelled data of a task: training, development and test sets of each language, from files or from the Hub."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xsns_hf.errors import XsnsError
from xsns_hf.gold import MIX
from xsns_hf.languages.codes import identify, name
from xsns_hf.tasks import Task
from xsns_hf.tasks.rows import answer_of
from xsns_hf.text.corpus import permutation
from xsns_hf.text.formats import text_lines
from xsns_hf.text.hub import SOURCES, labelled_splits

TEST_SEED = 0
"""Of the draw of test examples, which is the same for all models."""

Row = Mapping[str, Any]


class DataError(XsnsError):
    """The data of a language are wrong or missing; those of others may do."""


@dataclass(frozen=True)
class Split:
    """Rows of one language.

    Attributes:
        rows: with the columns of the task.
        where: file (or dataset) that they are from.
    """

    rows: list[Row]
    where: str


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

    def training(self, source: str, limit: int | None, seed: int) -> tuple[list[Row], list[Row]]:
        """Return the training and the development rows of a source, or of a mix of several in equal parts.

        Args:
            source: canonical code, or several joined by `+`.
            limit: training rows at most, all sources together.
            seed: of the draw.

        Raises:
            DataError: a source has no training set, or a row of it is wrong.
        """
        codes = source.split(MIX)
        parts = [self._training(code, seed) for code in codes]
        return _mixed([train for train, _ in parts], limit), _mixed([dev for _, dev in parts], limit)

    def test(self, target: str, limit: int | None) -> list[Row]:
        """Return the test rows of a target; a smaller draw is the beginning of a larger one.

        Raises:
            DataError: there is no test set, or a row of it is wrong.
        """
        split = self._split(target, "test")
        if split is None:
            raise DataError(f"{self._place()} has no test set for {name(target)} ({target}).")
        return _drawn(checked(split, self.task), target, TEST_SEED)[:limit]

    def _training(self, code: str, seed: int) -> tuple[list[Row], list[Row]]:
        """Return all rows of a source, in the order of the seed; dev is held out of train where there is none."""
        split = self._split(code, "train")
        if split is None:
            raise DataError(f"{self._place()} has no training set for {name(code)} ({code}).")
        rows = checked(split, self.task)
        dev = self._split(code, "dev")
        if dev is not None:
            return _drawn(rows, code, seed), checked(dev, self.task)
        # Held out by a draw of its own, so that every seed has the same development set.
        shuffled = _drawn(rows, code, TEST_SEED)
        count = max(1, round(len(shuffled) * self.task.held_out))
        if count >= len(shuffled):
            raise DataError(f"{split.where} holds a single example: give more, or a development set beside it.")
        return _drawn(shuffled[count:], code, seed), shuffled[:count]

    def _split(self, code: str, split: str) -> Split | None:
        if self.folder is None:
            return self._from_hub(code, split)
        folder = self._folders().get(code)
        path = folder / f"{split}.jsonl" if folder else None
        return Split(_read(path), str(path)) if path and path.is_file() else None

    def _from_hub(self, code: str, split: str) -> Split | None:
        if self.task.corpus and self.task.corpus not in SOURCES:
            raise XsnsError(f"The task {self.task.name} is of '{self.task.corpus}': use one of {', '.join(SOURCES)}.")
        if not self.task.corpus:
            raise XsnsError(f"The task {self.task.name} names no dataset on the Hub: give a folder with --data.")
        named = self.task.splits.get(split)
        if named is None or code not in SOURCES[self.task.corpus].configs:
            return None
        rows: list[Row] = [*labelled_splits(self.task, code, named)]
        return Split(rows, f"{SOURCES[self.task.corpus].id}, {code}, {named}")

    def _folders(self) -> dict[str, Path]:
        """Return the folder of each language."""
        assert self.folder is not None
        if not self.folder.is_dir():
            raise XsnsError(f"There is no folder {self.folder}: give one that holds a folder per language.")
        found: dict[str, Path] = {}
        for path in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            try:
                code = identify(path.name)
            except XsnsError:
                continue
            if code in found:
                raise XsnsError(f"{found[code]} and {path} are both {name(code)}: merge or remove one of them.")
            found[code] = path
        return found

    def _place(self) -> str:
        return str(self.folder) if self.folder else SOURCES[self.task.corpus].id


def checked(split: Split, task: Task) -> list[Row]:
    """Return the rows of a split that can be scored, labels as names.

    Raises:
        DataError: there is none, or one has missing or unknown labels; it names file and line.
    """
    check = _CHECKS[task.kind]
    found: list[Row] = []
    for line, row in enumerate(split.rows, start=1):
        try:
            found += check(row, task)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            reason = f"has no column {error}" if isinstance(error, KeyError) else str(error)
            raise DataError(f"{split.where}, line {line}: {reason}: correct or remove it.") from error
    if not found:
        raise DataError(f"{split.where} holds no example of {task.about}: fill or remove it.")
    return found


def _tokens(row: Row, task: Task) -> Iterable[Row]:
    """A sentence without a label to learn is left out: the mean loss over nothing is no number."""
    (column,) = task.text
    words, labels = list(row[column]), row[task.label]
    if labels is None or len(words) != len(labels):
        raise ValueError(f"{len(words)} words with {len(labels or [])} labels")
    if any(not isinstance(word, str) for word in words):
        raise ValueError("a word is no text")
    named = [_class(label, task) for label in labels]
    return [{column: words, task.label: named}] if {*named} - {*task.ignored} else []


def _pair(row: Row, task: Task) -> Iterable[Row]:
    if any(not isinstance(row[column], str) for column in task.text):
        raise ValueError(f"{' or '.join(task.text)} is no text")
    return [{**{column: row[column] for column in task.text}, task.label: _class(row[task.label], task)}]


def _span(row: Row, task: Task) -> Iterable[Row]:
    """A question without an answer is left out: that is another task."""
    question, context = (row[column] for column in task.text)
    if not isinstance(question, str) or not isinstance(context, str):
        raise ValueError(f"{' or '.join(task.text)} is no text")
    texts = [(text, start) for text, start in answer_of(row[task.label]) if text]
    for text, start in texts:
        if context[start : start + len(text)] != text:
            raise ValueError(f"the answer {text!r} isn't at character {start} of the context")
    return [dict(zip(task.text, (question, context), strict=True)) | {task.label: texts}] if texts else []


_CHECKS: dict[str, Callable[[Row, Task], Iterable[Row]]] = {
    "token-classification": _tokens,
    "pair-classification": _pair,
    "span-extraction": _span,
}


def _class(label: Any, task: Task) -> str:
    """Return a label's name; datasets on the Hub give its number."""
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(task.classes):
        return task.classes[label]
    if label not in task.classes + task.ignored:
        raise ValueError(f"the label {label!r} is none of {', '.join(task.classes)}")
    return label


def _mixed(parts: list[list[Row]], limit: int | None) -> list[Row]:
    """Return the beginnings of all parts, of equal length if there are several; `limit` rows at most."""
    if len(parts) == 1:
        return parts[0][:limit]
    share = min(map(len, parts))
    if limit is not None:
        share = max(1, min(share, limit // len(parts)))
    return [row for part in parts for row in part[:share]]


def _drawn(rows: list[Row], code: str, seed: int) -> list[Row]:
    return [rows[line] for line in permutation(len(rows), code, seed)]


def _read(path: Path) -> list[Row]:
    rows = []
    try:
        lines = text_lines(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read ({error}): give one row a line, as JSON.") from error
    while lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise DataError(f"{path}, line {number}: it isn't JSON ({error}): correct or remove it.") from error
        if not isinstance(rows[-1], dict):
            raise DataError(f"{path}, line {number}: it is no JSON object: give one row a line.")
    return rows
