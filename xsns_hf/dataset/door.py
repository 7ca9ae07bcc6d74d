"""The door: what the tables of a mask repository must hold to be used, whoever wrote them.

Languages and names of recipes become names of files, numbers become answers, texts are shown and become parts of
commands. So nothing but what we would have written ourselves is taken; a row that isn't so is left out with a note.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from xsns_hf.dataset.names import mask_file
from xsns_hf.dataset.sieve import Sieve, is_text, is_word
from xsns_hf.dataset.squares import numbered, squares_of
from xsns_hf.errors import Damaged, XsnsError
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.recipe import commits_in

_RECIPE = re.compile(r"[A-Za-z0-9.-]{1,200}")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_HEAD = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
_TASK = re.compile(r"\w[\w-]{0,99}")
_LAYOUT, _PART, _SHA256 = re.compile("[0-9a-f]{16}"), re.compile("[0-9a-f]{16,64}"), re.compile("[0-9a-f]{64}")

SEEDS = 2**32 - 1
"""The largest seed."""

_MOST_PARAMETERS, _MOST_EXAMPLES, _MOST_RECIPES = 2**45, 2**40, 1000
_LARGEST = 1e300
_MAY_LACK = [
    *("agreement", "agreement_wanted", "corpus_source", "licence", "versions", "file", "file_sha256"),
    "similarity_sha256",
]
_TIMES = pd.Timestamp("2023-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC")


def is_code(code: str) -> bool:
    """Return whether a text is the canonical code of a language."""
    return len(code) <= 20 and code.isascii() and identify_or_none(code) == code


def sound_index(
    name: str, table: pa.Table, settings: Sequence[str], name_of: Callable[[Mapping[str, Any]], str]
) -> Sieve:
    """Leave out the rows of an index that can't be used.

    Args:
        name: of the file.
        table: columns `schema.INDEX`.
        settings: the columns that a recipe has.
        name_of: gives the name of a row's recipe; raises an XsnsError if there can't be such a recipe.

    Raises:
        Damaged: it holds too many recipes.
    """
    sieve = Sieve(name, table, may_lack=_MAY_LACK)
    _keep_languages(sieve, "language")
    for column, (least, most) in _INDEX_NUMBERS.items():
        sieve.keep_numbers(column, least, most)
    for column in ("agreement", "agreement_wanted"):
        values = sieve.frame[column]
        sieve.keep(values.isna() | values.between(0, 1), f"have {column} out of range", column)
    sieve.keep(sieve.frame["n_selected"] <= sieve.frame["n_parameters"], "select more than there is", "n_selected")
    sieve.keep(sieve.frame["created"].between(*_TIMES), "were made at no sensible time", "created")
    for column, fits in _INDEX_TEXTS.items():
        sieve.keep_texts(column, fits, f"have a {column} that can't be one")
    _keep_recipes(sieve, list(settings), name_of)
    sieve.keep(_in_own_files(sieve.frame), "which are in a file of another's name", "file")
    sieve.keep_unique(["recipe", "seed", "language"])
    layouts = sieve.frame.groupby(["layout", "n_parameters"])["recipe"].transform("size")
    sieve.keep(layouts == layouts.max(), "are of another layout than most", "layout")
    return sieve


def _in_own_files(frame: pd.DataFrame) -> list[bool]:
    """Return for each row whether its file, if it names one, is called what it is."""
    rows = zip(*(frame[column].tolist() for column in ("recipe", "language", "file", "file_sha256")), strict=True)
    return [
        (not isinstance(file, str) and not isinstance(sha256, str))
        or (
            isinstance(sha256, str)
            and _SHA256.fullmatch(sha256) is not None
            and file in (mask_file(recipe, language, sha256), mask_file(recipe, language))
        )
        for recipe, language, file, sha256 in rows
    ]


def _keep_languages(sieve: Sieve, *columns: str) -> None:
    for column in columns:
        sieve.keep_texts(column, is_code, "whose language isn't the code of one as xsns_hf writes it")


def _is_head(head: str) -> bool:
    return _HEAD.fullmatch(head) is not None


def _is_origin(text: str) -> bool:
    return is_text(text) and not text.isspace()


def _may_be_empty(text: str) -> bool:
    return text == "" or is_text(text)


_INDEX_NUMBERS: dict[str, tuple[float, float]] = {
    "seed": (0, SEEDS),
    "examples": (1, _MOST_EXAMPLES),
    "loss": (-_LARGEST, _LARGEST),
    "threshold": (0, _LARGEST),
    "n_selected": (0, _MOST_PARAMETERS),
    "n_parameters": (1, _MOST_PARAMETERS),
    "examples_wanted": (1, _MOST_EXAMPLES),
    "max_length": (1, 2**24),
    "similarity_at": (-1, 2**40),
}

_INDEX_TEXTS: dict[str, Callable[[str], bool]] = {
    "layout": lambda text: _LAYOUT.fullmatch(text) is not None,
    "sha256": lambda text: _SHA256.fullmatch(text) is not None,
    "checkpoint": is_word,
    "revision": is_word,
    "head": _is_head,
    "corpus": is_word,
    "corpus_revision": is_text,
    "corpus_source": is_word,
    "licence": _may_be_empty,
    "versions": _may_be_empty,
    "similarity_sha256": lambda text: _PART.fullmatch(text) is not None,
}


def _keep_recipes(sieve: Sieve, settings: list[str], name_of: Callable[[Mapping[str, Any]], str]) -> None:
    """Keep the rows whose recipe can be one and is called what it is, and no recipes of one name."""
    distinct = sieve.frame.drop_duplicates(["recipe", *settings])
    if len(distinct) > _MOST_RECIPES:
        raise Damaged(f"{sieve.name} holds {len(distinct):,} recipes, which is too much: use another dataset.")
    calls: dict[str, set[str]] = {"can't be one": set(), "isn't called what it is": set()}
    for row in distinct.to_dict("records"):
        try:
            problem = "" if row["recipe"] == name_of(row) and _on_the_hub(row) else "isn't called what it is"
        except XsnsError:
            problem = "can't be one"
        if problem:
            calls[problem].add(row["recipe"])
    for problem, names in calls.items():
        sieve.keep(~sieve.frame["recipe"].isin(names), f"whose recipe {problem}", "recipe")
    same = [column for column in settings if column != "checkpoint"]  # a model may have been renamed, not its commit
    if distinct["recipe"].duplicated().any():
        sieve.keep_agreeing("recipe", same, "whose recipe has the name of another")


def _on_the_hub(row: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint that claims a commit can be one of the Hub, to which the card links."""
    return not commits_in(row["revision"]) or _HUB_ID.fullmatch(row["checkpoint"]) is not None


def sound_similarity(name: str, table: pa.Table) -> Sieve:
    """Leave out the recipes of which some similarity can't be one: with a part of them, others would come out.

    Args:
        name: of the file.
        table: columns `schema.SIMILARITY`, texts as dictionaries.
    """
    number = {row["values"]: row["counts"] for row in table["recipe"].value_counts().to_pylist()}
    sieve = Sieve(name, table)
    del table  # which may be large
    sieve.keep_texts("recipe", lambda text: _RECIPE.fullmatch(text) is not None, "whose recipe can't be one")
    _keep_languages(sieve, "source", "target")
    sieve.keep_numbers("seed", 0, SEEDS)
    sieve.keep_numbers("jaccard", 0, 1)
    target, source, _ = numbered(sieve.frame)
    sieve.keep(source != target, "which compare a language with itself", "source")
    if not _is_symmetric(sieve.frame):
        _keep_symmetric(sieve)
    left = sieve.frame["recipe"].value_counts()
    parts = [recipe for recipe, rows in number.items() if rows != left.get(recipe)]
    sieve.keep(~sieve.frame["recipe"].isin(parts), "whose recipe has others that are", "recipe")
    return sieve


def _is_symmetric(frame: pd.DataFrame) -> bool:
    """Return whether each pair is there once, and as similar the other way round."""
    values = [table.to_numpy() for table in squares_of(frame).values()]
    known = sum(int((~np.isnan(table)).sum()) for table in values)
    return known == len(frame) and all(np.array_equal(table, table.T, equal_nan=True) for table in values)


def _keep_symmetric(sieve: Sieve) -> None:
    """Keep pairs that are there once, and as similar the other way round."""
    frame = sieve.frame
    target, source, languages = numbered(frame)
    group = frame.groupby(["recipe", "seed"], sort=False, observed=True).ngroup().to_numpy()
    number = max(1, len(languages))
    target, source = target.astype(np.int64), source.astype(np.int64)
    key, mirrored = ((group * number + one) * number + other for one, other in ((source, target), (target, source)))
    order = np.argsort(key, kind="stable")
    ordered, values = key[order], frame["jaccard"].to_numpy()[order]
    again = np.zeros(len(frame), bool)
    again[order[1:]] = ordered[1:] == ordered[:-1]
    at = np.minimum(np.searchsorted(ordered, mirrored), max(0, len(ordered) - 1))
    same = (ordered[at] == mirrored) & (values[at] == frame["jaccard"].to_numpy()) if len(frame) else again
    sieve.keep(same & ~again, "which are there twice or not the same the other way round", "source")


def sound_scores(name: str, table: pa.Table) -> Sieve:
    """Leave out the scores that can't be used.

    Args:
        name: of the file.
        table: columns `schema.SCORES`.
    """
    sieve = Sieve(name, table)
    sieve.keep_texts("task", lambda text: _TASK.fullmatch(text) is not None, "whose task can't be one")
    _keep_languages(sieve, "source", "target")
    sieve.keep_numbers("score", -_LARGEST, _LARGEST)
    for column, fits in {"metric": _may_be_empty, "model": _may_be_empty, "licence": _may_be_empty}.items():
        sieve.keep_texts(column, fits, f"have a {column} that can't be one")
    sieve.keep_texts("origin", _is_origin, "have an origin that can't be one")
    sieve.keep_unique(["task", "metric", "source", "target"])
    sieve.keep_agreeing(["task", "metric"], ["model", "origin", "licence"], "which are several tables of one task")
    return sieve
