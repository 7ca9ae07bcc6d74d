"""Reading a labelled row: the sub-words that carry a word's label, and the answers of a question."""

from collections.abc import Iterator, Mapping, Sequence


def first_subwords(words: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """Yield the position of each word's first sub-word, and the word's number.

    Args:
        words: the number of each token's word; None for special tokens.
    """
    for position, word in enumerate(words):
        if word is not None and (position == 0 or words[position - 1] != word):
            yield position, word


def answer_of(answers: Sequence[Mapping] | Mapping) -> list[tuple[str, int]]:
    """Return each answer and the character where it starts, from a list of answers or from SQuAD's lists in a mapping.

    Raises:
        KeyError, TypeError: they are neither.
    """
    if isinstance(answers, Mapping):
        return list(zip(answers["text"], answers["answer_start"], strict=True))
    return [(answer["text"], answer["start"]) for answer in answers]
