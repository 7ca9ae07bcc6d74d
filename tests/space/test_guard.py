"""What stands before the page: the size, the pace and the kind of a request; who is connected; what is uploaded."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from xsns_hf.space import guard
from xsns_hf.space.guard import MOST_BODY, Guard
from xsns_hf.space.uploads import MOST_FILES, SECONDS, Uploads
from xsns_hf.space.visitors import Visitors


@pytest.fixture
def uploads(tmp_path, monkeypatch) -> Uploads:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return Uploads()


class Behind:
    """What a guard is before: a page that counts the bytes it gets, and one that never ends."""

    def __init__(self, uploads: Uploads):
        self.visitors, self.read = Visitors(), 0
        routes = [Route("/heartbeat/{session}", self.stream), Route("/{path:path}", self.size, methods=["GET", "POST"])]
        middleware = [Middleware(Guard, visitors=self.visitors, uploads=uploads)]
        self.app = Starlette(routes=routes, middleware=middleware)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://page")

    async def size(self, request: Request) -> PlainTextResponse:
        if request.url.path == "/unknown":
            raise KeyError(request.url.path)
        self.read += len(await request.body())
        return PlainTextResponse(str(self.read))

    async def stream(self, request: Request) -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            while True:
                yield "data\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(events())

    async def connect(self, session: str, client: str = "1.1.1.1") -> tuple[asyncio.Task, asyncio.Event]:
        """Open a stream as a server does; return what ends with it, and the event by which its visitor leaves."""
        scope = {"type": "http", "method": "GET", "path": f"/heartbeat/{session}", "query_string": b"", "headers": []}
        left, began = asyncio.Event(), asyncio.Event()

        async def receive() -> dict:
            if not began.is_set():
                began.set()
                return {"type": "http.request", "body": b"", "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            pass

        task = asyncio.create_task(self.app(scope | {"client": (client, 1)}, receive, send))
        while not self.visitors.is_connected(session):
            await asyncio.sleep(0.001)
        return task, left


def in_pieces(size: int) -> AsyncIterator[bytes]:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // 1000):
            yield b"x" * 1000

    return pieces()


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in pieces"])
def test_a_request_is_as_large_as_a_text_at_most(uploads, announced):
    async def send(size: int) -> httpx.Response:
        content = b"x" * size if announced else in_pieces(size)
        return await behind.http.post("/queue/join", content=content)

    behind = Behind(uploads)
    assert asyncio.run(send(1_000_000)).text == "1000000"
    for size in (MOST_BODY + 1000, 5 * MOST_BODY, 100 * MOST_BODY):
        refused = asyncio.run(send(size))
        assert refused.status_code == 413
        assert refused.json()["detail"].startswith("The request is larger than 1.1 MB")
    assert behind.read == 1_000_000, "nothing of what is refused gets to the page"


def test_files_are_taken_in_one_place(uploads):
    async def send(path: str) -> int:
        return (await behind.http.post(path, files={"files": b"text"})).status_code

    behind = Behind(uploads)
    assert [asyncio.run(send(path)) for path in ("/upload", "/component_server", "/process_recording")] == [
        200,
        415,
        415,
    ]


def test_a_request_that_never_ends_is_refused_and_small_ones_are_still_taken(uploads, monkeypatch):
    monkeypatch.setattr(guard, "SECONDS_TO_SEND", 0.2)
    monkeypatch.setattr(guard, "MOST_HELD", 150_000)

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        await asyncio.sleep(3600)

    async def send() -> tuple[int, int, int, int]:
        first = asyncio.create_task(behind.http.post("/", content=slow()))
        await asyncio.sleep(0.05)
        large = await behind.http.post("/", content=b"x" * 100_000)
        small = await behind.http.post("/", content=b"x" * 1000)
        late = await first
        again = await behind.http.post("/", content=b"x" * 100_000)
        return late.status_code, large.status_code, small.status_code, again.status_code

    behind = Behind(uploads)
    assert asyncio.run(send()) == (408, 429, 200, 200)


def test_what_the_page_stumbles_over_is_refused_in_a_sentence(uploads, capsys):
    refused = asyncio.run(Behind(uploads).http.post("/unknown"))
    assert refused.status_code == 400
    assert "can't answer" in refused.json()["detail"]
    assert "Traceback" not in capsys.readouterr().err


def test_who_is_connected(uploads):
    async def visit() -> None:
        task, left = await behind.connect("one")
        assert not behind.visitors.is_connected("two")
        left.set()
        with suppress(asyncio.CancelledError):
            await task
        assert not behind.visitors.is_connected("one")

    behind = Behind(uploads)
    asyncio.run(visit())


def test_of_too_many_connections_the_oldest_of_who_has_most_is_closed(uploads, monkeypatch):
    monkeypatch.setattr(guard, "MOST_STREAMS", 4)

    async def visit() -> list[bool]:
        visitor = await behind.connect("visitor", "9.9.9.9")
        hostile = [await behind.connect(str(number)) for number in range(6)]
        await asyncio.wait([task for task, _ in hostile[:3]])
        connected = [behind.visitors.is_connected(session) for session in ("visitor", *map(str, range(6)))]
        for _, left in (visitor, *hostile):
            left.set()
        return connected

    behind = Behind(uploads)
    assert asyncio.run(visit()) == [True, False, False, False, True, True, True]


def test_uploads_are_deleted_whatever_becomes_of_them(uploads):
    assert os.environ["GRADIO_TEMP_DIR"] == str(uploads.folder)
    for number in range(MOST_FILES + 10):
        place = uploads.folder / f"{number}" / "text.txt"
        place.parent.mkdir()
        place.write_text("Quetzalcoatlus")
        os.utime(place, (time.time() - number, time.time() - number))
    (uploads.folder / "tmp-of-a-broken-upload").write_text("Quetzalcoatlus")
    asyncio.run(uploads.sweep())
    left = {path.parent.name for path in uploads.folder.rglob("text.txt")}
    assert left == {str(number) for number in range(MOST_FILES - 1)}
    for path in [*uploads.folder.rglob("*")]:
        os.utime(path, (0, time.time() - SECONDS - 1))
    uploads.delete(MOST_FILES)
    assert not [path for path in uploads.folder.rglob("*") if path.is_file()]


def test_what_a_killed_page_has_left_is_deleted_by_the_next_one(uploads):
    file = uploads.folder / "0123" / "text.txt"
    file.parent.mkdir()
    file.write_text("Quetzalcoatlus")
    os.utime(file, (0, time.time() - SECONDS - 1))
    Uploads()
    assert not file.exists()
