"""The most that a kind of file may hold, whoever made it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The most that a kind of file may hold.

    Files with much in them are large themselves: a tiny one that decodes to what only a large one needs is refused.

    Attributes:
        rows: of the table.
        values: of a column: rows, or entries of its lists.
        decoded: bytes of the columns that are read, all their texts written out.
    """

    rows: int
    values: int
    decoded: int

    def of(self, size: int) -> "Limits":
        """Return the limits for a file of so many bytes."""
        return Limits(
            min(self.rows, 250_000 + size // 2),
            min(self.values, 4_000_000 + 4 * size),
            min(self.decoded, (64 << 20) + 200 * size),
        )


INDEX = Limits(rows=100_000, values=100_000, decoded=256 << 20)
"""All languages of the world, seven recipes of two seeds each; a row takes half a kilobyte."""

SIMILARITY = Limits(rows=16_000_000, values=16_000_000, decoded=1600 << 20)
"""2,000 languages with three seeds are 12 million ordered pairs; a row takes some 60 bytes, of which two are stored."""

SCORES = Limits(rows=1_000_000, values=1_000_000, decoded=384 << 20)
"""A thousand sources and targets; a row takes 150 bytes."""

LAYOUT = Limits(rows=100_000, values=32_000_000, decoded=384 << 20)
"""Tensors of the largest models; an entry of an order for each row and column of each: 200,000 in XLM-R base."""
