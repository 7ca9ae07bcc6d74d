"""Labelled examples: a task's own prediction problem in place of language modelling (the variant 𝒯, 𝒯 of Table 1).

What columns rows have is in `tasks.rows`.
"""

from dataclasses import replace
from typing import get_args

import numpy as np
from transformers import PreTrainedTokenizerBase

from xsns_hf.errors import TextError
from xsns_hf.languages.codes import name
from xsns_hf.models.objectives import IGNORED, Encoded
from xsns_hf.tasks import TASKS, Task, TaskKind, load_task
from xsns_hf.tasks.encoding import encode_pair, encode_words, shortened, windows
from xsns_hf.tasks.rows import Example, Pair, Question, Words, read_row
from xsns_hf.text.corpus import Corpus, permutation

START, END = 1, 2
"""Labels of a span's first and last token; 3 is both, 0 another token that could have been one."""

LABELLED: dict[str, tuple[Task, ...]] = {
    kind: tuple(task for task in map(load_task, TASKS) if task.kind == kind) for kind in get_args(TaskKind)
}
"""The objectives with labels, and the tasks whose rows each takes."""


def task_of(objective: str, corpus: Corpus, language: str) -> Task:
    """Return the task whose columns a language's rows have.

    Raises:
        TextError: they have those of none.
        XsnsError: as `Corpus.rows` does.
    """
    rows = corpus.rows(language)
    for task in LABELLED[objective]:
        if rows and all(column in rows[0] for column in (*task.text, task.label)):
            return task
    columns = " or ".join("+".join((*task.text, task.label)) for task in LABELLED[objective])
    raise TextError(f"{corpus.place(language)} isn't for {objective}: its rows need {columns}.")


def labelled_examples(
    tokenizer: PreTrainedTokenizerBase,
    corpus: Corpus,
    language: str,
    *,
    objective: str,
    count: int,
    seed: int,
    max_length: int,
    causal: bool = False,
) -> list[Encoded]:
    """Draw and encode labelled examples; a smaller draw is the beginning of a larger one.

    Args:
        tokenizer: a fast one.
        corpus: files with labelled rows.
        language: canonical code.
        objective: one of `LABELLED`.
        count: how many, at most.
        seed: of the draw.
        max_length: tokens at which an example is cut.
        causal: the model sees the tokens before each one only, so that the last one stands for a pair.

    Raises:
        DataError: a row isn't as its task has it.
        TextError: no row can be used, or as `task_of` does.
        XsnsError: as `Corpus.rows` does.
    """
    rows, task = corpus.rows(language), task_of(objective, corpus, language)
    examples: list[Encoded] = []
    for line in permutation(len(rows), language, seed):
        example = read_row(rows[line], task, f"{corpus.place(language)}, row {line + 1}")
        encoded = _encode(example, tokenizer, max_length, causal)
        if (encoded.labels != IGNORED).any():
            examples.append(replace(encoded, line=line))
        if len(examples) == count:
            break
    if not examples:
        raise TextError(f"No row of {name(language)} ({language}) in {corpus.name} can be used for {objective}.")
    return examples


def _encode(example: Example, tokenizer: PreTrainedTokenizerBase, max_length: int, causal: bool) -> Encoded:
    match example:
        case Words():
            encoding, classes = encode_words(tokenizer, example, max_length)
            return _labelled(encoding["input_ids"], classes)
        case Pair():
            tokens = encode_pair(tokenizer, example, max_length)["input_ids"]
            # The token whose hidden state stands for the pair: it has to have seen the others.
            return _labelled(tokens, {len(tokens) - 1 if causal else 0: example.label})
        case Question():
            return _encode_question(example, tokenizer, max_length)


def _encode_question(example: Question, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Encoded:
    """Label first and last token of the answer; the first token of all if the answer is missing or cut off."""
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True)
    question = shortened(tokenizer, example.question, room - 1, room // 2)
    window = next(windows(tokenizer, question, example.context, max_length))
    answer = window.tokens_of(example.answers[0]) if example.answers else None
    first, last = answer or (0, 0)
    could_be = [0, *np.flatnonzero(window.offsets[:, 1] >= 0)]
    classes = dict.fromkeys(could_be, 0)
    classes[first] += START
    classes[last] += END
    return _labelled(window.inputs["input_ids"], classes)


def _labelled(tokens: list[int], classes: dict[int, int]) -> Encoded:
    """Return an example with classes by position."""
    labels = np.full(len(tokens), IGNORED)
    labels[[*classes]] = [*classes.values()]
    return Encoded(np.array(tokens), labels)
