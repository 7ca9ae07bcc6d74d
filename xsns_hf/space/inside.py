"""Looks into masks, away from the process that serves the page: `python -m xsns_hf.space.inside`.

It gets one request as JSON, a line on standard input, and answers with one record, a line of JSON on standard output.
Whatever the files hold, all that they can bring down is this process, which takes a limited memory and time.
"""

import json
import os
import re
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.repository import MaskRepository
from xsns_hf.errors import Incompatible, XsnsError
from xsns_hf.explanation.cover import cover
from xsns_hf.explanation.overlap import overlap_over_seeds, summed

MEMORY = 2**30
"""Bytes that it may take, above what it takes once it has started."""

BY = ["stack", "layer", "module"]
"""What overlaps are summed by."""

MOST_ROWS = 10_000
"""Groups of tensors at most: no model has as many layers, and the page is to draw them."""


def look(request: dict[str, Any]) -> dict[str, Any]:
    """Return what is seen in masks.

    Args:
        request: `what` to look for, `overlap` of two languages or `cover` of the first by others; `where` the masks
            are, the `name` that visitors know, the `recipe`, and the codes of the `languages`.

    Returns:
        `{"rows"}`, see `overlap.summed` and `Covering.to_dict`; or `{"error"}`, a sentence.
    """
    try:
        repository = MaskRepository(request["where"])
        repository.name = request["name"]
        masks, languages = repository.masks(request["recipe"]), request["languages"]
        if request["what"] == "cover":
            target, *candidates = languages
            return {"rows": cover(masks, target, candidates).best.to_dict()["sources"]}
        return {"rows": _overlap(masks, *languages)}
    except XsnsError as error:
        return {"error": str(error).replace(request["where"], request["name"])}  # nobody need know the folders here
    except MemoryError:
        return {"error": f"The masks in {request['name']} take more memory than looking into them may."}
    except Exception as error:  # whatever a library makes of such files
        traceback.print_tb(error.__traceback__)
        return {"error": f"The masks in {request['name']} can't be read ({type(error).__name__})."}


def _overlap(masks: RecipeMasks, one: str, other: str) -> list[dict[str, Any]]:
    found = summed(overlap_over_seeds(masks.subnetworks(one), masks.subnetworks(other), (one, other)), BY)
    if len(found) > MOST_ROWS:
        name = masks.repository.name
        raise Incompatible(f"The masks in {name} name {len(found):,} layers, more than any model has.")
    return json.loads(found.to_json(orient="records", double_precision=15))


def main() -> None:
    """Answer the request on standard input; end when that is closed, be it before or meanwhile."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print
    line = sys.stdin.readline()
    if not line:
        return
    _limit_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out.write(json.dumps(look(json.loads(line))) + "\n")
    out.flush()
    os._exit(0)  # nothing is left to do that could go wrong


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _limit_memory() -> None:
    """Have the system refuse memory beyond `MEMORY`, where it can: files that are mapped don't count."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        taken = re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
        if taken:
            most = int(taken[1]) * 1024 + MEMORY
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main()
