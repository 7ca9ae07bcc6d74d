"""Reading a labelled row: what is text in it and what is its label, checked, by the kind of task.

Rows have the columns of the usual datasets on the Hub: `tokens` with `upos` or `ner_tags`; `premise` and `hypothesis`,
or `sentence1` and `sentence2`, with `label`; `question` and `context` with `answers`; or those that a task of one's own
names. A label is its name, or its number in `Task.classes`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from xsns_hf.errors import TextError
from xsns_hf.tasks import Task, TaskKind

Row: TypeAlias = Mapping[str, Any]


class DataError(TextError):
    """The labelled data of a language are wrong or missing; those of others may do."""


@dataclass(frozen=True)
class Words:
    """A sentence to be tagged.

    Attributes:
        words: its words.
        labels: the number of each word's class; None for one that is neither trained on nor scored.
    """

    words: list[str]
    labels: list[int | None]

    @property
    def is_labelled(self) -> bool:
        """Whether there is a label to learn: the mean loss over nothing is no number."""
        return any(label is not None for label in self.labels)


@dataclass(frozen=True)
class Pair:
    """Two texts to be classified together.

    Attributes:
        texts: the two.
        label: the number of their class.
    """

    texts: tuple[str, str]
    label: int
    is_labelled = True


@dataclass(frozen=True)
class Question:
    """A question on a text.

    Attributes:
        question: what is asked.
        context: the text.
        answers: each true answer, and the character of the context where it begins.
    """

    question: str
    context: str
    answers: list[tuple[str, int]]

    @property
    def is_labelled(self) -> bool:
        """Whether there is an answer: to tell questions that have none is another task."""
        return bool(self.answers)


Example: TypeAlias = Words | Pair | Question
"""A labelled row that has been read."""


def read_row(row: Row, task: Task, place: str) -> Example:
    """Return what a row holds.

    Args:
        row: with the columns of the task.
        task: which columns, and which classes there are.
        place: file and line, or the like.

    Raises:
        DataError: a column is missing, or something else than it should be; a label is unknown.
    """
    try:
        return _READERS[task.kind](row, task)
    except KeyError as error:
        raise DataError(f"{place}: has no column {error}: correct or remove it.") from error
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: {error}: correct or remove it.") from error


def _words(row: Row, task: Task) -> Words:
    (column,) = task.text
    words, labels = list(row[column]), row[task.label]
    if labels is None or len(words) != len(labels):
        raise ValueError(f"{len(words)} words with {len(labels or [])} labels")
    if not all(isinstance(word, str) for word in words):
        raise ValueError("a word is no text")
    return Words(words, [None if label in task.ignored else _class(label, task) for label in labels])


def _pair(row: Row, task: Task) -> Pair:
    return Pair(_texts(row, task), _class(row[task.label], task))


def _question(row: Row, task: Task) -> Question:
    question, context = _texts(row, task)
    answers = [(text, start) for text, start in _answers(row[task.label]) if text]
    for text, start in answers:
        if context[start : start + len(text)] != text:
            raise ValueError(f"the answer {repr(text)[:80]} isn't at character {start} of the context")
    return Question(question, context, answers)


_READERS: dict[TaskKind, Callable[[Row, Task], Example]] = {
    "token-classification": _words,
    "pair-classification": _pair,
    "span-extraction": _question,
}


def _texts(row: Row, task: Task) -> tuple[str, str]:
    first, second = (row[column] for column in task.text)
    if not isinstance(first, str) or not isinstance(second, str):
        raise ValueError(f"{' or '.join(task.text)} is no text")
    return first, second


def _class(label: Any, task: Task) -> int:
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(task.classes):
        return label
    if label not in task.classes:
        raise ValueError(f"the label {repr(label)[:80]} is none of {', '.join(task.classes)}")
    return task.classes.index(label)


def _answers(answers: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return each answer and where it begins, from a list of answers or from SQuAD's two lists in a mapping."""
    if isinstance(answers, Mapping):
        return list(zip(answers["text"], answers["answer_start"], strict=True))
    return [(answer["text"], answer["start"]) for answer in answers]
