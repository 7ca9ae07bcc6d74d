"""What stands before the page: it takes no more of a request than a question or a text needs, and knows who is there.

An ASGI middleware, so that nothing has been read, let alone written to disk, when a request is refused.
"""

import asyncio
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xsns_hf.space.door import Door
from xsns_hf.space.own_text.pasted import MOST_BYTES
from xsns_hf.space.uploads import Uploads
from xsns_hf.space.visitors import Visitors, address_of

MOST_BODY = MOST_BYTES + 100_000
"""Bytes of a request: an upload, or as much text, and what is around it."""

SMALL = 64_000
"""Bytes of a request that is always taken: any question, but no text."""

MOST_HELD = 48_000_000
"""Bytes of requests above that size that are in memory at the same time."""

MOST_DROPPED = 16_000_000
"""Bytes that are read and dropped of a request that is too large: who is still sending reads no answer."""

SECONDS_TO_SEND = 30.0
"""Seconds that a request may take to arrive."""

MOST_STREAMS = 300
"""Connections that wait for events; then the oldest is closed of the address that has the most."""

UPLOAD = "/upload"


@dataclass
class _Stream:
    """A connection that waits for events."""

    address: str
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class _Refused(Exception):
    """A request isn't taken."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


class Guard:
    """The page behind its guard."""

    def __init__(self, app: ASGIApp, visitors: Visitors, uploads: Uploads):
        """Guard a page.

        Args:
            app: the page.
            visitors: told who is connected.
            uploads: told when there may be a new one.
        """
        self._app, self._visitors, self._uploads = app, visitors, uploads
        self._held = 0
        self._streams: list[_Stream] = []
        self._door = Door()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with a status and one sentence."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken: list[int] = []
        began: list[Message] = []

        async def sent(message: Message) -> None:
            began.append({"type": message["type"]}) if not began else None
            await send(message)

        try:
            body = await self._body(scope, receive, taken)
            await self._answer(scope, _replayed(body, receive), sent)
        except _Refused as refused:
            headers = {"Connection": "close"}
            response = JSONResponse({"detail": str(refused)}, refused.status, headers)
            await response(scope, receive, send)
        except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
            # What gradio makes of a request for what it hasn't, or of another shape.
            if began:
                raise
            print(f"A request to {scope['path'][:80]!r} was refused ({type(error).__name__}).", file=sys.stderr)
            response = JSONResponse({"detail": "The page doesn't send such requests, and can't answer this one."}, 400)
            await response(scope, receive, send)
        finally:
            self._held -= sum(taken)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the page answer; note who is connected meanwhile, and look after what was uploaded."""
        path, session = scope["path"], _session(scope)
        if path.endswith(UPLOAD):
            try:
                await self._app(scope, receive, send)
            finally:
                await self._uploads.sweep()
        elif session is None and _begins(scope):
            await self._begin(scope, receive, send)
        elif session is None:
            await self._app(scope, receive, send)
        else:
            with self._visitors.connection(session) if session else nullcontext():
                await self._stream(scope, receive, send)

    async def _begin(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a question in, or a page be opened, one after the other and with a rest between, see `Door`.

        gradio describes the whole page anew for it, during which nothing else goes on; and an answer takes a dozen
        steps, each of which would wait for all who come in together.
        """
        await self._door.enter(_address(scope))
        inside = True

        async def leaving(message: Message) -> None:
            nonlocal inside
            if inside:  # whoever is slow to read an answer keeps nobody out
                self._door.leave()
            inside = False
            await send(message)

        try:
            await self._app(scope, receive, leaving)
        finally:
            if inside:
                self._door.leave()

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events; as if the visitor had left once too many others are connected."""
        stream = _Stream(_address(scope))
        self._streams.append(stream)
        if len(self._streams) > MOST_STREAMS:
            ((most, _),) = Counter(stream.address for stream in self._streams).most_common(1)
            oldest = next(stream for stream in self._streams if stream.address == most)
            self._streams.remove(oldest)
            oldest.closed.set()
        try:
            await self._app(scope, _until(stream.closed, receive), send)
        finally:
            if stream in self._streams:
                self._streams.remove(stream)

    async def _body(self, scope: Scope, receive: Receive, taken: list[int]) -> bytes:
        """Return a request's body, with what it takes of the memory for large ones noted.

        Raises:
            _Refused: it's too large, too slow, or there's no room for it.
        """
        headers = Headers(scope=scope)
        if headers.get("content-type", "").startswith("multipart/") and not scope["path"].endswith(UPLOAD):
            raise _Refused(415, "This page takes files in one place only: upload a text there, or paste it.")
        announced = headers.get("content-length", "0")
        try:
            async with asyncio.timeout(SECONDS_TO_SEND):
                return await self._read(receive, taken, int(announced) if announced.isdecimal() else 0)
        except TimeoutError:
            raise _Refused(408, "The request took too long to arrive: send it again.") from None

    async def _read(self, receive: Receive, taken: list[int], announced: int) -> bytes:
        chunks: list[bytes] = []
        size, more = 0, True
        while more and max(size, announced) <= MOST_DROPPED:
            message = await receive()
            chunk = message.get("body", b"")
            more = message["type"] == "http.request" and message.get("more_body", False)
            size += len(chunk)
            if max(size, announced) > MOST_BODY:
                chunks.clear()
            elif chunk:
                self._reserve(size, taken)
                chunks.append(chunk)
        if max(size, announced) > MOST_BODY:
            raise _Refused(
                413,
                f"The request is larger than {MOST_BODY / 1e6:g} MB, the most that this page takes: "
                "give a few hundred sentences.",
            )
        return b"".join(chunks)

    def _reserve(self, size: int, taken: list[int]) -> None:
        """Note what a body takes once it's large.

        Raises:
            _Refused: all large ones together take too much.
        """
        new = size - sum(taken)
        if size <= SMALL:
            return
        if self._held + new > MOST_HELD:
            raise _Refused(429, "Too many visitors send text just now: try again in a moment.")
        self._held += new
        taken.append(new)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then what else comes: that the visitor left."""
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay


def _until(closed: asyncio.Event, receive: Receive) -> Receive:
    """Return what receives until an event is set: then the visitor has left."""

    async def received() -> Message:
        message, end = asyncio.ensure_future(receive()), asyncio.ensure_future(closed.wait())
        try:
            await asyncio.wait([message, end], return_when=asyncio.FIRST_COMPLETED)
            return {"type": "http.disconnect"} if end.done() else message.result()
        finally:
            message.cancel()
            end.cancel()

    return received


def _begins(scope: Scope) -> bool:
    """Return whether gradio describes its whole page anew for a request."""
    path = scope["path"]
    if scope["method"] == "POST":
        return path.endswith("/queue/join") or "/call/" in path
    return path in {"/", "/config"}


def _session(scope: Scope) -> str | None:
    """Return the id of the page that waits for events by this request, empty if it's no page but a program that waits;
    None if it's another kind of request.
    """
    path = scope["path"]
    if path.endswith("/queue/data"):
        return parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
    if "/heartbeat/" in path:
        return path.rpartition("/")[2]
    programs = ("/call/", "/mcp", "/upload_progress")
    return "" if scope["method"] == "GET" and any(part in path for part in programs) else None


def _address(scope: Scope) -> str:
    client = scope.get("client") or ("", 0)
    return address_of(client[0], Headers(scope=scope).get("x-forwarded-for", ""))
