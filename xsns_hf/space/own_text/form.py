"""The form for a language without masks, and under it what becomes of it: progress, and a whole answer."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from xsns_hf.space.html import note_html
from xsns_hf.space.static import read

_PRIVATE: dict[str, Any] = {"api_visibility": "private"}
_QUIET = _PRIVATE | {"show_progress": "hidden"}


@dataclass(frozen=True)
class TextForm:
    """Where text is brought, and what is shown of it.

    Attributes:
        possible: says whether these masks take text, and how much of it.
        language: whose text it is.
        text: the sentences.
        upload: a file of them.
        start: begins.
        stop: ends what has begun; there only meanwhile.
        words: how far it is, the answer in words, or what is wrong.
        result: what is below the answer, one column.
        picture: the answer's chart.
        table: its table.
        command: publishes the masks properly.
    """

    possible: gr.HTML
    language: gr.Textbox
    text: gr.Textbox
    upload: gr.UploadButton
    start: gr.Button
    stop: gr.Button
    words: gr.HTML
    result: gr.Column
    picture: gr.Plot
    table: gr.HTML
    command: gr.Code

    @property
    def entries(self) -> list[Any]:
        """What a visitor fills in, after the words that say whether they can: outputs of `TextJobs.possible`."""
        return [self.possible, self.language, self.text, self.upload, self.start]

    @property
    def shown(self) -> list[Any]:
        """Outputs of `TextJobs.bring`."""
        return [self.words, self.start, self.stop, self.result, self.picture, self.table, self.command]


def text_form(handlers: Any, controls: list[Any]) -> TextForm:
    """Build the form, and connect what happens in it.

    Args:
        handlers: the page's events, of which `read_text` and `bring` are meant.
        controls: masks, task, candidates, number of sources.
    """
    gr.HTML(read("bring.html"))
    possible = gr.HTML()
    language = gr.Textbox(label="Name or code of the language", info="Empty if it has none.", elem_id="language")
    text = gr.Textbox(label="Sentences, one a line", lines=6, max_lines=12, elem_id="text")
    with gr.Row():
        upload = gr.UploadButton("Upload a text file (UTF-8)", file_types=[".txt"])
        schema = upload.api_info()  # which takes long, and is asked for with every question
        upload.api_info = lambda: schema  # type: ignore[method-assign]
        start = gr.Button("Find sources", variant="primary", elem_id="bring")
        stop = gr.Button("Stop", visible=False, elem_id="stop")
    words = gr.HTML(elem_id="brought")
    with gr.Column(visible=False) as result:
        picture = gr.Plot(show_label=False)
        table = gr.HTML(elem_id="brought-table", js_on_load=read("sort_table.js"))
        label = "To publish its masks properly, with all of its text"
        command = gr.Code(label=label, language="shell", lines=2, max_lines=8, interactive=False, wrap_lines=True)
    form = TextForm(possible, language, text, upload, start, stop, words, result, picture, table, command)
    upload.upload(handlers.read_text, upload, [text, words], **_PRIVATE)
    job = start.click(
        handlers.bring,
        [language, text, *controls],
        form.shown,
        concurrency_limit=None,  # each is admitted or refused at once, see `visitors`
        **_QUIET,
    )
    stopped = [note_html("Stopped."), gr.update(interactive=True), gr.update(visible=False)]
    stop.click(lambda: stopped, None, [words, start, stop], cancels=[job], **_PRIVATE)
    return form
