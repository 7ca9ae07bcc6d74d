"""Extraction for visitors, away from the process that serves the page: `python -m xsns_hf.space.own_text.worker`.

It gets a request as JSON on standard input and answers with records on standard output, a line of JSON each.
"""

import base64
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from huggingface_hub.errors import RepositoryNotFoundError

from xsns_hf.dataset.commands import is_on_hub
from xsns_hf.errors import HubError, Incompatible, TextError, XsnsError
from xsns_hf.recipe import Recipe
from xsns_hf.space.own_text.environment import MORE, TOKEN
from xsns_hf.space.own_text.pasted import FEWEST_SENTENCES
from xsns_hf.text.corpus import Sentences

if TYPE_CHECKING:  # the process that serves the page must do without torch: nothing imports it but `_extract`
    from xsns_hf.models.loading import Checkpoint

HEARTBEAT = 1.0
"""Seconds after which an empty record is sent if there is no other: by it the page can see that its visitor has left,
and the worker that the page has ended."""

Record = dict[str, Any]
"""One of: `{}`; `{"done", "total"}`, examples over all seeds; `{"seed", "examples", "threshold", "bits"}`, a mask with
its packed bits in base64; `{"error"}`, a sentence, always the last."""


@dataclass(frozen=True)
class Request:
    """What to extract.

    Attributes:
        sentences: the text.
        language: canonical code, which the draw depends on.
        seeds: a mask each.
        recipe: how to make them, and of what checkpoint at which revision.
        model: where that checkpoint is: model id, folder or `embedded`; one that whoever runs the page listed.
        layout: fingerprint that its layout must have.
    """

    sentences: list[str]
    language: str
    seeds: list[int]
    recipe: Recipe
    model: str
    layout: str


def extract_masks(request: Request) -> Generator[Record, None, None]:
    """Extract the masks in this process; closing the generator ends the work at the next batch.

    What it takes and yields can be sent to other processes, which is how ZeroGPU runs it.
    """
    records: SimpleQueue[Record | None] = SimpleQueue()
    left = threading.Event()

    def report(record: Record) -> None:
        if left.is_set():
            raise _Left
        records.put(record)

    def work() -> None:
        try:
            _extract(request, report)
        except _Left:
            pass
        except XsnsError as error:
            records.put({"error": str(error)})
        except Exception as error:
            traceback.print_tb(error.__traceback__)  # without its message, which might quote the text
            records.put({"error": f"The extraction failed ({type(error).__name__}): try again, or other sentences."})
        finally:
            records.put(None)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (record := _next(records)) is not None:
            yield record
    finally:
        left.set()


class _Left(Exception):
    """Nobody waits for the masks any more."""


def _next(records: "SimpleQueue[Record | None]") -> Record | None:
    try:
        return records.get(timeout=HEARTBEAT)
    except Empty:
        return {}


def _extract(request: Request, report: Callable[[Record], None]) -> None:
    from xsns_hf.extraction.extract import extract

    recipe, seeds = request.recipe, request.seeds
    checkpoint = _loaded(request)
    _check(checkpoint, request)
    report({"done": 0, "total": recipe.examples * len(seeds)})
    corpus = Sentences("your text", {request.language: request.sentences})
    before = 0
    for seed in seeds:

        def on_progress(done: int, total: int, before: int = before) -> None:
            report({"done": before + done, "total": total * len(seeds)})

        (record,) = extract(checkpoint, corpus, recipe, request.language, [seed], on_progress=on_progress)
        mask, examples = record.mask, record.examples
        if examples < FEWEST_SENTENCES:
            raise TextError(f"Only {examples} lines of your text are long enough: give longer sentences, or more.")
        before += examples
        bits = base64.b64encode(mask.bits.tobytes()).decode()
        report({"seed": seed, "examples": examples, "threshold": mask.threshold, "bits": bits})


def _loaded(request: Request) -> "Checkpoint":
    from xsns_hf.models.loading import load_checkpoint

    recipe = request.recipe
    revision = recipe.revision if is_on_hub(recipe) else None
    try:
        return load_checkpoint(request.model, objective=recipe.objective, head=recipe.head_kind, revision=revision)
    except HubError as error:
        if isinstance(error.__cause__, RepositoryNotFoundError) and TOKEN not in os.environ:  # of gated ones, too
            raise HubError(
                f"The checkpoint {request.model} can't be had without a token: whoever runs this page allows the use "
                f"of theirs with {MORE}={TOKEN}, or gives the checkpoint as a folder."
            ) from error
        raise


def _check(checkpoint: "Checkpoint", request: Request) -> None:
    """Make sure that this is the checkpoint of the published masks, to the last bit."""
    from xsns_hf.importance.choosing import layout_for

    recipe = request.recipe
    published = recipe.revision, recipe.head, request.layout
    here = checkpoint.revision, checkpoint.head_name, layout_for(recipe, checkpoint.body).fingerprint
    for what, expected, actual in zip(("revision", "head", "layout"), published, here, strict=True):
        if expected != actual:
            raise Incompatible(
                f"The published masks are of {recipe.checkpoint} with {what} {expected}, but the checkpoint here has "
                f"{what} {actual}, so masks can't be compared: the Space needs the published checkpoint."
            )


def main() -> None:
    """Answer the request on standard input."""
    # Whatever libraries print goes to standard error: standard output is for records.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        request = json.load(sys.stdin)
        request["recipe"] = Recipe(**request["recipe"])
        try:
            for record in extract_masks(Request(**request)):
                out.write(json.dumps(record).encode() + b"\n")
                out.flush()
        except BrokenPipeError:
            os._exit(1)  # the page is gone, and the thread that extracts need not finish


if __name__ == "__main__":
    main()
