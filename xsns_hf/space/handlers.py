"""What happens on the page: each event's inputs to the values of its outputs. All computing is done elsewhere."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from urllib.parse import parse_qsl

import gradio as gr

from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import name_and_code
from xsns_hf.space import charts
from xsns_hf.space import html as markup
from xsns_hf.space.answers import Answer, answer, languages_of, pool, shared, square
from xsns_hf.space.catalogue import Masks, Shelf
from xsns_hf.space.endpoints import snippet
from xsns_hf.space.own_text.bringing import UNNAMED, Brought, Progress, bring, can_bring
from xsns_hf.space.own_text.pasted import read_upload, sentences_of
from xsns_hf.space.own_text.publishing import caveat, push_command
from xsns_hf.space.own_text.running import Visitors
from xsns_hf.space.query import TOP, Query, language


def query_of(link: str) -> Query:
    """Return the query of a link's parameters, such as `?target=swh`."""
    return Query.of_link(dict(parse_qsl(link.removeprefix("?"))))


class Handlers:
    """The page's events.

    Attributes:
        shelf: the masks on offer.
        model: where the masks' checkpoint is, if it isn't found by its name.
        visitors: who has a job running.
        offered: what the controls offer when the page is opened, see `offers`.
    """

    def __init__(self, shelf: Shelf, model: str | None = None):
        self.shelf, self.model = shelf, model
        self.visitors = Visitors()
        self.offered = self.offers()

    def offers(self, masks: Masks | None = None) -> list[dict]:
        """Return what target, masks and candidates offer, as the controls' properties; nothing if nothing is readable.

        Args:
            masks: those chosen; by default the first.
        """
        try:
            choices = self.shelf.choices()
            chosen = self.shelf.choose(masks.dataset, masks.recipe) if masks else choices[0]
        except XsnsError:  # `ask` says what is wrong
            wrong = masks.key if masks else None
            return [{"choices": []}, {"choices": [], "value": wrong}, {"choices": []}]
        labels = [(markup.recipe_label(each.dataset, self.shelf.recipe(each)), each.key) for each in choices]
        named = self.named(chosen)
        return [{"choices": named}, {"choices": labels, "value": chosen.key}, {"choices": named}]

    def open(self, request: gr.Request) -> list:
        """Fill in the controls from the link that the page was opened by: target, masks, task, candidates, top,
        predictor. Controls whose choices haven't changed are left as they are: setting them would
        undo a visitor's typing.
        """
        query = Query.of_link(dict(request.query_params))
        offers = self.offers(Masks(query.masks, query.recipe))
        target, masks, candidates = ({} if new == old else new for new, old in zip(offers, self.offered, strict=True))
        if query.target:
            target = target | {"value": _code_of(query.target)}
        if query.candidates:
            candidates = candidates | {"value": list(query.candidates)}
        return [
            gr.update(**target),
            gr.update(**masks),
            query.task or gr.update(),
            gr.update(**candidates),
            query.top,
            query.predictor,
        ]

    def change_masks(self, key: str | None) -> list:
        """Offer the languages of the masks that were chosen: as targets, as candidates."""
        target, _, candidates = self.offers(Masks.of_key(key))
        return [gr.update(**target), gr.update(**candidates)]

    def ask(
        self,
        target: str | None,
        key: str | None,
        task: str,
        candidates: Sequence[str],
        top: float,
        predictor: str,
        request: gr.Request,
    ) -> list:
        """Answer: the answer as HTML, its link's parameters, its table as CSV, code that asks the same, and whether
        there's something to look at more closely.
        """
        masks = Masks.of_key(key)
        query = Query(
            target or "", masks.dataset, masks.recipe, task or "", tuple(candidates or ()), int(top or TOP), predictor
        )
        if not query.target.strip():
            return [self._waiting(), "?", "", snippet(replace(query, target="swh"), _address(request)), gr.update()]
        try:
            found = answer(query, self.shelf)
        except XsnsError as error:
            html = markup.problem_html(str(error), self.shelf.notes())
            return [html, "?", "", snippet(replace(query, target="swh"), _address(request)), gr.update(visible=False)]
        return [
            markup.answer_html(found, self.caption(found)),
            found.query.link(),
            found.table().to_csv(index=False),
            snippet(found.query, _address(request)),
            gr.update(visible=True),
        ]

    def look(self, link: str) -> list:
        """Draw an answer: its chart, heat map and map, and the sources that can be looked into."""
        query = query_of(link)
        if not query.target:
            return [None, None, None, gr.update(choices=[], value=None)]
        found = answer(query, self.shelf)
        ranking = replace(found.ranking, sources=found.shown)
        codes = [found.query.target, *(source.language for source in found.ranking.sources)]
        pairs = square(found.query, self.shelf)
        among = pairs.loc[codes, codes]
        sources = [(markup.label(source.language), source.language) for source in found.ranking.sources]
        english = found.english[1] if found.english else None
        return [
            charts.bars(ranking, english),
            charts.heat_map(among, found.query.target),
            charts.language_map(pairs, found.query.target, codes[1:]),
            gr.update(choices=sources, value=sources[0][1]),
        ]

    def explain(self, link: str, source: str | None) -> list:
        """Show where a source and the target share their sub-networks: a chart, and words."""
        query = query_of(link)
        if not query.target or not source:
            return [None, markup.EMPTY]
        try:
            found = shared(source, query.target, Masks(query.masks, query.recipe), self.shelf)
        except XsnsError as error:
            why = f"{error} The ranking doesn't need the masks and stands."
            return [None, markup.problem_html(why, heading="The masks can't be looked into")]
        return [charts.overlaps(found, source, query.target), ""]

    def can_bring(self, key: str | None) -> list:
        """Say whether a language can be brought to the masks that were chosen: words if not, and the button."""
        try:
            masks = self._masks(key)
            problem = can_bring(self.shelf.recipe(masks), self.model)
        except XsnsError as error:
            problem = str(error)
        words = markup.problem_html(problem, heading="Not with these masks") if problem else ""
        return [words, gr.update(interactive=problem is None)]

    def read(self, path: str) -> list:
        """Take an uploaded text: the text, and what is wrong with it if something is."""
        try:
            text = read_upload(path)
            sentences_of(text)
        except XsnsError as error:
            return ["", markup.problem_html(str(error), heading="This file can't be taken")]
        return [text, ""]

    def bring(
        self,
        named: str | None,
        text: str | None,
        key: str | None,
        task: str,
        candidates: Sequence[str],
        top: float,
        request: gr.Request,
    ) -> Iterator[list]:
        """Rank sources for a language from its text: progress and at the end the answer; the command that publishes it.

        Closed before its end, when the visitor stops it or leaves, it ends the extraction.
        """
        try:
            with self.visitors.one_at_a_time(request.session_hash or ""):
                sentences, masks = sentences_of(text or ""), self._masks(key)
                query = Query("", masks.dataset, masks.recipe, task or "", tuple(candidates or ()), int(top or TOP))
                snapshot = self.shelf.open(masks.dataset)
                steps = bring(sentences, named, snapshot, masks.recipe, pool(query), model=self.model)
                with closing(steps):
                    for step in steps:
                        yield self._brought(step, query) if isinstance(step, Brought) else _waiting_for(step)
        except XsnsError as error:
            yield [markup.problem_html(str(error)), gr.update(visible=False)]

    def _brought(self, found: Brought, query: Query) -> list:
        masks = Masks(query.masks, query.recipe)
        recipe = self.shelf.recipe(masks)
        notes = [caveat(recipe, found.examples), *self.shelf.notes()]
        shown = Answer(query, found.ranking, None, None, notes)
        target = found.ranking.target
        heading, code = ("your language", "CODE") if target == UNNAMED else (name_and_code(target), target)
        command = push_command(query.masks, recipe, code, seeds=self._seeds(masks))
        return [
            markup.answer_html(shown, self.caption(shown), heading),
            gr.update(value=command, visible=True),
        ]

    def named(self, masks: Masks) -> list[tuple[str, str]]:
        """Return the choices of languages: what each says, and its code."""
        return [(markup.label(row["language"]), row["language"]) for row in languages_of(masks, self.shelf)]

    def caption(self, found: Answer) -> str:
        """Say which masks an answer is from, and how many candidates it has."""
        masks = Masks(found.query.masks, found.query.recipe)
        number, shown = len(found.ranking.sources), len(found.shown)
        which = f"{shown} of {number} candidates" if shown < number else f"{number} candidates"
        seeds = f"{found.ranking.seeds} samples of text" if found.ranking.seeds > 1 else "one sample of text"
        made = markup.recipe_label(masks.dataset, self.shelf.recipe(masks))
        scores = f"; expected scores from {found.learnt_from}" if found.learnt_from else ""
        return f"{which}; {seeds}; {made}{scores}"

    def _masks(self, key: str | None) -> Masks:
        chosen = Masks.of_key(key)
        return self.shelf.choose(chosen.dataset, chosen.recipe)

    def _seeds(self, masks: Masks) -> int:
        return max(row["seeds"] for row in languages_of(masks, self.shelf))

    def _waiting(self) -> str:
        """Return the state before the first question."""
        try:
            self.shelf.choices()
        except XsnsError as error:
            return markup.problem_html(str(error))
        notes = "".join(markup.note_html(note) for note in self.shelf.notes())
        return notes + markup.EMPTY


def _code_of(text: str) -> str:
    """Return the code of a language, so that the list of languages finds it; what is none is left as it is."""
    try:
        return language(text)
    except XsnsError:
        return text


def _waiting_for(step: Progress) -> list:
    html = markup.progress_html(step.stage, step.done, step.total, step.seconds_left)
    return [html, gr.update(visible=False)]


def _address(request: gr.Request) -> str:
    """Return what gradio_client connects to: the Space, or where the page is served."""
    space = os.environ.get("SPACE_ID")
    return space or f"http://{request.headers.get('host', '127.0.0.1:7860')}/"
