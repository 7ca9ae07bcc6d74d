"""Encoding a labelled row: what goes into the model, and which of its tokens the label belongs to.

Random heads (`extraction.labelled`) and fine-tuned ones (`transfer.encoding`) are given the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xsns_hf.tasks.rows import Pair, Words

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase


def encode_words(
    tokenizer: "PreTrainedTokenizerBase", sentence: Words, max_length: int
) -> tuple["BatchEncoding", dict[int, int]]:
    """Return the model's input, and the class at the first sub-word of each word that has one, by position.

    Args:
        tokenizer: a fast one.
        sentence: words and labels.
        max_length: tokens at which the sentence is cut.
    """
    encoding = tokenizer(sentence.words, is_split_into_words=True, truncation=True, max_length=max_length)
    labels = ((position, sentence.labels[word]) for position, word in _first_subwords(encoding.word_ids()))
    return encoding, {position: label for position, label in labels if label is not None}


def encode_pair(tokenizer: "PreTrainedTokenizerBase", pair: Pair, max_length: int) -> "BatchEncoding":
    """Return the model's input; a pair that is too long is cut at its longer text.

    Args:
        tokenizer: of the model.
        pair: two texts.
        max_length: tokens of both.
    """
    return tokenizer(*pair.texts, truncation=True, max_length=max_length)


@dataclass(frozen=True)
class Window:
    """A question with a part of its context.

    Attributes:
        inputs: of the model, by name.
        offsets: int [T, 2], the characters of the context that each token stands for; (-1, -1) for tokens that are none
            of the context's.
    """

    inputs: dict[str, list[int]]
    offsets: np.ndarray

    def tokens_of(self, answer: tuple[str, int]) -> tuple[int, int] | None:
        """Return the first and last token that an answer has in the window; None if its end isn't in there.

        Args:
            answer: its text, and the character of the context where it begins.
        """
        text, start = answer
        tokens = np.flatnonzero((self.offsets[:, 0] < start + len(text)) & (self.offsets[:, 1] > start))
        if not len(tokens) or self.offsets[tokens[-1], 1] < start + len(text):
            return None
        return int(tokens[0]), int(tokens[-1])


def windows(
    tokenizer: "PreTrainedTokenizerBase", question: str, context: str, max_length: int, stride: int = 0
) -> Iterator[Window]:
    """Yield a question with one part of its context after the other.

    Args:
        tokenizer: a fast one.
        question: it has to leave room for a part of the context.
        context: the text.
        max_length: tokens of a window.
        stride: tokens of the context that neighbouring windows share.
    """
    encoding = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    for number, spans in enumerate(encoding["offset_mapping"]):
        parts = encoding.sequence_ids(number)
        offsets = [span if part == 1 else (-1, -1) for span, part in zip(spans, parts, strict=True)]
        inputs = {name: encoding[name][number] for name in tokenizer.model_input_names if name in encoding}
        yield Window(inputs, np.array(offsets))


def shortened(tokenizer: "PreTrainedTokenizerBase", text: str, most: int, to: int | None = None) -> str:
    """Return a text, or the beginning of it if it is too long.

    Args:
        tokenizer: a fast one.
        text: such as a question.
        most: tokens that are not too long.
        to: tokens to which a longer text is cut; by default as many.
    """
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return text if len(offsets) <= most else text[: offsets[(to or most) - 1][1]]


def _first_subwords(words: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """Yield the position of each word's first sub-word, and the word's number.

    Args:
        words: the number of each token's word; None for special tokens.
    """
    for position, word in enumerate(words):
        if word is not None and (position == 0 or words[position - 1] != word):
            yield position, word
