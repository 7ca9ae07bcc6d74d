"""What is sent beside what gradio sends: the head of a link's page, and the picture of its answer.

An ASGI middleware behind the guard, so that its limits hold here too: opening a page is let in by the door.
"""

import gzip

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xsns_hf.errors import XsnsError
from xsns_hf.space.address import page_address
from xsns_hf.space.answering.query import Query
from xsns_hf.space.sharing.card import Card
from xsns_hf.space.sharing.cards import Cards
from xsns_hf.space.sharing.head import with_card
from xsns_hf.space.visitors import Busy

PICTURE = "share.png"
FRESH = 600
"""Seconds for which a picture may be shown again without asking: as old as masks in memory may be."""

UNCHANGING = "public, max-age=31536000, immutable"
"""For the parts of gradio's page, each of which has a name of its own in each version."""


class Sharing:
    """The page, with what is said of its links."""

    def __init__(self, app: ASGIApp, cards: Cards):
        """Take the page.

        Args:
            app: the page.
            cards: of its links.
        """
        self._app, self._cards = app, cards

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is asked about a link, and hand on all else."""
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
        elif path == f"/{PICTURE}":
            await (await self._picture(Request(scope)))(scope, receive, send)
        elif path == "/":
            await self._page(scope, receive, send)
        elif path.startswith("/assets/"):
            await self._app(scope, receive, _keeping(send))
        else:
            await self._app(scope, receive, send)

    async def _picture(self, request: Request) -> Response:
        try:
            picture = await run_in_threadpool(self._cards.picture, _query(request))
        except Busy as busy:
            return PlainTextResponse(str(busy), 503, {"Retry-After": "5"})
        except XsnsError as error:
            return PlainTextResponse(str(error), 404, {"X-Content-Type-Options": "nosniff"})
        return Response(picture, media_type="image/png", headers={"Cache-Control": f"public, max-age={FRESH}"})

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page once all of it is there, with the head of its link, and compressed."""
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                start, *parts = messages
                body = b"".join(part.get("body", b"") for part in parts)
                if start["status"] == 200 and body:
                    body = await self._rewritten(Request(scope), body, MutableHeaders(raw=start["headers"]))
                await send(start)
                await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, collect)

    async def _rewritten(self, request: Request, body: bytes, headers: MutableHeaders) -> bytes:
        """Return the page's HTML with the head of its link; change its headers accordingly."""
        query = _query(request)
        try:
            card, link = await run_in_threadpool(self._cards.of, query), query.link()
        except XsnsError:  # the page says why
            card, link = Card(), "?"
        address = page_address(request)
        body = with_card(body.decode(), card, address + link.removesuffix("?"), f"{address}{PICTURE}{link}").encode()
        headers.add_vary_header("Accept-Encoding")
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = await run_in_threadpool(gzip.compress, body, 6)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        return body


def _query(request: Request) -> Query:
    return Query.of_link(dict(request.query_params))


def _keeping(send: Send) -> Send:
    """Return what sends a file that browsers may keep for good."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(raw=message["headers"])["Cache-Control"] = UNCHANGING
        await send(message)

    return sent
