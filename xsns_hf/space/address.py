"""Where the page is, as others reach it."""

import os

from starlette.requests import Request


def page_address(request: Request) -> str:
    """Return the page's address, as who asks sees it: a Space is behind a proxy that speaks HTTPS."""
    host = os.environ.get("SPACE_HOST")
    return f"https://{host}/" if host else str(request.base_url)
