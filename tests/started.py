"""The processes that a page starts for its visitors."""

import subprocess
from types import SimpleNamespace

import pytest

from xsns_hf.space.own_text import running


@pytest.fixture
def children(monkeypatch) -> list[subprocess.Popen]:
    """The processes that are started."""
    started: list[subprocess.Popen] = []

    def popen(*args, **kwargs):
        started.append(subprocess.Popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(running, "subprocess", SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE))
    return started
