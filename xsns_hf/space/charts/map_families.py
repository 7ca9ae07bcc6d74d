"""How the families of languages look on a map."""

from collections import Counter
from collections.abc import Sequence

from xsns_hf.languages.families import groups
from xsns_hf.space.charts.parts import BLUE, GREEN, GREY, OCHRE, ORANGE, PURPLE

OTHER = "other families"

LOOKS = [
    ("square", BLUE),
    ("triangle-up", ORANGE),
    ("diamond", GREEN),
    ("triangle-down", PURPLE),
    ("cross", OCHRE),
]
"""Shape and colour of the largest families, the largest first: to be told apart without colours too."""

REST = ("circle", GREY)

FEWEST = 2
"""Languages that make a family worth a colour."""


def families(languages: Sequence[str]) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Return the family of each language as the legend has it, and how each family looks: shape and colour.

    Those with the most languages have a name; the rest, and languages whose family isn't known, are `OTHER`.

    Args:
        languages: canonical codes.
    """
    known = groups(languages)
    largest = [family for family, number in Counter(known.values()).most_common(len(LOOKS)) if number >= FEWEST]
    looks = dict(zip(largest, LOOKS, strict=False)) | {OTHER: REST}
    return {code: known[code] if known.get(code) in looks else OTHER for code in languages}, looks
