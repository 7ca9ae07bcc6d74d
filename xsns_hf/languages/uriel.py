"""URIEL's feature vectors and family tree of languages (Littell et al. 2017), from the files of `lang2vec`.

The vectors are files of the package `lang2vec` 1.1.2, the latest; it is no longer kept up and can't be imported without
an old setuptools, so its files are read without it. `urielplus`, which is kept up, carries the observed typological
features but not the values that URIEL's authors predicted for the unknown ones, which the paper uses: imputed anew by
scikit-learn's KNNImputer, they predict POS transfer much worse (Pearson at most 57 in place of 68.5 on the paper's 20
languages, XLM-R base's scores by de Vries et al. 2022).
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.metadata import distribution
from typing import TypeVar

import numpy as np
import pandas as pd
from langcodes import Language
from langcodes.data_dicts import MACROLANGUAGES

MACRO_LANGUAGES = {
    Language.make(language=individual).to_alpha3(): Language.make(language=macro).to_alpha3()
    for individual, macro in MACROLANGUAGES.items()
}
"""The macro-language of each individual language that is part of one, ISO 639-3: `est` of `ekk`."""


Row = TypeVar("Row")


def row_of(code: str, rows: Mapping[str, Row], default: Row) -> Row:
    """Return what URIEL knows of a language, under its own code or else its macro-language's.

    It has the descent of `ekk`, `lvs`, `nob`, `nno` and `twi`, for one, as that of `est`, `lav`, `nor` and `aka` only,
    and none of a few languages, such as Basque.

    Args:
        code: canonical; the script is ignored.
        rows: those of known languages, by ISO 639-3 code, as from `uriel_vectors` or `lineages`.
        default: what to return if there is neither.
    """
    language = code.partition("_")[0]
    return rows.get(language, rows.get(MACRO_LANGUAGES.get(language, ""), default))


def structure(targets: Sequence[str], sources: Sequence[str]) -> pd.DataFrame:
    """Return how alike languages are in structure, see `cosines`: in syntax, phonology and inventory of sounds.

    What isn't known of a language is as URIEL's authors predict it from its neighbours (Littell et al. 2017).
    """
    return _structure(tuple(targets), tuple(sources)).copy()


@lru_cache(maxsize=16)  # the same languages are asked for with every target
def _structure(targets: tuple[str, ...], sources: tuple[str, ...]) -> pd.DataFrame:
    return cosines("feature_predictions.npz", ("S_", "P_", "INV_"), targets, sources)


def cosines(file: str, prefixes: tuple[str, ...], targets: Sequence[str], sources: Sequence[str]) -> pd.DataFrame:
    """Return the cosine of two languages' vectors, targets × sources, NaN where one is unknown.

    Args:
        file: of the vectors, see `uriel_vectors`.
        prefixes: which features.
        targets: canonical codes, whose script is ignored.
        sources: likewise.
    """
    known = uriel_vectors(file, prefixes)
    unknown = np.full_like(next(iter(known.values())), np.nan)
    sides = [np.stack([row_of(code, known, unknown) for code in codes]) for codes in (targets, sources)]
    return pd.DataFrame(sides[0] @ sides[1].T, index=list(targets), columns=list(sources))


@cache
def uriel_vectors(file: str, prefixes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the vectors of the languages that URIEL knows, float64 of length 1, by ISO 639-3 code; see `row_of`.

    Args:
        file: a file of lang2vec's data, such as `feature_predictions.npz`.
        prefixes: which features to take, by the beginning of their names.
    """
    names, codes, values = _features(file)
    wanted = np.logical_or.reduce([np.char.startswith(names, prefix) for prefix in prefixes])
    values = values[:, wanted].astype(float)
    known = (values >= 0).all(axis=1) & values.any(axis=1)  # what URIEL doesn't know is negative, or a row of zeros
    values = values[known]
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return dict(zip(np.array(codes)[known].tolist(), values, strict=True))


@cache
def lineages() -> dict[str, list[str]]:
    """Return the family and the branches of the languages whose descent URIEL knows, by ISO 639-3 code; see `row_of`.

    Widest first, as `Indo-European`, `Germanic`, …: a family has more languages than any branch of it.
    """
    names, codes, values = _features("family_features.npz")
    members = values > 0
    widest = np.argsort(-members.sum(axis=0), kind="stable")
    labels = [str(names[feature]).removeprefix("F_") for feature in widest]
    return {
        code: [labels[at] for at in np.flatnonzero(row)]
        for code, row in zip(codes, members[:, widest], strict=True)
        if row.any()
    }


def _features(file: str) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return the names of the features, the codes of the languages and the values [languages, features]."""
    with np.load(str(distribution("lang2vec").locate_file(f"lang2vec/data/{file}"))) as data:
        return np.array(data["feats"]), data["langs"].tolist(), data["data"][:, :, 0]
