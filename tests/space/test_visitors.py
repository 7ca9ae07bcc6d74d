"""Who is admitted to what takes long, who is refused, and whose work ends since they left."""

import threading
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsns_hf.errors import XsnsError
from xsns_hf.space.visitors import JOBS_AT_ONCE, JOBS_WAITING, Busy, Line, Visitors, address_of


def test_a_few_are_admitted_and_others_are_refused_at_once():
    visitors = Visitors()
    with ExitStack() as stack:
        for number in range(JOBS_AT_ONCE + JOBS_WAITING):
            stack.enter_context(visitors.job(f"10.0.0.{number}", str(number)))
        with pytest.raises(Busy, match="try again in a few minutes"), visitors.job("10.0.1.1", "late"):
            pass
    with visitors.job("10.0.1.1", "late"):
        pass


@pytest.mark.parametrize(("address", "session"), [("10.0.0.1", "other"), ("10.0.0.2", "one")])
def test_an_address_has_one_job_and_so_has_a_session(address, session):
    visitors = Visitors()
    with visitors.job("10.0.0.1", "one"), pytest.raises(Busy, match="job running"), visitors.job(address, session):
        pass
    with visitors.job(address, session):
        pass


def test_a_job_starts_in_its_turn_and_only_for_who_is_there():
    visitors = Visitors(patience=0.3)
    with visitors.job("10.0.0.1", "one") as first, visitors.job("10.0.0.2", "two") as second:
        with visitors.connection("one"):
            assert list(first.waiting()) == []
            with visitors.connection("two"):
                assert next(second.waiting()) == 1
            with pytest.raises(XsnsError, match="its page is gone"):
                list(second.waiting())
            first.check()
        with pytest.raises(XsnsError, match="its page is gone"):
            list(first.waiting())


def test_a_page_that_connects_after_it_has_asked_is_waited_for():
    visitors, asked, done = Visitors(), threading.Event(), threading.Event()

    def connect() -> None:
        asked.wait()
        with visitors.connection("one"):
            done.wait()

    page = threading.Thread(target=connect)
    page.start()
    with visitors.job("10.0.0.1", "one") as job:
        for ahead in job.waiting():
            assert ahead == 0
            asked.set()
    done.set()
    page.join()


@given(st.integers(1, 3), st.integers(0, 3), st.integers(0, 8))
def test_a_line_never_holds_more_than_it_may(at_once, waiting, comers):
    line = Line(at_once, waiting, "Come back later.")
    with ExitStack() as stack:
        places = []
        for _ in range(comers):
            try:
                places.append(stack.enter_context(line.place()))
            except Busy:
                continue
        assert len(places) == min(comers, at_once + waiting)
        assert [place.ahead() for place in places] == [max(0, n - at_once + 1) for n in range(len(places))]


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("10.0.0.1", "1.2.3.4, 8.8.8.8", "8.8.8.8"),  # the rest is what the visitor says
        ("10.0.0.1", "1.2.3.4, 8.8.8.8, 10.1.2.3", "8.8.8.8"),
        ("10.0.0.1", "<script>, 10.1.2.3", "10.0.0.1"),
        ("10.0.0.1", "2a00:1450:4001:82a::200e", "2a00:1450:4001:82a::/64"),
        ("testclient", "", "testclient"),
    ],
)
def test_the_address_on_a_space_is_what_its_proxies_say(client, forwarded, address, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "user/space")
    assert address_of(client, forwarded) == address
    monkeypatch.delenv("SPACE_ID")
    assert address_of(client, forwarded) == client
