"""Tasks, as data: a TOML file each says what is labelled, how it is scored and which languages the paper has.

Another task is another file: `load_task` takes its path as well as a name.
"""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import identify
from xsns_hf.reading import lines

_FOLDER = Path(__file__).parent
_MOST_BYTES = 1_000_000

TaskKind = Literal["token-classification", "pair-classification", "span-extraction"]
TaskName = Literal["pos", "ner", "nli", "pi", "qa"]

METRICS: dict[TaskKind, tuple[str, ...]] = {
    "token-classification": ("accuracy", "f1", "sentence_accuracy"),
    "pair-classification": ("accuracy",),
    "span-extraction": ("f1", "exact_match"),
}
"""The kinds of tasks, and the metrics that each can be scored by."""

HELD_OUT = 0.1
"""Share of a training set that selects the model where there is no development set."""


@dataclass(frozen=True)
class Task:
    """What is labelled, how it is scored and where on the Hub it is.

    Attributes:
        name: the file's.
        about: in a few words.
        kind: one of `METRICS`.
        text: columns of the input: words, a pair of texts, or question and context.
        label: column of the label or labels.
        classes: names of the labels; of a span, what the two scores of a position are for.
        metrics: by which it is scored, the task's own first.
        pool: the paper's candidate sources (appendix A), with spaces between.
        corpus: a name of `text.catalogue.SOURCES`; "" for a task of local files only.
        splits: what the Hub calls train, dev and test; without a dev, part of train is held out.
        held_out: which share of it.
        ignored: labels of words that are neither trained on nor scored, such as those of parts that are words again.
    """

    name: str
    about: str
    kind: TaskKind
    text: tuple[str, ...]
    label: str
    classes: tuple[str, ...]
    metrics: tuple[str, ...]
    pool: str = ""
    corpus: str = ""
    splits: dict[str, str] = field(default_factory=dict)
    held_out: float = HELD_OUT
    ignored: tuple[str, ...] = ()

    @property
    def languages(self) -> list[str]:
        """The canonical codes of the pool."""
        return [identify(code) for code in self.pool.split()]


def load_task(task: str | Path) -> Task:
    """Read a task.

    Args:
        task: a name in `TASKS`, or a TOML file such as theirs.

    Raises:
        XsnsError: there is none, or its file isn't one.
    """
    path = Path(task) if str(task).endswith(".toml") else _FOLDER / f"{task}.toml"
    if path.parent == _FOLDER and path.stem not in TASKS:
        raise XsnsError(f"Unknown task '{task}': use one of {', '.join(TASKS)}.")
    try:
        entries = tomllib.loads("\n".join(lines(path, _MOST_BYTES)))
    except (OSError, ValueError, RecursionError) as error:  # not TOML is a ValueError
        raise XsnsError(f"The task {task} can't be read ({error}): give a TOML file such as tasks/pos.toml.") from error
    return _checked(Task(path.stem, **_fields(entries, path)), path)


def candidate_pool(task: str) -> list[str]:
    """Return the canonical codes of a task's candidate sources.

    Raises:
        XsnsError: there is no such task.
    """
    return load_task(task).languages


def _fields(entries: dict[str, Any], path: Path) -> dict[str, Any]:
    known = [attribute.name for attribute in fields(Task)][1:]
    required = known[: known.index("metrics") + 1]
    missing = [name for name in required if not entries.get(name)]
    unknown = sorted(set(entries) - set(known))
    if missing or unknown:
        problem = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown)}, which no task has"
        raise XsnsError(f"The task {path} {problem}: see tasks/pos.toml.")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()}


def _checked(task: Task, path: Path) -> Task:
    """Return a task whose entries are of the right types, of a known kind and go together."""
    texts = [task.about, task.kind, task.label, task.pool, task.corpus]
    lists = [task.text, task.classes, task.metrics, task.ignored]
    if not all(isinstance(text, str) for text in texts):
        raise XsnsError(f"The task {path} has a list where a text belongs: see tasks/pos.toml.")
    if not all(isinstance(texts, tuple) and all(isinstance(text, str) for text in texts) for texts in lists):
        raise XsnsError(
            f"In the task {path}, text, classes, metrics and ignored are lists of texts: see tasks/pos.toml."
        )
    if not isinstance(task.splits, dict) or not isinstance(task.held_out, float) or not 0 < task.held_out < 1:
        raise XsnsError(f"In the task {path}, splits is a table and held_out a share below 1: see tasks/qa.toml.")
    if task.kind not in METRICS:
        raise XsnsError(f"The task {path} is of the kind '{task.kind}': use one of {', '.join(METRICS)}.")
    if wrong := sorted(set(task.metrics) - set(METRICS[task.kind])):
        raise XsnsError(
            f"The task {path} is to be scored by {', '.join(wrong)}: {task.kind} knows {', '.join(METRICS[task.kind])}."
        )
    columns = 1 if task.kind == "token-classification" else 2
    if len(task.text) != columns:
        raise XsnsError(f"The task {path} has {len(task.text)} columns of text: {task.kind} takes {columns}.")
    return task


TASKS: tuple[TaskName, ...] = get_args(TaskName)
"""The paper's tasks: UD POS, WikiANN NER, XNLI, PAWS-X, TyDiQA-GoldP (without Korean)."""
