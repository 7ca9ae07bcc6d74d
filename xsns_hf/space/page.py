"""The page: what is where, and which event leads to what."""

from functools import partial
from typing import Any

import gradio as gr

from xsns_hf.space import charts
from xsns_hf.space import html as markup
from xsns_hf.space.answers import MOST_SHOWN, predictors
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.endpoints import add_endpoints
from xsns_hf.space.handlers import Handlers
from xsns_hf.space.own_text.pasted import MOST_BYTES
from xsns_hf.space.query import TOP

TITLE = "Which source language? · X-SNS"

TASKS = [
    ("Any: all languages with masks", ""),
    ("Part-of-speech tagging (UD)", "pos"),
    ("Named entities (WikiANN)", "ner"),
    ("Natural language inference (XNLI)", "nli"),
    ("Paraphrases (PAWS-X)", "pi"),
    ("Question answering (TyDiQA)", "qa"),
]

MOST_WAITING = 200
"""Requests that wait at most; more are told to come back."""

MOST_SESSIONS = 200
"""Sessions that gradio keeps in memory."""

_SHOW_LINK = """(asked) => {
  window.history.replaceState(null, "", asked);
  return window.location.origin + window.location.pathname + asked;
}"""

_SAVE_CSV = """(csv) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv], {type: "text/csv"}));
  link.download = "sources.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}"""


def make_space(shelf: Shelf, model: str | None = None) -> gr.Blocks:
    """Build the page.

    Args:
        shelf: the masks on offer.
        model: where the masks' checkpoint is, if it isn't found by its name.
    """
    handlers = Handlers(shelf, model)
    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        gr.HTML(markup.INTRODUCTION)
        controls, button = _controls(*handlers.offered)
        target, masks, task, candidates, top, predictor = controls
        answer = gr.HTML(markup.EMPTY, elem_id="answer")
        asked, csv = gr.Textbox(visible=False), gr.Textbox(visible=False)
        with gr.Column(visible=False) as closer:
            with gr.Row():
                link = gr.Textbox(label="Link to this answer", buttons=["copy"], scale=4, elem_id="link")
                save = gr.Button("Download the table (CSV)", scale=1)
            with gr.Tabs():
                pictures, source = _pictures(handlers, asked)
        with gr.Accordion("Your language isn't in the list? Bring some text of it", open=False):
            bring = _bring(handlers, [masks, task, candidates, top])
        with gr.Accordion("Use from Python, or as an MCP server", open=False):
            code = gr.Code(language="python", label="pip install gradio_client", interactive=False)
            gr.Markdown(markup.MCP)
        with gr.Accordion("What the numbers mean, and how to cite them", open=False):
            gr.HTML(markup.ABOUT)
        add_endpoints(shelf)

        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
        opened = blocks.load(handlers.open, None, controls, **private)
        changed = masks.input(handlers.change_masks, masks, [target, candidates], **private)
        inputs = [button.click, target.input, task.input, candidates.input, top.release, predictor.input]
        for trigger in (opened.then, changed.then, partial(gr.on, inputs)):
            asks = trigger(handlers.ask, controls, [answer, asked, csv, code, closer], **private)
            asks.then(None, asked, link, js=_SHOW_LINK, **private)
            asks.then(handlers.look, asked, [*pictures, source], **private)
        for trigger in (opened.then, masks.change):
            trigger(handlers.can_bring, masks, bring, **private)
        save.click(None, csv, None, js=_SAVE_CSV, **private)
    return blocks.queue(max_size=MOST_WAITING)


def launch_options() -> dict[str, Any]:
    """Return what `launch` is to be called with, wherever the page is served."""
    return {
        "css": markup.CSS + charts.CSS,
        "theme": gr.themes.Default(),
        "mcp_server": True,
        "run_history": False,  # it would keep what visitors typed
        # gradio keeps 0.15 MB for each session, and every plain HTTP call is one; ours hold no state.
        "state_session_capacity": MOST_SESSIONS,
        "max_file_size": 2 * MOST_BYTES,  # what is a little too large gets our own words
        "show_error": True,
        "ssr_mode": False,  # as it is tested
        "footer_links": ["api", "gradio", "settings"],
    }


def _controls(targets: dict, recipes: dict, sources: dict) -> tuple[list, gr.Button]:
    """Return target, masks, task, candidates, number of sources, way to rank; and the button.

    Args:
        targets: what the target offers, see `Handlers.offers`.
        recipes: what the masks offer.
        sources: what the candidates offer.
    """
    with gr.Row():
        target = gr.Dropdown(
            **targets,
            value=None,
            label="Target language: the one you have no labelled data for",
            info="Type a name, in English or its own, or a code.",
            allow_custom_value=True,
            elem_id="target",
            scale=2,
        )
        task = gr.Dropdown(TASKS, value="", label="Task", info="Sets the paper's candidates.", elem_id="task", scale=1)
    with gr.Accordion("Candidates, masks and more", open=False):
        candidates = gr.Dropdown(
            **sources,
            label="Languages you have labelled data in",
            info="Instead of the task's candidates. Names or codes.",
            multiselect=True,
            allow_custom_value=True,
            elem_id="candidates",
        )
        masks = gr.Dropdown(
            **recipes,
            label="Masks: model, text, sentences a language",
            allow_custom_value=True,  # what a link names wrongly is to be said, not overlooked
            elem_id="masks",
        )
        with gr.Row():
            top = gr.Slider(1, MOST_SHOWN, TOP, step=1, label="Sources to show", elem_id="top")
            predictor = gr.Dropdown(
                [(about, key) for key, about in predictors().items()],
                value="xsns",
                label="Rank by",
                elem_id="predictor",
            )
    button = gr.Button("Rank sources", variant="primary")
    return [target, masks, task, candidates, top, predictor], button


def _pictures(handlers: Handlers, asked: gr.Textbox) -> tuple[list[gr.Plot], gr.Dropdown]:
    """Return the plots of an answer, and the choice of the source to look into."""
    with gr.Tab("Chart"):
        bars = gr.Plot(show_label=False)
    with gr.Tab("Similarities"):
        heat_map = gr.Plot(show_label=False)
    with gr.Tab("Map"):
        language_map = gr.Plot(show_label=False)
    with gr.Tab("Where they overlap") as tab:
        source = gr.Dropdown([], label="Source to compare with the target", elem_id="source")
        words = gr.HTML(markup.EMPTY)
        overlaps = gr.Plot(show_label=False)
    for event in (tab.select, source.change):
        event(handlers.explain, [asked, source], [overlaps, words], api_visibility="private", show_progress="minimal")
    return [bars, heat_map, language_map], source


def _bring(handlers: Handlers, controls: list) -> list:
    """Return what says whether a language can be brought: words and the button.

    Args:
        handlers: the events.
        controls: masks, task, candidates, number of sources.
    """
    gr.HTML(markup.BRING)
    possible = gr.HTML()
    words = gr.HTML(elem_id="brought")
    language = gr.Textbox(label="Name or code of the language", info="Empty if it has none.", elem_id="language")
    text = gr.Textbox(label="Sentences, one a line", lines=6, max_lines=12, elem_id="text")
    with gr.Row():
        upload = gr.UploadButton("Upload a text file (UTF-8)", file_types=[".txt"])
        stop = gr.Button("Stop")
        start = gr.Button("Find sources", variant="primary", elem_id="bring")
    command = gr.Code(label="To publish its masks properly, with all of its text", language="shell", visible=False)
    private: dict[str, Any] = {"api_visibility": "private"}
    upload.upload(handlers.read, upload, [text, words], **private)
    job = start.click(
        handlers.bring,
        [language, text, *controls],
        [words, command],
        concurrency_limit=1,
        concurrency_id="extraction",
        show_progress="minimal",
        **private,
    )
    stop.click(lambda: markup.note_html("Stopped."), None, words, cancels=[job], **private)
    return [possible, start]
