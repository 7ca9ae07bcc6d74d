"""The cards of links: an answer each, and pictures that are drawn a few at a time and kept."""

from weakref import WeakKeyDictionary

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.errors import LanguageError
from xsns_hf.space.answering.answers import answer
from xsns_hf.space.answering.query import Query, language
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.keeping import Kept
from xsns_hf.space.sharing.card import Card, card_of, own_card
from xsns_hf.space.sharing.picture import picture
from xsns_hf.space.visitors import Line

KEPT = 64
"""Pictures that are kept, of 80 kB each."""


class Cards:
    """The cards of links."""

    def __init__(self, shelf: Shelf, line: Line):
        """Begin with none.

        Args:
            shelf: the masks on offer.
            line: of those who want something drawn.
        """
        self._shelf, self._line = shelf, line
        self._kept = Kept[tuple[Query, RecipeMasks | None], bytes](KEPT)
        self._owned: WeakKeyDictionary[RecipeMasks, Card] = WeakKeyDictionary()

    def of(self, query: Query) -> Card:
        """Return the card of a question; the page's own if it asks for nothing.

        Raises:
            XsnsError: it has no answer.
        """
        return card_of(answer(query, self._shelf)) if query.target.strip() else self._own()

    def picture(self, query: Query) -> bytes:
        """Return a card's picture as a PNG.

        Raises:
            Busy: too many others want theirs.
            XsnsError: the question has no answer.
        """

        def drawn() -> bytes:
            with self._line.turn():
                return picture(self.of(query))

        return self._kept.get((query, self._masks(query)), drawn)

    def _own(self) -> Card:
        """Return the page's own card, computed once for each copy of its first dataset."""
        masks = self._shelf.choose()
        if masks not in self._owned:
            self._owned[masks] = own_card(self._shelf)
        return self._owned[masks]

    def _masks(self, query: Query) -> RecipeMasks | None:
        """Return the masks that a question would be answered from; others once they were read anew."""
        try:
            target = language(query.target)
        except LanguageError:
            return None
        return self._shelf.find(query.masks, query.recipe, target)
