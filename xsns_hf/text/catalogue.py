"""The corpora on the Hub that are known by name, as `catalogue.toml` lists them."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from xsns_hf.errors import Damaged
from xsns_hf.languages.codes import identify
from xsns_hf.text.configs import is_pattern

_CATALOGUE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True)
class Source:
    """Where on the Hub a corpus is, and what in it is text.

    In the catalogue, `configs` and `prefixes` are by any code that `identify` takes; instead of `configs` there may be
    `languages`, codes with spaces between, and `config`, the pattern of the configurations' names (`{}`, the code).

    Attributes:
        id: of the dataset.
        about: what it is, in a few words.
        columns: what is text: a string, or a list of tokens, which are joined by spaces. Several columns are joined by
            a space, as the premise and hypothesis of a pair are. None, of a dataset that no catalogue lists, if that is
            told from its first row.
        configs: configuration of each language, by canonical code.
        split: which split; empty, of a dataset that no catalogue lists, for `train` or else the only one.
        converted: whether it is read as the Hub converted it, since its own files need a script to be read.
        prefixes: for a dataset that holds all languages together, what the `id` of each row begins with.
        paragraphs: whether a row is a document, to be cut into paragraphs.
        licence: SPDX expression of the text, if it has one.
        pattern: of the configurations' names, by which those of other languages than `configs` lists are found on the
            Hub, see `configs.PLACEHOLDERS`; without one there are no others.
        revision: commit of the dataset; by default the latest.
        language_column: for a dataset that holds all languages together, the column that says the language of a row.
    """

    id: str
    about: str
    columns: Sequence[str]
    configs: Mapping[str, str]
    split: str = "train"
    converted: bool = False
    prefixes: Mapping[str, str] = field(default_factory=dict)
    paragraphs: bool = False
    licence: str | None = None
    pattern: str | None = None
    revision: str | None = None
    language_column: str | None = None


def read_catalogue(path: Path = _CATALOGUE) -> dict[str, Source]:
    """Return the corpora of a catalogue by their names in it.

    Raises:
        XsnsError: it can't be read, or an entry lacks something, or has what no entry has.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # not TOML and not UTF-8 are ValueErrors
        raise Damaged(f"The catalogue of corpora {path} can't be read ({error}): install the package anew.") from error
    return {name: _source(name, entry) for name, entry in entries.items()}


_TYPES: Mapping[str, type] = {"columns": list, "configs": dict, "prefixes": dict, "converted": bool, "paragraphs": bool}
"""Of the fields that aren't text."""

_NOT_LISTED = {"revision", "language_column"}
"""Fields of datasets that no catalogue lists."""


def _source(name: str, entry: dict[str, Any]) -> Source:
    pattern = entry.pop("config", "{}")
    if "languages" in entry:
        entry["configs"] = {code: pattern.format(code) for code in str(entry.pop("languages")).split()}
    known = [attribute.name for attribute in fields(Source)]
    lists = "configs" if "pattern" not in entry else "pattern"
    problems = [f"lacks {key}" for key in ("id", "about", "columns", lists) if not entry.get(key)]
    problems += [f"has {key}, which no corpus has" for key in entry if key not in known or key in _NOT_LISTED]
    problems += [f"has no {key} of that kind" for key in entry if not isinstance(entry[key], _TYPES.get(key, str))]
    if not problems and "pattern" in entry and not is_pattern(entry["pattern"]):
        problems = ["has a pattern without a placeholder"]
    if problems:
        raise Damaged(f"The corpus {name} in the catalogue {problems[0]}: see the others in text/catalogue.toml.")
    entry.setdefault("configs", {})
    for key in ("configs", "prefixes"):
        entry[key] = {identify(code): text for code, text in entry.get(key, {}).items()}
    return Source(**entry)


SOURCES: Mapping[str, Source] = read_catalogue()
"""The corpora that `xsns extract --corpus` knows."""
