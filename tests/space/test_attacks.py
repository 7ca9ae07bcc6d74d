"""A Space under attack: everyone else is answered all the while."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacking import Page
from bench.measuring import free_port
from browsing import await_page, children

from xsns_hf import rank_sources

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("space")]

REQUESTS = 500


@pytest.fixture
def served(masks, tiny, tmp_path) -> Iterator[tuple[str, int, Path]]:
    """Address and process of `xsns space`, and where its uploads are."""
    port, log, uploads = free_port(), tmp_path / "log", tmp_path / "uploads"
    command = [sys.executable, "-m", "xsns_hf", "space", "--masks", str(masks), "--model", str(tiny)]
    command += ["--port", str(port), "--no-browser"]
    environment = os.environ | {"GRADIO_TEMP_DIR": str(uploads), "OMP_NUM_THREADS": "1"}
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        address = f"http://127.0.0.1:{port}"
        await_page(address, process, log)
        yield address, process.pid, uploads
        process.kill()


@pytest.mark.parametrize("client", ["127.0.0.2", "127.0.0.1"], ids=["from elsewhere", "from the same address"])
def test_others_are_answered_under_five_hundred_hostile_requests(served, masks, client):
    address, process, uploads = served
    page, expected = Page(address), [source.language for source in rank_sources("fin", masks).sources]
    took: list[float] = []

    def ask() -> None:
        began = time.monotonic()
        ranked = page.answer("rank", ["Finnish", "", "", "", "", 10, "xsns"])
        between = time.monotonic()
        shown = page.answer("ask", ["Finnish", None, "", [], 10, "xsns"])
        took.extend([between - began, time.monotonic() - between])
        assert [source["language"] for source in ranked.get("data", [{}])[0].get("sources", [])] == expected, ranked
        assert "Most alike to Finnish" in shown.get("data", [""])[0], shown
        assert len(children(process)) <= 4, "one job, two looks, one that waits for a look"

    command = [sys.executable, str(Path(__file__).parent / "attacking.py"), address, client, str(REQUESTS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
        answers: list[str] = []
        waiting = threading.Thread(target=lambda: answers.append(attacker.stdout.readline()), daemon=True)
        waiting.start()
        while waiting.is_alive():
            ask()
        for _ in range(10):  # while its connections are still open
            ask()
        attacker.stdin.close()
    tally = json.loads(answers[0])
    print(f"{len(took)} questions, the slowest took {max(took):.2f} s; {tally}")
    assert sum(tally.values()) == REQUESTS
    refused = {answer.partition(" ")[0]: answer[-3:] for answer in tally}
    assert (refused["huge"], refused["endless"], refused["malformed"]) == ("413", "413", "422")
    files = [path for path in uploads.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 16 * 1_100_000
