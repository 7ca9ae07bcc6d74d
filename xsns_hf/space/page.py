"""The page: what is where, and which event leads to what."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from xsns_hf.space.agents.server import McpServer
from xsns_hf.space.answering.answers import MOST_SHOWN, predictors
from xsns_hf.space.answering.query import TOP, Query
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.endpoints import add_endpoints
from xsns_hf.space.guard import Guard
from xsns_hf.space.handlers import Handlers
from xsns_hf.space.own_text.form import text_form
from xsns_hf.space.own_text.pasted import MOST_BYTES
from xsns_hf.space.sharing.cards import Cards
from xsns_hf.space.sharing.middleware import Sharing
from xsns_hf.space.static import read
from xsns_hf.space.uploads import Uploads
from xsns_hf.space.visitors import Visitors
from xsns_hf.tasks import TaskName

TITLE = "Which source language? · X-SNS"

TASK_LABELS: dict[TaskName, str] = {
    "pos": "Part-of-speech tagging",
    "ner": "Named entities",
    "nli": "Natural language inference",
    "pi": "Paraphrases",
    "qa": "Question answering",
}

MOST_WAITING = 1000
"""Questions that wait at most; more are told to come back. What takes long has lines of its own, see `visitors`."""

AT_ONCE = 8
"""Questions of a kind that are answered at the same time."""

MOST_SESSIONS = 200
"""Sessions that gradio keeps in memory."""

NARROWEST = 220
"""Pixels that a control takes at least: on a phone they stand below each other."""

_PRIVATE: dict[str, Any] = {"api_visibility": "private"}
_QUIET = _PRIVATE | {"show_progress": "minimal"}


def make_space(shelf: Shelf, visitors: Visitors, models: Sequence[str] = ()) -> gr.Blocks:
    """Build the page.

    Args:
        shelf: the masks on offer.
        visitors: who asks; the same as in `launch_options`.
        models: the checkpoints that may be loaded for visitors who bring text, see `checkpoint_for`.
    """
    # gradio makes a table of that many past events anew after each event.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
    # Requests come in and answers go out in many short steps, between which the pictures of others are drawn: no step
    # is to wait for the usual 5 ms.
    sys.setswitchinterval(0.0005)
    handlers = Handlers(shelf, visitors, models)
    handlers.warm_up()
    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        gr.HTML(read("introduction.html") + read("live.html"))
        remarks = gr.HTML(elem_id="remarks", visible=False)
        controls = [target, masks, task, candidates, top, predictor] = _controls(*handlers.offered)
        answer = gr.HTML(handlers.opening(), elem_id="answer", js_on_load=read("follow_links.js"))
        invite = gr.Button("Bring some text of it", variant="primary", visible=False, elem_id="invite")
        asked = gr.Textbox(visible=False)
        again = gr.Button(visible="hidden", elem_id="again")
        overview = gr.Plot(show_label=False, visible=False, elem_id="overview")
        with gr.Column(visible=False) as closer:
            link, table, *pictures = _closer(handlers, asked)
        with gr.Accordion("Your language isn't in the list? Bring some text of it", open=False) as bringing:
            form = text_form(handlers, [masks, task, candidates, top])
        with gr.Accordion("Use this dataset: command line, Python, MCP", open=False) as programs:
            # What shows these is a third of all that is loaded, so it is once they are wanted.
            elsewhere = _elsewhere()
            tools = gr.Markdown(read("mcp.md"), visible=False)
        unfolded = [*elsewhere, tools]
        programs.expand(lambda: [gr.update(visible=True)] * len(unfolded), None, unfolded, **_QUIET)
        with gr.Accordion("What the numbers mean, and how to cite them", open=False):
            gr.HTML(read("about.html"))
        add_endpoints(shelf)

        shown = [*controls, remarks]
        opened = blocks.load(handlers.open, None, shown, **_QUIET)
        followed = answer.click(handlers.follow, None, shown, **_QUIET)
        where = "() => [window.location.search]"
        back = again.click(handlers.reopen, asked, shown, js=where, trigger_mode="always_last", **_QUIET)
        changed = masks.input(handlers.change_masks, masks, [target, candidates], **_QUIET)
        listed = candidates.change(handlers.tidy, candidates, candidates, **_QUIET)
        inputs = [target.input, task.input, top.release, predictor.input]
        for trigger in (opened.then, followed.then, back.then, changed.then, listed.then, partial(gr.on, inputs)):
            asks = trigger(
                handlers.ask,
                [*controls, asked],
                [answer, asked, table, *elsewhere, closer, invite],
                trigger_mode="always_last",  # what is asked before the last answer is there is asked after it
                **_QUIET,
            )
            asks.then(None, [asked, answer], link, js=read("show_link.js"), **_QUIET)
            asks.then(handlers.overview, asked, overview, concurrency_limit=None, **_QUIET)
            asks.then(handlers.look, asked, pictures, concurrency_limit=None, **_QUIET)
        for trigger in (opened.then, masks.change):
            trigger(handlers.can_bring, masks, form.entries, **_QUIET)
        invited = invite.click(handlers.invited, asked, [bringing, form.language, masks], **_QUIET)
        invited.then(None, js=read("focus_text.js"), **_QUIET)
        blocks.load(None, js=read("charts.js"), **_QUIET)
        blocks.load(None, js=read("controls.js"), **_QUIET)
    return blocks.queue(max_size=MOST_WAITING, default_concurrency_limit=AT_ONCE)


def launch_options(shelf: Shelf, visitors: Visitors) -> dict[str, Any]:
    """Return what `launch` is to be called with, wherever the page is served.

    Args:
        shelf: the masks on offer; the same as in `make_space`.
        visitors: who asks; likewise.
    """
    guard = Middleware(Guard, visitors=visitors, uploads=Uploads())
    sharing = Middleware(Sharing, cards=Cards(shelf, visitors.pictures))
    server = McpServer(shelf, visitors)
    return {
        "app_kwargs": {"middleware": [guard, sharing], "routes": server.routes(), "lifespan": server.lifespan},
        "css": read("style.css") + read("answer.css") + read("charts.css"),
        "js": read("history.js"),
        "theme": _theme(),
        "mcp_server": False,  # gradio's own has no schemas of results
        "run_history": False,  # it would keep what visitors typed
        # gradio keeps 0.15 MB for each session, and every plain HTTP call is one; ours hold no state.
        "state_session_capacity": MOST_SESSIONS,
        "max_file_size": 2 * MOST_BYTES,  # what is a little too large gets our own words
        "show_error": False,  # but those that are meant for visitors: others quote what was asked, as HTML
        "ssr_mode": False,  # as it is tested
        "footer_links": ["api", "gradio", "settings"],
    }


def _theme() -> gr.themes.Base:
    """Return gradio's look, with colours that can be told from what is behind them, and the fonts of the visitor's
    system: its own would be a third of all that is loaded before the page can be used.
    """
    faint, faint_dark = "*neutral_600", "*neutral_300"
    return gr.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    ).set(
        block_info_text_color=faint,
        block_info_text_color_dark=faint_dark,
        body_text_color_subdued=faint,
        body_text_color_subdued_dark=faint_dark,
        link_text_color_dark="*primary_300",
        link_text_color_hover_dark="*primary_200",
        link_text_color_visited_dark="*primary_300",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )


def _controls(targets: dict[str, Any], recipes: dict[str, Any], sources: dict[str, Any]) -> list[Any]:
    """Return target, masks, task, candidates, number of sources and way to rank.

    Args:
        targets: what the target offers, see `Handlers.offers`.
        recipes: what the masks offer.
        sources: what the candidates offer.
    """
    tasks = [("Any: by similarity alone", ""), *((label, task) for task, label in TASK_LABELS.items())]
    with gr.Row():
        target = gr.Dropdown(
            **targets,
            value=None,
            label="Target language",
            allow_custom_value=True,
            elem_id="target",
            scale=3,
            min_width=NARROWEST,
        )
        task = gr.Dropdown(
            tasks,
            value="",
            label="Task",
            allow_custom_value=True,  # here too
            elem_id="task",
            scale=3,
            min_width=NARROWEST,
        )
        candidates = gr.Dropdown(
            **sources,
            label="I have labelled data in …",
            multiselect=True,
            allow_custom_value=True,
            elem_id="candidates",
            scale=4,
            min_width=NARROWEST,
        )
    with gr.Accordion("Masks, number of sources, way to rank", open=False):
        masks, top, predictor = _more_controls(recipes)
    return [target, masks, task, candidates, top, predictor]


def _more_controls(recipes: dict[str, Any]) -> list[Any]:
    """Return masks, number of sources, way to rank; see `_controls`."""
    masks = gr.Dropdown(
        **recipes,
        label="Masks: model, text, sentences a language",
        allow_custom_value=True,  # what a link names wrongly is to be said, not overlooked
        elem_id="masks",
    )
    with gr.Row():
        top = gr.Slider(1, MOST_SHOWN, TOP, step=1, label="Sources to show", elem_id="top")
        ways = [(about, key) for key, about in predictors().items()]
        predictor = gr.Dropdown(
            ways, value=Query.predictor, label="Rank by", allow_custom_value=True, elem_id="predictor"
        )
    return [masks, top, predictor]


def _elsewhere() -> list[gr.Code]:
    """Return what asks the same elsewhere: on the command line, in Python with the dataset, through gradio_client."""
    shown: dict[str, Any] = {"interactive": False, "wrap_lines": True, "visible": False}
    return [
        gr.Code(language="shell", label="On the command line", **shown),
        gr.Code(language="python", label="In Python, with the dataset", **shown),
        gr.Code(language="python", label="Through this page: pip install gradio_client", **shown),
    ]


def _closer(handlers: Handlers, asked: gr.Textbox) -> list[Any]:
    """Return what is below an answer: its link, its table, its three plots, and the choice of the source to look into.

    Args:
        handlers: the events.
        asked: holds the link's parameters.
    """
    with gr.Tabs():
        plots = []
        for label in ("Chart", "Similarities", "Map"):
            with gr.Tab(label):
                plots.append(gr.Plot(show_label=False))
        with gr.Tab("Where they overlap") as tab:
            source = gr.Dropdown(
                [], label="Source to compare with the target", allow_custom_value=True, elem_id="source"
            )
            words = gr.HTML()
            overlaps = gr.Plot(show_label=False)
    for event in (tab.select, source.change):
        event(handlers.explain, [asked, source], [overlaps, words], concurrency_limit=None, **_QUIET)
    table = gr.HTML(elem_id="table", js_on_load=read("sort_table.js"))
    with gr.Row():
        # Without gradio's button, which would take the label for itself: "Share" copies it.
        link = gr.Textbox(label="Link to this answer", elem_id="link", scale=5)
        share = gr.Button("Share", scale=1, elem_id="share")
    share.click(None, link, None, js=read("share.js"), **_QUIET)
    return [link, table, *plots, source]
