"""X-POS: the pairwise features from which de Vries et al. (2022) regress transfer scores, a baseline of §5.3.

They come from the files of github.com/wietsedv/xpos, in one folder: `udpos-langs.csv`, `wiki-langs.csv` and
`ldnd.csv` of its `results`, `fams.txt`, `word-order.csv` and `langs-xlmr.txt` of its `research/udpos`.
"""

from collections.abc import Sequence
from io import StringIO
from itertools import permutations
from pathlib import Path

import pandas as pd

from xsns_hf.errors import Damaged
from xsns_hf.languages.codes import identify, identify_or_none

FEATURES = ("same_family", "same_script", "same_script_type", "same_sov", "both_pretrained", "ldnd")

_SCRIPT_TYPES = {
    "alphabet": ["latin", "cyrillic", "greek", "armenian", "georgian", "old turkic"],
    # Thai is an abugida to most; here it is where de Vries et al. put it.
    "abjad": ["arabic", "hebrew", "syriac", "thai"],
    "abugida": [
        *("devanagari", "bengali", "gujarati", "gurmukhi", "oriya", "tamil", "telugu", "kannada", "malayalam"),
        *("sinhala", "lao", "myanmar", "khmer", "ethiopic"),
    ],
    # They put Hangul with the characters of Chinese and Japanese, too: a block of it is written as a syllable.
    "logosyllabic": ["chinese", "kana", "hangul"],
}

_REMEDY = "copy it from github.com/wietsedv/xpos, results or research/udpos"

_TYPE_OF_SCRIPT = {script: kind for kind, scripts in _SCRIPT_TYPES.items() for script in scripts}


def xpos_features(folder: str | Path, languages: Sequence[str]) -> pd.DataFrame:
    """Return the X-POS features of all ordered pairs of languages (§5.3; de Vries et al. 2022).

    Args:
        folder: with the files of X-POS.
        languages: in any form that `identify` knows.

    Returns:
        columns source and target (canonical codes) and, float64, those of `FEATURES`: 0 or 1 for

        - same_family: top family, so that English and Hindi are both Indo-European, as in their regression;
        - same_script and same_script_type: alphabet, abjad, abugida or logosyllabic;
        - same_sov: dominant order of subject, object and verb (WALS 81A). As in their regression an unknown order is
          one of its own: it differs from the known ones, and two unknown ones are the same;
        - both_pretrained: XLM-R was pre-trained on the source and on the target;

        and ldnd: lexical distance of 40 basic words, corrected for chance similarity: about 100 for unrelated
        languages, less for related ones. What isn't known is NaN; `xpos_missing` says of which languages.

    Raises:
        LanguageError: an unknown language.
        Damaged: a file is missing or isn't as expected.
    """
    traits = _traits(Path(folder), languages)
    distances = _distances(Path(folder))
    pairs = pd.DataFrame(list(permutations(traits.index, 2)), columns=["source", "target"])
    source, target = (traits.loc[pairs[side]].reset_index(drop=True) for side in ("source", "target"))
    known = source.notna() & target.notna()
    same = source.eq(target).astype(float).where(known)
    return pairs.assign(
        same_family=same["family"],
        same_script=same["script"],
        same_script_type=same["script_type"],
        same_sov=same["sov"],
        both_pretrained=(source["pretrained"] & target["pretrained"]).astype(float),
        ldnd=[distances.get(pair, float("nan")) for pair in zip(pairs["source"], pairs["target"], strict=True)],
    )


def xpos_missing(folder: str | Path, languages: Sequence[str]) -> dict[str, list[str]]:
    """Return by language which features of all its pairs are NaN; languages that lack nothing aren't in it.

    Args:
        folder: with the files of X-POS.
        languages: in any form that `identify` knows.

    Raises:
        LanguageError: an unknown language.
        Damaged: a file is missing or isn't as expected.
    """
    traits = _traits(Path(folder), languages)
    with_distance = {source for source, _ in _distances(Path(folder))}
    lacking = traits[["family", "script", "script_type"]].isna().add_prefix("same_")
    lacking["ldnd"] = ~traits.index.isin(list(with_distance))
    return {str(code): list(row.index[row]) for code, row in lacking.iterrows() if row.any()}


def families(folder: str | Path, branches: bool = False) -> dict[str, str]:
    """Return the family of each language in the files of X-POS by canonical code.

    Args:
        folder: with the files of X-POS.
        branches: whether to tell the branches of Indo-European apart, `IE, Germanic`; by default all are `IE`.

    Raises:
        Damaged: a file is missing or isn't as expected.
    """
    codes = _Codes(Path(folder))
    lines = (line.strip().partition(" ") for line in _text(Path(folder), "fams.txt").splitlines())
    by_code = {codes(name): family if branches else family.partition(",")[0] for name, _, family in lines if family}
    return {code: family for code, family in by_code.items() if code}


class _Codes:
    """Canonical codes by the names that the files use, None for no language ("Hindi English").

    Some names, such as "Naija", are known only from their codes in the list of UD languages.
    """

    def __init__(self, folder: Path):
        listed = _table(folder, "udpos-langs.csv", "language_id", "language")
        self.listed = {
            name: identify_or_none(code) for code, name in zip(listed["language_id"], listed["language"], strict=True)
        }

    def __call__(self, name: str) -> str | None:
        name = name.replace("_", " ")
        return self.listed.get(name) or identify_or_none(name)


def _traits(folder: Path, languages: Sequence[str]) -> pd.DataFrame:
    """Return what is known of each language, NaN for what isn't: family, script, script_type, sov, pretrained."""
    codes, family = _Codes(folder), families(folder)
    scripts: dict[str | None, str] = {}
    # UD's comes first: it is the script of the text that the scores are of (Sanskrit in Latin letters).
    for file in ("udpos-langs.csv", "wiki-langs.csv"):
        table = _table(folder, file, "language", "script")
        for name, script in zip(table["language"], table["script"], strict=True):
            scripts.setdefault(codes(name), script)
    order = _table(folder, "word-order.csv", "language", "SOV")
    orders = dict(zip(map(codes, order["language"]), order["SOV"], strict=True))
    # By name, not by the code before it: "lzh Chinese" is Chinese in traditional characters, not Classical Chinese.
    pretrained = {
        codes(line.split()[1]) for line in _text(folder, "langs-xlmr.txt").splitlines() if len(line.split()) > 1
    }
    wanted = list(dict.fromkeys(identify(language) for language in languages))
    rows = {
        code: {
            "family": family.get(code),
            "script": scripts.get(code),
            "script_type": _TYPE_OF_SCRIPT.get(scripts.get(code, "")),
            "sov": orders.get(code, "Unknown"),
            "pretrained": code in pretrained,
        }
        for code in wanted
    }
    return pd.DataFrame(rows.values(), list(rows), ["family", "script", "script_type", "sov", "pretrained"])


def _distances(folder: Path) -> dict[tuple[str | None, str | None], float]:
    """Return the LDND of each pair of canonical codes that it is known of."""
    codes = _Codes(folder)
    square = _table(folder, "ldnd.csv").set_index("")
    try:
        return {
            (codes(source), codes(target)): float(cell)
            for source, row in square.iterrows()
            for target, cell in row.items()
            if cell  # of a language with itself there is none
        }
    except ValueError as error:
        raise Damaged(f"{folder / 'ldnd.csv'} isn't a table of numbers ({error}): {_REMEDY}.") from error


def _table(folder: Path, file: str, *columns: str) -> pd.DataFrame:
    """Return a table, all cells as text; the first column, of row numbers or names, has no name."""
    try:
        table = pd.read_csv(StringIO(_text(folder, file)), dtype=str, keep_default_na=False)
    except ValueError as error:  # what pandas raises is a kind of it
        raise Damaged(f"{folder / file} isn't a table ({error}): {_REMEDY}.") from error
    table = table.rename(columns={table.columns[0]: ""})
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise Damaged(f"{folder / file} has no column {', '.join(missing)}: {_REMEDY}.")
    return table


def _text(folder: Path, file: str) -> str:
    try:
        return (folder / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Damaged(f"{folder / file} is missing or unreadable: {_REMEDY}.") from error
