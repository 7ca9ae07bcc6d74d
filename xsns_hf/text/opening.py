"""Text as it is asked for: on this machine or on the Hub, by the same words wherever it is taken."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from xsns_hf.errors import TextError, parameter
from xsns_hf.languages.codes import identify_or_none
from xsns_hf.processes import agreed
from xsns_hf.text.any_dataset import Address, find_source
from xsns_hf.text.catalogue import SOURCES
from xsns_hf.text.choice import Choice
from xsns_hf.text.corpus import Corpus, slug
from xsns_hf.text.folder import sample_corpus
from xsns_hf.text.hub import check_corpus, dataset_corpus, hub_corpus
from xsns_hf.text.local import local_text


@dataclass(frozen=True)
class TextRequest:
    """Which text is wanted.

    Attributes:
        text: a folder or file, see `local_text`.
        corpus: or a name of the catalogue, or a dataset on the Hub, see `Address`.
        languages: canonical codes; none for all in a text, or for that of a dataset's configuration.
        choice: what of it is text, and in which language.
        name: of the corpus in recipes; by default from where it is.
    """

    text: Path | None = None
    corpus: str | None = None
    languages: Sequence[str] = ()
    choice: Choice = field(default_factory=Choice)
    name: str | None = None

    def check(self) -> None:
        """Make sure that text is to be had, as far as can be told without fetching any.

        Raises:
            XsnsError: both places are given, or text that isn't there, or the languages aren't named.
        """
        if self.corpus is None:
            self.open()
            return
        if self.text is not None:
            raise TextError(
                f"{parameter('text')} and {parameter('corpus')} both say where the text is: give one of them."
            )
        address = Address.of(self.corpus)
        if not self.languages and not address.config:
            raise TextError(
                f"{parameter('corpus')} fetches text: say of which languages with {parameter('languages')}."
            )
        if self._known(address):
            self.choice.refuse(*self.choice.given, why=f"is of other datasets: give the id {self._of_known(address)}")
            check_corpus(address.id, self._languages(address))

    def open(self) -> Corpus:
        """Return the text; of a dataset on the Hub, all processes that work together take the same commit.

        Raises:
            XsnsError: as `check` does; or it can't be fetched.
        """
        if self.corpus is None:
            return self._own
        address = Address.of(self.corpus)
        if self._known(address):
            corpus = hub_corpus(address.id, self._languages(address))
        else:
            corpus = dataset_corpus(agreed(lambda: find_source(address, self.languages, self.choice)))
        return replace(corpus, name=slug(self.name)) if self.name else corpus

    @cached_property
    def _own(self) -> Corpus:
        """The text on this machine."""
        if self.text is not None:
            return local_text(self.text, self.languages, self.choice, self.name)
        self.choice.refuse(*self.choice.given, why=f"is of text of your own: give it with {parameter('text')}")
        return sample_corpus()

    def _known(self, address: Address) -> bool:
        """Return whether a dataset is of the catalogue; `wikiann:sw` is, by its language, and nothing by its commit."""
        language = address.config is None or identify_or_none(address.config) is not None
        return address.id in SOURCES and address.revision is None and language

    def _of_known(self, address: Address) -> str:
        return SOURCES[address.id].id

    def _languages(self, address: Address) -> list[str]:
        """Return the languages of a known corpus: those asked for, or that in the short form, which must agree."""
        code = identify_or_none(address.config) if address.config else None
        if code and not set(self.languages) <= {code}:
            raise TextError(
                f"{parameter('corpus', f'{address.id}:{address.config}')} is {code}, not {', '.join(self.languages)}: "
                f"leave :{address.config} or {parameter('languages')} out."
            )
        return [code] if code else list(self.languages)
