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

    Raises:
        XsnsError: the package with the tree isn't installed.
    """
    known = {code: lineage for code in languages if (lineage := row_of(code, lineages(), []))}
    sizes = Counter(lineage[0] for lineage in known.values())
    return {
        code: lineage[1] if 2 * sizes[lineage[0]] > len(known) and len(lineage) > 1 else lineage[0]
        for code, lineage in known.items()
    }


def kinship(languages: Sequence[str]) -> pd.DataFrame:
    """Return the cosine of the families and branches that two languages belong to, 0 to 1; NaN where one is unknown.

    Args:
        languages: canonical codes; scripts are ignored.

    Raises:
        XsnsError: the package with the tree isn't installed.
    """
    groups = [set(row_of(code, lineages(), [])) for code in languages]
    values = [[_cosine(one, other) for other in groups] for one in groups]
    return pd.DataFrame(values, index=list(languages), columns=list(languages))


def _cosine(one: set[str], other: set[str]) -> float:
    return len(one & other) / (len(one) * len(other)) ** 0.5 if one and other else float("nan")
