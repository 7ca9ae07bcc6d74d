"""Between the socket and the routes: records each exchange, and lets faults happen to it."""

import asyncio
import socket
import struct
from collections.abc import Callable
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from hub.faults import Change, Drop, Exchange, Fail, Faults, Stale

PIECE = 1 << 16


class Protocol(H11Protocol):
    """HTTP/1.1, which hands its connection on to the application."""

    async def _with_connection(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._application({**scope, "connection": self.transport}, receive, send)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._application, self.app = self.app, self._with_connection


class Wire:
    """The application that is served."""

    def __init__(self, application: Starlette, faults: Faults, record: Callable[[Exchange], None]):
        self._application, self._faults, self._record = application, faults, record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            return
        exchange = _exchange(scope, body)
        hooks, fault = self._faults.take(exchange)
        for hook in hooks:
            await run_in_threadpool(hook.run, exchange)
        if isinstance(fault, Drop) and fault.when == "before":
            self._record(exchange)
            return await _hang_up(scope, receive, fault.reset)
        if isinstance(fault, Fail):
            response = JSONResponse({"error": "as asked for"}, fault.status, dict(fault.headers))
            start, content = await _answer(response, scope, body)
        elif isinstance(fault, Change):
            await asyncio.sleep(fault.seconds)
            start, content = await self._changed(fault, scope, body)
        else:
            age = fault.commits if isinstance(fault, Stale) else 0
            start, content = await _answer(self._application, {**scope, "age": age}, body)
        if isinstance(fault, Drop) and fault.when == "after":
            self._record(exchange)
            return await _hang_up(scope, receive, fault.reset)
        exchange.status = start["status"]
        self._record(exchange)
        await send(start)
        if isinstance(fault, Drop):
            await _send(exchange, content[: len(content) // 2], scope, send, more=True)
            return await _hang_up(scope, receive, fault.reset)
        await _send(exchange, content, scope, send)

    async def _changed(self, fault: Change, scope: Scope, body: bytes) -> tuple[Message, bytes]:
        """Return an answer of other content; one of its own kind has none of the headers that there would be."""
        start, content = await _answer(self._application if fault.handled else Response(), scope, body)
        if fault.kind or start["status"] < 300:
            content = fault.content(content)
        kept = [] if fault.kind else list(start["headers"])
        if fault.kind:
            kept.append((b"content-type", fault.kind.encode()))
        if scope["method"] != "HEAD":
            kept = [pair for pair in kept if pair[0].lower() != b"content-length"]
            kept.append((b"content-length", str(len(content)).encode()))
        return {**start, "headers": kept}, content


def _exchange(scope: Scope, body: bytes) -> Exchange:
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode()
    path = unquote(scope["raw_path"].decode())
    return Exchange(scope["method"], f"{path}?{query}" if query else path, headers, body)


async def _body(receive: Receive) -> bytes | None:
    """Return the request's body, None if the client went away."""
    body = bytearray()  # one block, however large: of many small ones the memory is never given back
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _answer(application: Starlette | Response, scope: Scope, body: bytes) -> tuple[Message, bytes]:
    """Return how the answer starts, and its whole body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    # Routes see the path as it was written: a revision such as refs%2Fpr%2F1 is then one part of it.
    await application({**scope, "path": scope["raw_path"].decode(), "body": body}, receive, send)
    return sent[0], b"".join(message.get("body", b"") for message in sent[1:])


async def _send(exchange: Exchange, content: bytes, scope: Scope, send: Send, more: bool = False) -> None:
    """Send a body piece by piece, and count what someone is there to read."""
    if exchange.method == "HEAD":
        content = b""
    for start in range(0, max(len(content), 1), PIECE):
        piece = content[start : start + PIECE]
        if not scope["connection"].is_closing():
            exchange.sent += len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": more or start + PIECE < len(content)})


async def _hang_up(scope: Scope, receive: Receive, reset: bool) -> None:
    connection = scope["connection"]
    if reset:
        connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.abort()
    else:
        connection.close()
    while (await receive())["type"] != "http.disconnect":
        pass
