"""Hostile requests to a Space, many at a time: python attacking.py ADDRESS CLIENT NUMBER.

They come from the address CLIENT, such as 127.0.0.2.
"""

import itertools
import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx

HTML = "<img src=x onerror=alert(1)>"
LINES = "\n".join(f"Here is the sentence that somebody calls number {number}." for number in range(54))


class Page:
    """A Space as programs see it."""

    def __init__(self, address: str, client: str = "127.0.0.1"):
        self.api = f"{address}/gradio_api"
        transport = httpx.HTTPTransport(limits=httpx.Limits(max_connections=None), local_address=client)
        self.http = httpx.Client(timeout=120, trust_env=False, transport=transport)
        events = self.http.get(f"{address}/config").json()["dependencies"]
        self.events = {event["api_name"]: event["id"] for event in events if event["api_name"]}

    def join(self, event: str | int, data: list, session: str) -> httpx.Response:
        number = self.events[event] if isinstance(event, str) else event
        body = {"fn_index": number, "data": data, "session_hash": session}
        return self.http.post(f"{self.api}/queue/join", json=body)

    def answer(self, event: str, data: list) -> dict:
        """Ask as a page does: join the queue, then read the events."""
        session = uuid.uuid4().hex
        joined = self.join(event, data, session)
        if joined.status_code != 200:
            return {"error": joined.text}
        with self.http.stream("GET", f"{self.api}/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data: ")) if line else {}
                if message.get("msg") == "process_completed":
                    return message["output"]
        return {"error": "no answer"}


class Attack:
    """Requests that no page of ours sends; some keep their connection open to the end."""

    def __init__(self, address: str, client: str):
        self.page, self.address = Page(address, client), address
        self.open: list[httpx.Response] = []

    def kinds(self) -> list[Callable[[], httpx.Response]]:
        return [
            self.job, self.huge, self.endless, self.malformed, self.unknown, self.link, self.share, self.question,
            self.stream, self.heartbeat, self.upload, self.broken_upload, self.look_inside, self.pictures,
            self.job_that_is_watched,
        ]  # fmt: skip

    def job(self) -> httpx.Response:
        return self.page.join("bring", ["", LINES, None, "", [], 10], uuid.uuid4().hex)

    def job_that_is_watched(self) -> httpx.Response:
        session = uuid.uuid4().hex
        self.page.join("bring", ["", LINES, None, "", [], 10], session)
        return self.keep(f"{self.page.api}/queue/data?session_hash={session}")

    def huge(self) -> httpx.Response:
        return self.page.join("ask", ["x" * 5_000_000], uuid.uuid4().hex)

    def endless(self) -> httpx.Response:
        def chunks() -> Iterator[bytes]:
            yield from itertools.repeat(b"[" * 65_536, 100)

        return self.page.http.post(f"{self.page.api}/queue/join", content=chunks())

    def malformed(self) -> httpx.Response:
        return self.page.http.post(f"{self.page.api}/queue/join", content=b'{"data": [' + b"[" * 50_000)

    def unknown(self) -> httpx.Response:
        return self.page.join(10**6, ["fin"], uuid.uuid4().hex)

    def link(self) -> httpx.Response:
        return self.page.http.get(self.address, params=dict.fromkeys(["target", "task", "predictor", "masks"], HTML))

    def share(self) -> httpx.Response:
        return self.page.http.get(f"{self.address}/share.png", params={"target": "fin", "top": uuid.uuid4().int % 200})

    def question(self) -> httpx.Response:
        return self.page.join("ask", [HTML, HTML, HTML, [HTML], 10**9, HTML], uuid.uuid4().hex)

    def stream(self) -> httpx.Response:
        return self.keep(f"{self.page.api}/queue/data?session_hash={uuid.uuid4().hex}")

    def heartbeat(self) -> httpx.Response:
        return self.keep(f"{self.page.api}/heartbeat/{uuid.uuid4().hex}")

    def keep(self, address: str) -> httpx.Response:
        response = self.page.http.send(self.page.http.build_request("GET", address), stream=True)
        self.open.append(response)
        return response

    def upload(self) -> httpx.Response:
        return self.page.http.post(f"{self.page.api}/upload", files={"files": ("a.txt", uuid.uuid4().bytes * 50_000)})

    def broken_upload(self) -> httpx.Response:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        content = b'--b\r\nContent-Disposition: form-data; name="other"; filename="x"\r\n\r\n' + b"x" * 100_000
        return self.page.http.post(f"{self.page.api}/upload", headers=headers, content=content)

    def look_inside(self) -> httpx.Response:
        return self.page.join("explain", ["?target=fin", "deu"], uuid.uuid4().hex)

    def pictures(self) -> httpx.Response:
        return self.page.join("look", ["?target=fin"], uuid.uuid4().hex)

    def begin(self, number: int) -> Counter[str]:
        """Send so many requests; return how often each kind was answered by which status."""

        def send(kind: Callable[[], httpx.Response]) -> str:
            try:
                return f"{kind.__name__} {kind().status_code}"
            except httpx.HTTPError as error:
                return f"{kind.__name__} {type(error).__name__}"

        with ThreadPoolExecutor(32) as threads:
            return Counter(threads.map(send, itertools.islice(itertools.cycle(self.kinds()), number)))


if __name__ == "__main__":
    with suppress(AttributeError):  # on another machine it wouldn't take the page's time either
        os.nice(10)
    attack = Attack(sys.argv[1], sys.argv[2])
    print(json.dumps(attack.begin(int(sys.argv[3]))), flush=True)
    sys.stdin.read()  # what is open stays open as long
