"""Looking into masks from the page: in a process of its own (`inside`), so that no file can take the page down."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from xsns_hf.dataset.recipe_masks import RecipeMasks
from xsns_hf.dataset.stores.hub import Hub
from xsns_hf.dataset.stores.ready import Ready
from xsns_hf.errors import Damaged, MasksMissing, XsnsError
from xsns_hf.languages.codes import identify
from xsns_hf.space.own_text.environment import with_package
from xsns_hf.space.own_text.running import step_back
from xsns_hf.space.visitors import Line

SECONDS = 60.0
"""Seconds that a look may take, fetching the masks included."""

MOST_BYTES = 16_000_000
"""Bytes of an answer at most."""


class Looker:
    """Looks into masks, a few at a time.

    One process waits already, since starting takes longer than looking. Each answers once.
    """

    def __init__(self, line: Line, seconds: float = SECONDS):
        """Start nothing yet.

        Args:
            line: of those who want to look.
            seconds: that a look may take.
        """
        self._line, self._seconds = line, seconds
        self._lock = threading.Lock()
        self._waiting: subprocess.Popen[bytes] | None = None

    def shared(self, source: str, target: str, masks: RecipeMasks) -> pd.DataFrame:
        """Return where two sub-networks overlap, by layer and module (see `overlap.summed`), over their common seeds.

        Raises:
            XsnsError: the masks aren't there or can't be read, the two have no seed in common, or too many others are
                looking.
        """
        rows = pd.DataFrame(self._looked("overlap", [identify(source), identify(target)], masks))
        return rows.assign(layer=rows["layer"].astype("Int64"))

    def covering(self, target: str, candidates: Sequence[str], masks: RecipeMasks) -> list[dict[str, Any]]:
        """Return the three candidates that cover most of a target's sub-network together, see `cover`.

        Args:
            target: canonical code.
            candidates: likewise, three or more.
            masks: where they are.

        Returns:
            For each, what adds most first, its `language` and the share that is `covered` with those before it.

        Raises:
            XsnsError: as `shared`; or the candidates are too few.
        """
        return self._looked("cover", [target, *candidates], masks)

    def _looked(self, what: str, languages: list[str], masks: RecipeMasks) -> list[dict[str, Any]]:
        """Return the rows that a look finds, see `inside.look`."""
        if isinstance(masks.repository.store, Ready):
            raise MasksMissing(
                f"{masks.repository.name} holds similarities only, and no masks to look into: choose others, or make "
                "some with `xsns extract`."
            )
        request = {
            "what": what,
            "where": _where(masks),
            "name": masks.repository.name,
            "recipe": masks.name,
            "languages": languages,
        }
        with self._line.turn():
            answer = json.loads(self._answered(json.dumps(request), masks.repository.name))
        if "error" in answer:
            raise XsnsError(answer["error"])
        return answer["rows"]

    def prepare(self) -> None:
        """Have a process wait for the next look."""
        with self._lock:
            if self._waiting is None:
                self._waiting = _start()

    def _answered(self, request: str, name: str) -> bytes:
        """Return what a process answers.

        Raises:
            Damaged: it took too long, or died.
        """
        with self._lock:
            child, self._waiting = self._waiting or _start(), None
        assert child.stdin and child.stdout
        ends = time.monotonic() + self._seconds
        limit = threading.Timer(self._seconds, child.kill)
        limit.start()
        try:
            with suppress(BrokenPipeError):
                child.stdin.write(request.encode() + b"\n")
                child.stdin.flush()
            answer = child.stdout.readline(MOST_BYTES)  # and its input stays open: it would end with that
        finally:
            limit.cancel()
            child.kill()
            child.wait()
            child.stdout.close()
            with suppress(BrokenPipeError):
                child.stdin.close()
            self.prepare()
        if answer.endswith(b"\n"):
            return answer
        late = time.monotonic() >= ends
        why = f"take longer than {self._seconds:g} seconds" if late else "take more memory than it may, or are damaged"
        raise Damaged(f"The masks in {name} can't be looked into: they {why}.")


def _start() -> "subprocess.Popen[bytes]":
    """Start a process that waits for a request."""
    command = [sys.executable, "-P", "-m", "xsns_hf.space.inside"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=with_package(os.environ))
    step_back(child)
    return child


def _where(masks: RecipeMasks) -> str:
    """Return where masks are, on the Hub at the commit whose index is in memory."""
    store = masks.repository.store
    if isinstance(store, Hub) and store.commit:
        return f"hf://datasets/{store.repo_id}@{store.commit}"
    return store.name if isinstance(store, Ready) else str(Path(store.address()).resolve())
