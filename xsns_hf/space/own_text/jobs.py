"""What is shown of text that visitors bring: whether it can be, how far it is, and a whole answer."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import gradio as gr

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.errors import XsnsError
from xsns_hf.languages.codes import name
from xsns_hf.space import html as markup
from xsns_hf.space.answering.answers import Answer, gold_for, languages_of, pool
from xsns_hf.space.answering.card import card_html
from xsns_hf.space.answering.query import Query
from xsns_hf.space.answering.table import table_html
from xsns_hf.space.answering.without_masks import PAPER
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.charts.sources import sources_chart
from xsns_hf.space.drawing import picture
from xsns_hf.space.own_text.bringing import TIME_LIMIT, UNNAMED, Brought, Progress, amount, bring, can_bring
from xsns_hf.space.own_text.expecting import suggestions_of
from xsns_hf.space.own_text.pasted import FEWEST_SENTENCES, MOST_BYTES, MOST_CHARACTERS, read_upload, sentences_of
from xsns_hf.space.own_text.publishing import caveat, push_command
from xsns_hf.space.own_text.running import has_gpu
from xsns_hf.space.visitors import JOBS_WAITING, Job, Visitors

YOURS = "your language"

METHOD = f'<p><a href="{PAPER}">How sub-networks are found and compared (X-SNS, Yun et al. 2023)</a></p>'


class TextJobs:
    """The jobs of visitors who bring text."""

    def __init__(self, shelf: Shelf, visitors: Visitors, models: Sequence[str]):
        """Begin with none.

        Args:
            shelf: the masks on offer.
            visitors: whose turn it is.
            models: the checkpoints that may be loaded, see `checkpoint_for`.
        """
        self.shelf, self.visitors, self.models = shelf, visitors, models

    def possible(self, dataset: str, recipe: str) -> list[Any]:
        """Say whether masks take text, and how much: words, and whether the form's entries are open."""
        try:
            masks = self._masks(dataset, recipe)
            problem = can_bring(masks, self.models)
        except XsnsError as error:
            problem = str(error)
        words = markup.problem_html(problem, heading="Not with these masks") if problem else limits_html(masks)
        return [words, *[gr.update(interactive=problem is None)] * 4]

    def taking_text(self, masks: RecipeMasks | None) -> RecipeMasks | None:
        """Return these masks if they take text, else the first on offer that do; None if none do."""
        try:
            choices = [*([masks] if masks else []), *self.shelf.choices()]
        except XsnsError:
            return None
        return next((choice for choice in choices if can_bring(choice, self.models) is None), None)

    def read(self, path: str) -> list[Any]:
        """Take an uploaded text: the text, and what is wrong with it if something is."""
        try:
            text = read_upload(path)
            sentences_of(text)
        except XsnsError as error:
            return ["", markup.problem_html(str(error), heading="This file can't be taken")]
        return [text, ""]

    def bring(self, named: str, text: str, query: Query, address: str, session: str) -> Iterator[list[Any]]:
        """Rank sources for a language from its text: what `TextForm.shown` shows, from step to step.

        Closed before its end, when the visitor stops it or leaves, it ends the extraction.

        Args:
            named: the language's name or code; empty if it has none.
            text: sentences, one a line.
            query: whose masks, task and candidates are meant.
            address: of the visitor.
            session: id of their page.
        """
        try:
            sentences, masks = sentences_of(text), self._masks(query.masks, query.recipe)
            steps = bring(sentences, named, masks, pool(query), models=self.models)
            with self.visitors.job(address, session) as job, closing(steps):
                for step in _in_turn(job, steps):
                    yield self._answered(step, query, masks) if isinstance(step, Brought) else _running(step)
        except XsnsError as error:
            yield _ended(markup.problem_html(str(error)))

    def _masks(self, dataset: str, recipe: str) -> RecipeMasks:
        """Return the masks of a dataset and recipe; where neither is named, the first that take text, if any do.

        Raises:
            XsnsError: there are none such.
        """
        named = dataset or recipe
        return (None if named else self.taking_text(None)) or self.shelf.choose(dataset, recipe)

    def _answered(self, brought: Brought, query: Query, masks: RecipeMasks) -> list[Any]:
        target, gold = brought.ranking.target, gold_for(masks, query.task) if query.task else None
        comparable = brought.examples >= masks.recipe.examples
        suggestions = suggestions_of(brought.ranking, masks, gold, comparable=comparable)
        notes = [caveat(masks.recipe, brought.examples), *self.shelf.notes()]
        given = Answer(query, masks, suggestions, None, notes)
        called, code = (YOURS, "CODE") if target == UNNAMED else (name(target), target)
        seeds = max(row["seeds"] for row in languages_of(masks))
        command = push_command(masks.repository.name, masks.recipe, code, seeds=seeds)
        drawn = picture(sources_chart(suggestions, query.top, target=called))
        return [*_ended(card_html(given, called) + METHOD, shown=True), drawn, table_html(given), command]


def limits_html(masks: RecipeMasks) -> str:
    """Say what is done with a text, how much is taken and how long it takes, before one is brought."""
    examples, seeds = amount(masks)
    where = "on a GPU" if has_gpu() else "without a GPU: a minute or so, longer for a large model"
    return markup.paragraph(
        f"With these masks: their own model, {masks.recipe.model_name}, {where}. "
        f"{FEWEST_SENTENCES} sentences or more are needed, {examples} a sample are used, {seeds} "
        f"sample{'s' * (seeds > 1)} drawn; a text may have {MOST_CHARACTERS:,} characters, a file "
        f"{MOST_BYTES / 1e6:g} MB. It ends after {TIME_LIMIT / 60:g} minutes at most. One visitor's text is worked on "
        f"at a time, and {JOBS_WAITING} more wait."
    )


def _in_turn(job: Job, steps: Iterator[Progress | Brought]) -> Iterator[Progress | Brought]:
    """Return a job's steps once it's its turn, as long as its visitor is there."""
    for ahead in job.waiting():
        yield Progress(f"Waiting: your turn is after {ahead} other{'s' * (ahead > 1)}" if ahead else "Starting")
    for step in steps:
        job.check()
        yield step


def _running(step: Progress) -> list[Any]:
    """Return a job's progress, with a way to stop it."""
    words = markup.progress_html(step.stage, step.done, step.total, step.seconds_left)
    return [words, gr.update(interactive=False), gr.update(visible=True), gr.update(visible=False), *[gr.skip()] * 3]


def _ended(words: str, *, shown: bool = False) -> list[Any]:
    """Return the end of a job, after which there is nothing to stop; what is shown below its words is to be added."""
    end = [words, gr.update(interactive=True), gr.update(visible=False), gr.update(visible=shown)]
    return end if shown else [*end, *[gr.skip()] * 3]
