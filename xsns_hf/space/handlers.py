"""What happens on the page: each event's inputs to the values of its outputs. All computing is done elsewhere."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import name
from xsns_hf.space import html as markup
from xsns_hf.space.answering.answers import MOST_SHOWN, NoMasks, answer
from xsns_hf.space.answering.card import card_html
from xsns_hf.space.answering.commands import dataset_code, rank_command
from xsns_hf.space.answering.opening import opening_html
from xsns_hf.space.answering.query import TOP, Query, language
from xsns_hf.space.answering.table import table_html
from xsns_hf.space.answering.without_masks import (
    answer_without_masks,
    text_can_help,
    text_cannot_help,
    without_masks_html,
)
from xsns_hf.space.catalogue import Shelf, key_of, parts_of
from xsns_hf.space.charts.overlaps import overlaps
from xsns_hf.space.drawing import Drawings, picture
from xsns_hf.space.endpoints import snippet
from xsns_hf.space.looking import Looker
from xsns_hf.space.own_text.bringing import can_bring
from xsns_hf.space.own_text.jobs import TextJobs
from xsns_hf.space.own_text.pasted import FEWEST_SENTENCES
from xsns_hf.space.sharing.links import unreadable
from xsns_hf.space.visitors import Busy, Visitors, address_of

FITTING = "Those that fit the question best"
"""The choice of no masks in particular."""


def query_of(link: str) -> Query:
    """Return the query of a link's parameters, such as `?target=swh`."""
    return Query.of_link(dict(parse_qsl(link.removeprefix("?"))))


class Handlers:
    """The page's events.

    Attributes:
        shelf: the masks on offer.
        models: the checkpoints that may be loaded for visitors who bring text, see `checkpoint_for`.
        visitors: who asks, and whose turn it is.
        looker: looks into masks.
        drawings: draws answers.
        offered: what the controls offer when the page is opened, see `offers`.
    """

    def __init__(self, shelf: Shelf, visitors: Visitors, models: Sequence[str] = ()):
        self.shelf, self.visitors, self.models = shelf, visitors, models
        self.jobs = TextJobs(shelf, visitors, models)
        self.looker, self.drawings = Looker(visitors.looks), Drawings(visitors.pictures)
        self.offered = self.offers()

    def opening(self) -> str:
        """Return what stands where the answer will be, before the first question."""
        try:
            return opening_html(self.shelf)
        except XsnsError as error:
            return markup.problem_html(str(error))

    def warm_up(self) -> None:
        """Draw what the page opens on, so that no visitor waits for what is found once."""
        with suppress(XsnsError):
            self.drawings.overview(self.shelf.choose())

    def offers(self, dataset: str = "", recipe: str = "") -> list[dict[str, Any]]:
        """Return what target, masks and candidates offer, as the controls' properties; nothing if there are no masks.

        Args:
            dataset: of the masks chosen; by default all.
            recipe: of theirs; by default all.
        """
        try:
            choices = self.shelf.choices()
        except XsnsError:  # `ask` says what is wrong
            choices = []
        fitting = [each for each in choices if dataset in ("", each.repository.name) and recipe in ("", each.name)]
        codes = {code for each in fitting for code in each.languages}
        named = sorted((markup.label(code), code) for code in codes)
        labels = [(FITTING, ""), *((markup.masks_label(choice), _key(choice)) for choice in choices)]
        chosen = key_of(dataset, recipe) if dataset or recipe else ""
        return [{"choices": named}, {"choices": labels, "value": chosen}, {"choices": named}]

    def open(self, request: gr.Request) -> list[Any]:
        """Fill in the controls from the link that the page was opened by: target, masks, task, candidates, top,
        predictor; and say what of the link couldn't be read. Controls whose choices haven't changed are left as they
        are: setting them would undo a visitor's typing.
        """
        self.looker.prepare()
        parameters = dict(request.query_params)
        remarks = unreadable(parameters)
        return [*self._filled(Query.of_link(parameters)), gr.update(value=remarks, visible=bool(remarks))]

    def follow(self, event: gr.EventData) -> list[Any]:
        """Fill in the controls from a link on the page that was clicked."""
        return self.reopen(getattr(event, "link", ""))

    def reopen(self, link: str) -> list[Any]:
        """Fill in all controls from a link that the visitor clicked or went back to."""
        return [*self._filled(query_of(_text(link)), anew=True), gr.update(visible=False)]

    def _filled(self, query: Query, anew: bool = False) -> list[Any]:
        """Return what the controls are to show of a query; if not anew, nothing of those that it says nothing of."""
        offers = self.offers(query.masks, query.recipe)
        offered = [{}] * len(offers) if anew else self.offered
        target, masks, candidates = ({} if new == old else new for new, old in zip(offers, offered, strict=True))
        if query.target or anew:
            target = target | {"value": self._named(query.target) or None}
        if query.candidates or anew:
            candidates = candidates | {"value": [self._named(text) for text in query.candidates]}
        return [
            gr.update(**target),
            gr.update(**masks),
            query.task if query.task or anew else gr.update(),
            gr.update(**candidates),
            min(max(query.top, 1), MOST_SHOWN),
            query.predictor,
        ]

    def tidy(self, candidates: Sequence[str]) -> Any:
        """Return the candidates as codes, also those that were typed freely; what is no language is taken out again."""
        codes: list[str] = []
        unknown: list[str] = []
        for text in candidates if isinstance(candidates, list | tuple) else ():
            code = self._named(_text(text))
            (codes if _is_language(code) else unknown).append(code)
        if unknown:
            listed = ", ".join(repr(text[:30]) for text in unknown)
            gr.Warning(markup.plain(f"Not a language we know: {listed}. Type a name or an ISO 639 code."))
        tidied = list(dict.fromkeys(codes))
        return gr.update() if tidied == candidates else gr.update(value=tidied)

    def _named(self, text: str) -> str:
        """Return the code of a language that was typed, or of the first on offer that begins so; else the text."""
        with suppress(XsnsError):
            return language(text)
        typed = text.strip().casefold()
        labels = self.offered[0]["choices"] if typed else []
        return next((code for label, code in labels if label.casefold().startswith(typed)), text)

    def change_masks(self, key: str | None) -> list[Any]:
        """Offer the languages of the masks that were chosen: as targets, as candidates."""
        target, _, candidates = self.offers(*parts_of(key))
        return [gr.update(**target), gr.update(**candidates)]

    def ask(
        self,
        target: str | None,
        key: str | None,
        task: str,
        candidates: Sequence[str],
        top: float,
        predictor: str,
        asked: str | None,
        request: gr.Request,
    ) -> list[Any]:
        """Answer: the answer as HTML, its link's parameters, its table, three ways to ask the same elsewhere (command
        line, dataset, client), whether there's something to look at more closely, and whether to invite the visitor to
        bring text.

        Nothing changes if nothing is asked and nothing was `asked` before: the page opens on what it says then. Said
        late, that would replace the answer to a question typed meanwhile.
        """
        query = _query(self._named(_text(target)), key, task, candidates, top, predictor)
        hidden = gr.update(visible=False)
        if not query.target.strip():
            return [self.opening(), "?", "", *[gr.update()] * 4, hidden] if asked else [gr.skip()] * 8
        try:
            given = answer(query, self.shelf)
        except NoMasks as missing:
            return self._without_masks(missing)
        except XsnsError as error:
            problem = markup.problem_html(str(error), self.shelf.notes())
            return [problem, query.link(), "", *[gr.update()] * 3, hidden, hidden]
        dataset = given.masks.repository.name
        return [
            card_html(given),
            given.query.link(),
            table_html(given),
            rank_command(given.query, dataset),
            dataset_code(given.query, dataset),
            snippet(given.query, _address(request)),
            gr.update(visible=True),
            hidden,
        ]

    def overview(self, link: str) -> Any:
        """Show the picture of all languages where nothing is asked, and hide it where something is."""
        if query_of(_text(link)).target:
            return gr.update(visible=False)
        try:
            return gr.update(value=self.drawings.overview(self.shelf.choose()), visible=True)
        except XsnsError:
            return gr.update(visible=False)

    def look(self, link: str) -> list[Any]:
        """Draw an answer: its chart, heat map and map, and the sources that can be looked into."""
        query = query_of(_text(link))
        nothing = [None, None, None, gr.update(choices=[], value=None)]
        if not query.target:
            return nothing
        try:
            given = answer(query, self.shelf)
            pictures = self.drawings.of(given)
        except Busy as busy:
            gr.Warning(f"{busy} The answer doesn't need its pictures.")
            return nothing
        except XsnsError:  # the answer said why
            return nothing
        codes = [source.language for source in given.ranking.sources]
        return [*pictures, gr.update(choices=[(markup.label(code), code) for code in codes], value=codes[0])]

    def explain(self, link: str, source: str | None) -> list[Any]:
        """Show where a source and the target share their sub-networks: a chart, and words."""
        query, source = query_of(_text(link)), _text(source)
        if not query.target or not source:
            return [None, ""]
        try:
            masks = self.shelf.choose(query.masks, query.recipe)
            overlap = self.looker.shared(language(source), language(query.target), masks)
        except XsnsError as error:
            why = f"{error} The ranking doesn't need the masks and stands."
            return [None, markup.problem_html(why, heading="The masks can't be looked into")]
        return [picture(overlaps(overlap, source, query.target)), ""]

    def can_bring(self, key: str | None) -> list[Any]:
        """Say whether a language can be brought to the masks that were chosen, see `TextJobs.possible`."""
        return self.jobs.possible(*parts_of(_text(key)))

    def invited(self, link: str) -> list[Any]:
        """Open the form for the language that was asked about: the accordion, its name, and masks that take text."""
        query = query_of(_text(link))
        called = name(language(query.target)) if _is_language(query.target) else ""
        masks = self.jobs.taking_text(self.shelf.find(query.masks, query.recipe))
        return [gr.update(open=True), called, _key(masks) if masks else gr.skip()]

    def read_text(self, path: str | None) -> list[Any]:
        """Take an uploaded text, see `TextJobs.read`."""
        return self.jobs.read(path or "")

    def bring(
        self,
        named: str | None,
        text: str | None,
        key: str | None,
        task: str,
        candidates: Sequence[str],
        top: float,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        """Rank sources for a language from its text, see `TextJobs.bring`."""
        query = _query("", key, task, candidates, top)
        yield from self.jobs.bring(_text(named), _text(text), query, _visitor(request), request.session_hash or "")

    def _without_masks(self, missing: NoMasks) -> list[Any]:
        """Answer for a language without masks, see `ask`."""
        query, masks, target = missing.query, missing.masks, missing.query.target
        given = answer_without_masks(missing)
        can_help = self.jobs.taking_text(masks) is not None
        if can_help:
            way_out = text_can_help(target, FEWEST_SENTENCES)
        else:
            way_out = text_cannot_help(target, can_bring(masks, self.models) or "", masks.command([target]))
        words = without_masks_html(given, query.top, way_out, self.shelf.notes())
        invitation = gr.update(visible=can_help, value=f"Bring some text of {name(target)}")
        return [words, query.link(), "", *[gr.skip()] * 3, gr.update(visible=False), invitation]


def _query(
    target: str, key: str | None, task: str, candidates: Sequence[str], top: float, predictor: str = Query.predictor
) -> Query:
    """Return what the controls ask, which a visitor may have emptied."""
    dataset, recipe = parts_of(_text(key))
    listed = tuple(map(str, candidates)) if isinstance(candidates, list | tuple) else ()
    shown = int(top) if isinstance(top, int | float) and 0 < top < 1e6 else TOP
    return Query(_text(target), dataset, recipe, _text(task), listed, shown, _text(predictor) or Query.predictor)


def _text(value: object) -> str:
    """Return what a control holds, which may be empty; whoever asks without the page may send anything."""
    return value if isinstance(value, str) else ""


def _visitor(request: gr.Request) -> str:
    """Return the address of who asks."""
    return address_of(request.client.host if request.client else "", request.headers.get("x-forwarded-for", ""))


def _key(masks: RecipeMasks) -> str:
    return key_of(masks.repository.name, masks.name)


def _is_language(text: str) -> bool:
    """Return whether a text names a language."""
    try:
        language(text)
    except XsnsError:
        return False
    return True


def _address(request: gr.Request) -> str:
    """Return what gradio_client connects to: the Space, or where the page is served."""
    space = os.environ.get("SPACE_ID")
    return space or f"http://{request.headers.get('host', '127.0.0.1:7860')}/"
