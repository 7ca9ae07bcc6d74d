"""Any dataset on the Hub as text: its commit, and which of its configurations is which language."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from huggingface_hub import HfApi

from xsns_hf.errors import HubError, TextError, parameter
from xsns_hf.hub_errors import NoRepository, explained
from xsns_hf.languages.codes import identify_or_none, name_and_code
from xsns_hf.text.catalogue import SOURCES, Source
from xsns_hf.text.choice import Choice
from xsns_hf.text.configs import by_name, by_pattern, is_pattern

_ADDRESS = re.compile(r"(?P<id>\w[\w.-]*(?:/\w[\w.-]*)?)(?:@(?P<revision>[^:]+))?(?::(?P<config>\w.*))?")

MOST_NAMED = 12
"""Configurations or languages that the sentence of an error lists at most."""


@dataclass(frozen=True)
class Address:
    """A dataset as it is typed: `owner/name`, `owner/name@revision`, `owner/name:config`, and so without an owner.

    Attributes:
        id: of the dataset.
        revision: branch, tag or commit; by default the main branch.
        config: its configuration, or a language that it is in.
    """

    id: str
    revision: str | None = None
    config: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what was typed.

        Raises:
            TextError: it is no such thing.
        """
        found = _ADDRESS.fullmatch(text)
        if not found:
            raise TextError(
                f"{parameter('corpus', text)} is no dataset: give a name of `xsns corpora`, or owner/name or "
                "owner/name:config as on the Hub."
            )
        return cls(**found.groupdict())


def find_source(address: Address, languages: Sequence[str], choice: Choice) -> Source:
    """Find out where in a dataset the text of some languages is, at the commit that it is at now.

    Args:
        address: of the dataset.
        languages: canonical codes; none if the configuration's name tells the language.
        choice: what is known of it.

    Raises:
        XsnsError: there is no such dataset, it needs a script, or it can't be told which of it is which language.
    """
    commit = _commit(address)
    names = _config_names(address.id, commit)
    chosen = replace(choice, config=address.config) if address.config else choice
    return Source(
        id=address.id,
        about="",
        columns=[choice.column] if choice.column else [],
        configs=_configs(address.id, commit, names, list(languages), chosen),
        split=choice.split or "",
        revision=commit,
        language_column=choice.language_column,
    )


def further(source: Source, languages: Sequence[str]) -> Source:
    """Return a corpus of the catalogue with the configurations of some languages that aren't listed there.

    Raises:
        XsnsError: the dataset has none, or can't be reached.
    """
    commit = _commit(Address(source.id))
    found = _matching(source.id, _config_names(source.id, commit), languages, source.pattern)
    return replace(source, configs={**source.configs, **found}, revision=commit)


def _commit(address: Address) -> str:
    try:
        with explained(f"{address.id}@{address.revision}" if address.revision else address.id):
            found = HfApi().resolve_revision(address.id, repo_type="dataset", revision=address.revision)
    except NoRepository as error:
        if "/" in address.id:
            raise
        raise TextError(
            f"There is no corpus '{address.id}', nor a dataset of that name on the Hub: use one of "
            f"{', '.join(SOURCES)}, a dataset's whole id, or {parameter('text')} with files."
        ) from error
    return found.resolved


def _config_names(dataset: str, commit: str) -> list[str]:
    from datasets import get_dataset_config_names
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    with explained(dataset):
        script = _script(dataset, commit)
        if script:
            raise HubError(
                f"{dataset} on the Hub is read by a script of its own ({script}), which isn't run: use a dataset whose "
                f"files are Parquet, JSON or text, or give the text as files with {parameter('text')}."
            )
        try:
            return get_dataset_config_names(dataset, revision=commit)
        except DatasetNotFoundError as error:  # whose repository is there
            raise HubError(
                f"{dataset} on the Hub is gated: accept its terms on its page, then log in (`hf auth login`)."
            ) from error
        except (DatasetsError, ValueError, RuntimeError) as error:  # a card that is none, files of no kind
            reason = " ".join(str(error).split())[:200]
            raise HubError(
                f"{dataset} on the Hub can't be read as a dataset ({reason}): use another, or give the text as files "
                f"with {parameter('text')}."
            ) from error


def _script(dataset: str, commit: str) -> str | None:
    """Return the script that reads a dataset, if it has one: a file of its name, perhaps in small letters."""
    own = f"{dataset.split('/')[-1]}.py"
    found = HfApi().get_paths_info(dataset, sorted({own, own.lower()}), repo_type="dataset", revision=commit)
    return found[0].path if found else None


def _configs(
    dataset: str, commit: str, names: Sequence[str], languages: Sequence[str], choice: Choice
) -> Mapping[str, str]:
    """Return the configuration of each language."""
    if choice.config is not None and is_pattern(choice.config):
        return _matching(dataset, names, languages, choice.config)
    if choice.config is not None or choice.language_column is not None:
        return _in_one(dataset, names, languages, choice)
    if len(names) == 1 and not by_name(names).keys() & set(languages):
        if len(languages) == 1:
            _check_card(dataset, commit, names[0], languages[0])
        return _in_one(dataset, names, languages, Choice(config=names[0]))
    return _matching(dataset, names, languages, None)


def _check_card(dataset: str, commit: str, config: str, language: str) -> None:
    """Make sure that a dataset is in one language by its card: text of several would be taken for that of one.

    Raises:
        TextError: it is in others by its card, or that doesn't say.
    """
    with explained(dataset):
        card = HfApi().dataset_info(dataset, revision=commit).card_data
    said = (card.get("language") if card else None) or []
    codes = [said] if isinstance(said, str) else said
    if {identify_or_none(str(code)) for code in codes} != {language}:
        says = f"is in {_some([str(code) for code in codes])} by its card" if codes else "doesn't say its language"
        raise TextError(
            f"{dataset} has one configuration ({config}) and {says}: name the column that says the language of a row "
            f"with {parameter('language_column')}, or, if all of it is {name_and_code(language)}, pass "
            f"{parameter('config', config)}."
        )


def _in_one(dataset: str, names: Sequence[str], languages: Sequence[str], choice: Choice) -> Mapping[str, str]:
    """Return the configuration that all languages are in, or the only language is."""
    config = choice.config or (names[0] if len(names) == 1 else "default")
    if config not in names:
        code = identify_or_none(config)
        if code and not choice.language_column and set(languages) <= {code}:  # `owner/name:sw`, of sw_Latn
            return _matching(dataset, names, [code], None)
        raise TextError(
            f"{dataset} has no configuration {config}: choose one with {parameter('config')}: {_some(names)}."
        )
    if choice.language_column or len(languages) == 1:
        return dict.fromkeys(languages, config)
    code = identify_or_none(config)
    if code and not languages:
        return {code: config}
    if not languages:
        raise TextError(
            f"The configuration {config} of {dataset} doesn't say its language: name it with {parameter('languages')}."
        )
    raise TextError(
        f"{dataset} has one configuration ({config}) for {len(languages)} languages: name the column that says the "
        f"language of a row with {parameter('language_column')}, or give one language."
    )


def _matching(dataset: str, names: Sequence[str], languages: Sequence[str], pattern: str | None) -> Mapping[str, str]:
    """Return the one configuration of each language, by the pattern of their names or by what they look like."""
    found = by_pattern(names, pattern) if pattern else by_name(names)
    for code in languages:
        if code not in found:
            known = f"configurations in {_some(sorted(found))}" if found else f"the configurations {_some(names)}"
            by = f" of the form {pattern}" if pattern else ""
            raise TextError(
                f"{dataset} has no configuration{by} for {name_and_code(code)}: it has {known}; say with "
                f"{parameter('config')} how they are named, or with {parameter('language_column')} in which column the "
                "language is."
            )
        if len(found[code]) > 1:
            raise TextError(
                f"{dataset} has several configurations for {name_and_code(code)}: choose one, or a pattern, with "
                f"{parameter('config')}: {_some(found[code])}."
            )
    return {code: found[code][0] for code in languages}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" * (len(names) > MOST_NAMED)
    return ", ".join(names[:MOST_NAMED]) + more
