"""One identity per language: ISO 639-3, and a script only where it isn't the language's default one.

`eng_Latn`, `en-GB`, `eng` and `English` are all `eng`; `srp` is Serbian in Cyrillic, `srp_Latn` in Latin.
A macro-language stands for its predominant individual language, as CLDR has it: `sw` is `swh`, `zh` is `cmn`.
"""

import difflib
import re
from collections import defaultdict
from functools import lru_cache
from typing import Any

from langcodes import Language
from langcodes.data_dicts import LIKELY_SUBTAGS, MACROLANGUAGES, NORMALIZED_MACROLANGUAGES
from language_data.names import code_to_names, get_trie_value, load_trie, normalize_name
from language_data.population_data import LANGUAGE_WRITING_POPULATION
from language_data.util import data_filename

from xsns_hf.errors import LanguageError

_REGIONS_WITH_A_CODE = {("fa", "AF"): "prs", ("sw", "CD"): "swc"}
"""CLDR writes these languages as a region of another one; ISO 639-3 (and FLORES) give them a code."""

_SAME_SCRIPT = {"Hang": "Kore", "Aran": "Arab"}
"""Parts or styles of a script that aren't another way of writing: Korean in FLORES is `kor_Hang`."""

_UNSPECIFIC_SCRIPTS = {"Hani", "Zinh", "Zyyy", "Zzzz"}
"""Chinese characters of either kind; inherited, common and unknown script: the default one, as far as we know."""

_SHOWN_AS = NORMALIZED_MACROLANGUAGES | {"tgl": "tl", "prs": "prs", "swc": "swc"}

_DEFAULT_SCRIPTS = {"azb": "Arab", "grc": "Grek"}
"""Where CLDR's likely script is missing or isn't that of the texts one finds."""


def identify(text: str) -> str:
    """Return the canonical code of a language.

    Args:
        text: ISO 639-1, 639-2 or 639-3 (`en`, `ger`, `swh`), BCP 47 (`zh-Hant`, `pt-BR`: a region counts
            only for the script that it implies), FLORES (`eng_Latn`), the English name or the language's
            own name. A text of two or three letters is a code, never a name.

    Returns:
        `fin`, or `srp_Latn` where the script isn't the default one; identify() of it is itself.

    Raises:
        LanguageError: no such language; the message names the nearest ones.

    Example:
        >>> identify("Finnish"), identify("fi"), identify("srp_Latn")
        ('fin', 'fin', 'srp_Latn')
    """
    code = identify_or_none(text)
    if code is None:
        raise LanguageError(f"{text!r} is not a language we know; {_advice(text.strip())}")
    return code


@lru_cache(maxsize=4096)
def identify_or_none(text: str) -> str | None:
    """Return the canonical code of a language, or None if there is no such language; see `identify`."""
    tag = _from_code(text.strip()) or _from_name(text.strip())
    return _canonical(tag) if tag else None


def name(code: str) -> str:
    """Return the English name: `Swahili`, `Chinese`, `Serbian (Latin)`.

    Args:
        code: anything that `identify` takes.

    Raises:
        LanguageError: no such language.
    """
    return _display_name(identify(code))


def own_name(code: str) -> str:
    """Return what its speakers call the language: `Kiswahili`, `suomi`; the English name where that isn't known.

    Args:
        code: anything that `identify` takes.

    Raises:
        LanguageError: no such language.
    """
    language = _shown(identify(code))
    autonym = language.autonym()
    return name(code) if autonym == str(language) else autonym


def script(code: str) -> str:
    """Return the ISO 15924 code of the script that a language is written in: `Cyrl`; `Latn` for `srp_Latn`.

    Args:
        code: anything that `identify` takes.

    Raises:
        LanguageError: no such language.
    """
    language, _, script_code = identify(code).partition("_")
    return script_code or _likely_script(language)


def script_name(code: str) -> str:
    """Return the English name of a script from its ISO 15924 code: `Cyrillic`."""
    return Language.make(script=code).script_name()


def name_and_code(code: str) -> str:
    """Return `Finnish (fin)`."""
    return f"{name(code)} ({code})"


def short_code(code: str) -> str:
    """Return the ISO 639-1 code of a language, or of the macro-language that it stands for: `fi`, `zh` for `cmn`; where
    there is none, the ISO 639-3 code.

    Args:
        code: canonical code.
    """
    language = code.partition("_")[0]
    return min(_alpha2(language), _SHOWN_AS.get(language, language), key=len)


@lru_cache(maxsize=4096)
def _display_name(canonical: str) -> str:
    return _shown(canonical).display_name()


def _shown(canonical: str) -> Language:
    language, _, script = canonical.partition("_")
    # The macro-language's name is the readable one: "Swahili", not "Swahili (individual language)".
    return Language.make(language=_SHOWN_AS.get(language) or _alpha2(language), script=script or None)


def _alpha2(language: str) -> str:
    """Return the form under which langcodes has the language's names and script: `fi` for `fin`."""
    return Language.get(language).language or language


def _from_code(text: str) -> Language | None:
    try:
        tag = Language.get(text)
    except ValueError:
        return None
    return tag if _is_one_language(tag) else None


def _from_name(text: str) -> Language | None:
    if text.isascii() and len(text.strip("- ")) < 4:
        return None
    tag = _from_english_name(text) or _from_own_name(text)
    return tag if tag and _is_one_language(tag) else None


def _from_english_name(text: str) -> Language | None:
    plain, _, script = text.removesuffix(")").rpartition(" (")
    code, script_code = _look_up(plain, "en/name_to_language"), _look_up(script, "und/name_to_script")
    if code and script_code:
        return Language.get(f"{code}-{script_code}")
    code = _look_up(text, "en/name_to_language")
    return Language.get(code) if code else None


def _from_own_name(text: str) -> Language | None:
    """Return the language that calls itself so, `suomi`; names in yet other languages are too often ambiguous."""
    code = _look_up(text, "und/name_to_language")
    if code is None:
        return None
    tags = [
        tag
        for tag, its_name in code_to_names(code).items()
        if tag.split("-")[0] == code and normalize_name(its_name) == normalize_name(text)
    ]
    return Language.get(min(tags, key=len)) if tags else None


def _look_up(text: str, trie: str) -> str | None:
    """Return the code with exactly this name: langcodes.find() also takes `Germanium` for German."""
    names, key = _trie(trie), normalize_name(text)
    if not key.isprintable():  # the trie stores its own marks in such characters
        return None
    return get_trie_value(names, key) if key in names else None


@lru_cache
def _trie(path: str) -> Any:  # a marisa_trie.BytesTrie
    return load_trie(data_filename(f"trie/{path}.marisa"))


def _is_one_language(tag: Language) -> bool:
    if not tag.language or tag.language.startswith("x-") or not tag.is_valid():
        return False
    shown = Language.make(language=tag.language).display_name()
    no_language = shown.startswith("Unknown language") or tag.language in {"mul", "zxx", "crp"}
    return not no_language and not shown.endswith(" languages")


def _canonical(tag: Language) -> str:
    plain = tag.language or ""
    plain = _REGIONS_WITH_A_CODE.get((plain, tag.territory or ""), plain)
    alpha3 = Language.make(language=plain).to_alpha3()
    language = _predominant_languages().get(alpha3, alpha3)
    if not tag.script and not tag.territory:
        return language
    script = _SAME_SCRIPT.get(tag.script or "", tag.script) or _likely_script(plain, tag.territory)
    default = script == _likely_script(plain) or script in _UNSPECIFIC_SCRIPTS
    return language if default else f"{language}_{script}"


def _likely_script(language: str, territory: str | None = None) -> str:
    if language in _DEFAULT_SCRIPTS:
        return _DEFAULT_SCRIPTS[language]
    plain = _alpha2(language)
    for subtag in (plain, NORMALIZED_MACROLANGUAGES.get(plain), MACROLANGUAGES.get(plain)):
        likely = LIKELY_SUBTAGS.get(f"{subtag}-{territory}") or LIKELY_SUBTAGS.get(subtag or "")
        if likely:
            return Language.get(likely, normalize=False).script or "Latn"
    return "Latn"


@lru_cache
def _predominant_languages() -> dict[str, str]:
    """Return the predominant individual language of each macro-language that has just one, all alpha-3."""
    individuals = defaultdict(set)
    for individual, macro in NORMALIZED_MACROLANGUAGES.items():
        if _is_one_language(Language.get(individual)):  # CLDR also replaces codes of families
            individuals[Language.make(language=macro).to_alpha3()].add(individual)
    single = {macro: languages.pop() for macro, languages in individuals.items() if len(languages) == 1}
    # Norwegian text is mostly Bokmål; Filipino is the standard form of Tagalog, whose code the corpora use.
    return single | {"nor": "nob", "fil": "tgl"}


def _advice(text: str) -> str:
    """Return what the user may have meant, as the end of a sentence."""
    known = _known_words()
    start = re.split(r"[^\w]|_", text)[0]
    tag = _from_code(start) or _from_name(start)
    codes = [_canonical(tag)] if tag else []
    codes += [known[word] for word in difflib.get_close_matches(text.lower(), known, n=5, cutoff=0.65)]
    nearest = ", ".join(map(name_and_code, list(dict.fromkeys(codes))[:3]))
    if not nearest:
        return "give an ISO 639 code such as swh or an English name such as Swahili."
    return f"did you mean {nearest}?"


@lru_cache
def _known_words() -> dict[str, str]:
    """Return the canonical codes of all languages with known writers, by their codes and lower-case names."""
    known: dict[str, str] = {}
    for tag in (Language.get(code) for code in LANGUAGE_WRITING_POPULATION if "-" not in code):
        if _is_one_language(tag):
            code = _canonical(tag)
            words = (str(tag.language), code, tag.display_name().lower(), _display_name(code).lower())
            known |= dict.fromkeys(words, code)
    return known
