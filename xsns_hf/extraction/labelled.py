"""Labelled examples: a task's own prediction problem in place of language modelling (the variant 𝒯, 𝒯 of Table 1).

Rows have the columns of the usual datasets on the Hub: `tokens` with `upos` or `ner_tags`; `premise` and `hypothesis`,
or `sentence1` and `sentence2`, with `label`; `question` and `context` with `answers`. A label is its name, or its
number in the list below.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from transformers import BatchEncoding, PreTrainedTokenizerBase

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import name
from xsns_hf.models.objectives import IGNORED, Encoded
from xsns_hf.tasks import METRICS, TASKS, load_task
from xsns_hf.tasks.rows import answer_of, first_subwords
from xsns_hf.text.corpus import Corpus, permutation

START, END = 1, 2
"""Labels of a span's first and last token; 3 is both, 0 another token that could have been one."""


@dataclass(frozen=True)
class Scheme:
    """What is labelled, and how.

    Attributes:
        text: columns of the input: words, a pair of texts, or question and context.
        label: column of the label or labels.
        names: the classes; for spans, what the two scores of a position are for.
    """

    text: tuple[str, ...]
    label: str
    names: tuple[str, ...]


SCHEMES: dict[str, tuple[Scheme, ...]] = {
    kind: tuple(Scheme(task.text, task.label, task.classes) for task in map(load_task, TASKS) if task.kind == kind)
    for kind in METRICS
}
"""The objectives with labels, and the kinds of rows that each takes."""


def labelled_revision(corpus: Corpus, language: str) -> str:
    """Return the sha256 of the rows, labels and all, as hex.

    Raises:
        XsnsError: as `Corpus.rows` does.
    """
    return hashlib.sha256(json.dumps(corpus.rows(language), sort_keys=True).encode()).hexdigest()


def scheme_of(objective: str, corpus: Corpus, language: str) -> Scheme:
    """Return the scheme that a language's rows follow.

    Raises:
        XsnsError: they follow none, or as `Corpus.rows` does.
    """
    rows = corpus.rows(language)
    for scheme in SCHEMES[objective]:
        if rows and all(column in rows[0] for column in (*scheme.text, scheme.label)):
            return scheme
    wanted = " or ".join("+".join((*scheme.text, scheme.label)) for scheme in SCHEMES[objective])
    raise XsnsError(f"{corpus.place(language)} isn't for {objective}: its rows need {wanted}.")


def labelled_examples(
    tokenizer: PreTrainedTokenizerBase,
    corpus: Corpus,
    language: str,
    *,
    objective: str,
    count: int,
    seed: int,
    longest: int,
    causal: bool = False,
) -> list[Encoded]:
    """Draw and encode labelled examples; a smaller draw is the beginning of a larger one.

    Args:
        tokenizer: a fast one.
        corpus: files with labelled rows.
        language: canonical code.
        objective: one of `SCHEMES`.
        count: how many, at most.
        seed: of the draw.
        longest: tokens at which an example is cut.
        causal: the model sees the tokens before each one only, so that the last one stands for a pair.

    Raises:
        XsnsError: a label isn't in the scheme, no row can be used, or as `scheme_of` does.
    """
    rows, scheme = corpus.rows(language), scheme_of(objective, corpus, language)
    encode, found = _ENCODERS[objective], []
    for line in permutation(len(rows), language, seed):
        try:
            example = encode(rows[line], scheme, tokenizer, longest)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise XsnsError(
                f"{corpus.place(language)}, row {line + 1}: {error!s} doesn't fit {objective} with "
                f"{scheme.label} ({', '.join(scheme.names)}): correct or remove the row."
            ) from error
        if example is not None and causal and objective == "pair-classification":
            example = replace(example, labels=np.roll(example.labels, -1))  # the first token hasn't seen the others
        if example is not None:
            found.append(example)
        if len(found) == count:
            break
    if not found:
        raise XsnsError(f"No row of {name(language)} ({language}) in {corpus.name} can be used for {objective}.")
    return found


def _encode_tokens(row: Mapping, scheme: Scheme, tokenizer, longest: int) -> Encoded | None:
    """Label the first sub-word of each word, as is usual."""
    if len(row["tokens"]) != len(row[scheme.label]):
        raise ValueError(f"{len(row['tokens'])} tokens with {len(row[scheme.label])} labels")
    encoding = tokenizer(list(row["tokens"]), is_split_into_words=True, truncation=True, max_length=longest)
    labels = np.full(len(encoding["input_ids"]), IGNORED)
    for position, word in first_subwords(encoding.word_ids()):
        labels[position] = _number(row[scheme.label][word], scheme)
    return _encoded(encoding, labels) if (labels != IGNORED).any() else None


def _encode_pair(row: Mapping, scheme: Scheme, tokenizer, longest: int) -> Encoded:
    """Label the first token, whose hidden state stands for the pair."""
    encoding = tokenizer(*(row[column] for column in scheme.text), truncation=True, max_length=longest)
    labels = np.full(len(encoding["input_ids"]), IGNORED)
    labels[0] = _number(row[scheme.label], scheme)
    return _encoded(encoding, labels)


def _encode_span(row: Mapping, scheme: Scheme, tokenizer, longest: int) -> Encoded:
    """Label first and last token of the answer; the first token of all if the answer is missing or cut off."""
    encoding = tokenizer(
        row["question"], row["context"], truncation="only_second", max_length=longest, return_offsets_mapping=True
    )
    in_context = np.array([part == 1 for part in encoding.sequence_ids()])
    labels = np.where(in_context, 0, IGNORED)
    labels[0] = 0
    text, start = next(iter(answer_of(row["answers"])), ("", 0))
    begins, ends = np.array(encoding["offset_mapping"]).T
    inside = in_context & (begins < start + len(text)) & (ends > start)
    # Whole only if the window reaches to the answer's last character.
    whole = bool(text) and inside.any() and ends[inside].max() >= start + len(text)
    positions = np.flatnonzero(inside)[[0, -1]] if whole else (0, 0)
    labels[positions[0]] += START
    labels[positions[1]] += END
    return _encoded(encoding, labels)


_ENCODERS: dict[str, Callable[[Mapping, Scheme, PreTrainedTokenizerBase, int], Encoded | None]] = {
    "token-classification": _encode_tokens,
    "pair-classification": _encode_pair,
    "span-extraction": _encode_span,
}


def _encoded(encoding: BatchEncoding, labels: np.ndarray) -> Encoded:
    return Encoded(np.array(encoding["input_ids"]), labels)


def _number(label: str | int, scheme: Scheme) -> int:
    number = label if isinstance(label, int) else scheme.names.index(label)
    if not 0 <= number < len(scheme.names):
        raise ValueError(f"label {label}")
    return number
