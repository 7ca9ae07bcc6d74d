"""Renamed repositories: whoever asks for one by an old name is sent on to where it is now."""

import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.access import hub_of, visible
from hub.state import HubError

PLACE = re.compile(r"(?P<api>/api/(?:models/|(?=datasets/|spaces/))|/)(?P<rest>.*)")
"""Where a repository's path begins in an address: behind `/`, `/api/models/` or, of the other kinds, `/api/`."""


class Renames:
    """The application behind its redirects, which keep method, query and (they are relative) the client's token."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = _place(Request(scope))
        if place is None:
            return await self.app(scope, receive, send)
        response = PlainTextResponse(f"Temporary Redirect. Redirecting to {place}", 307, {"Location": place})
        await response(scope, receive, send)


def _place(request: Request) -> str | None:
    """Return where to send a request, None if it names no old name, or that of a repository that it may not see."""
    found, hub = PLACE.fullmatch(request.scope["path"]), hub_of(request)
    assert found
    old = next((old for old in hub.moved if re.match(rf"{re.escape(old)}(/|\.git/|$)", found["rest"])), None)
    if old is None:
        return None
    new = old
    while new in hub.moved:
        new = hub.moved[new]
    try:
        if new not in hub.repositories or not visible(request, hub.repositories[new]):
            return None
    except HubError:  # an unknown token, which the application refuses
        return None
    place = f"{found['api']}{new}{found['rest'].removeprefix(old)}"
    return f"{place}?{request.url.query}" if request.url.query else place
