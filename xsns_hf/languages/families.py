"""Which languages are related: families and their branches, as URIEL has them from Glottolog's tree."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from xsns_hf.languages.uriel import lineages, row_of


def groups(languages: Sequence[str]) -> dict[str, str]:
    """Return the group of relatives that each language belongs to, of those that the tree has.

    That is its family, except that the branches of a family with more than half of the languages are told apart: where
    most are Indo-European, Germanic and Slavic are what there is to see.

    Args:
        languages: canonical codes; scripts are ignored.
    """
    known = {code: lineage for code in languages if (lineage := row_of(code, lineages(), []))}
    sizes = Counter(family for family, *_ in known.values())
    return {
        code: branches[0] if branches and 2 * sizes[family] > len(known) else family
        for code, (family, *branches) in known.items()
    }


def kinship(languages: Sequence[str]) -> pd.DataFrame:
    """Return the cosine of the families and branches that two languages belong to, 0 to 1; NaN where one is unknown.

    Args:
        languages: canonical codes; scripts are ignored.
    """
    groups = [set(row_of(code, lineages(), [])) for code in languages]
    values = [[_cosine(row, column) for column in groups] for row in groups]
    return pd.DataFrame(values, index=list(languages), columns=list(languages))


def _cosine(a: set[str], b: set[str]) -> float:
    return len(a & b) / (len(a) * len(b)) ** 0.5 if a and b else float("nan")
