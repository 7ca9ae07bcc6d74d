"""What is said of a link where it is passed on, without a browser."""

import re
import struct

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from xsns_hf.dataset.stores.ready import ready_names
from xsns_hf.space.answering.query import Query
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.sharing.card import Card
from xsns_hf.space.sharing.cards import Cards
from xsns_hf.space.sharing.head import with_card
from xsns_hf.space.sharing.links import problems
from xsns_hf.space.sharing.middleware import Sharing
from xsns_hf.space.sharing.picture import HEIGHT, WIDTH, picture
from xsns_hf.space.visitors import Line

PAGE = """<!doctype html><html><head><meta charset="utf-8" /><meta property="og:title" content="Gradio" />
<meta name="twitter:title" content="Gradio" /><style></style><script>window.config = {"a": "</head>"}</script></head>
<body
 style="margin: 0"><main></main></body></html>"""
LINE = Line(1, 0, "busy")
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def cards() -> Cards:
    return Cards(Shelf(ready_names()), LINE)


@pytest.fixture(scope="module")
def client(cards) -> TestClient:
    async def page(request) -> HTMLResponse:
        return HTMLResponse(PAGE)

    routes = [Route("/", page), Route("/assets/a-1.js", page), Route("/other", page)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Sharing, cards=cards)]))


def tags(page: str) -> dict[str, str]:
    return dict(re.findall(r'<meta (?:property|name)="([^"]*)" content="([^"]*)">', page))


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def test_a_link_says_its_answer_before_it_is_opened(client, cards):
    response = client.get("/?target=Finnish&task=pos")
    assert response.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in response.headers["vary"]
    said = tags(response.text)
    card = cards.of(Query("fin", task="pos"))
    assert card.title.startswith("For Finnish part-of-speech tagging: ")
    assert said["og:title"] == card.title
    assert said["og:description"] == said["description"] == card.headline
    assert said["og:image"] == "http://testserver/share.png?target=Finnish&amp;task=pos"
    assert said["twitter:card"] == "summary_large_image"
    assert "Gradio" not in response.text
    assert response.text.index("og:title") < response.text.index("<style>")  # many read the first kilobytes only
    assert f"<h2>{card.title}" in response.text.partition("<body")[2]  # can be read while the rest is loaded
    own = tags(client.get("/", headers={"Accept-Encoding": "identity"}).text)
    assert own["og:title"] == "Which source language should I fine-tune on?"
    assert "some other source beats English" in own["og:description"]


@pytest.mark.parametrize("link", ["?target=Klingonese", "?target=quc", "?target=fin&task=foo", f"?target={HOSTILE}"])
def test_a_link_without_an_answer_is_the_pages_own(client, link):
    response = client.get(f"/{link}")
    assert tags(response.text)["og:title"] == "Which source language should I fine-tune on?"
    assert "alert" not in response.text.replace("%3Cscript%3Ealert", "")
    refused = client.get(f"/share.png{link}")
    assert (refused.status_code, refused.headers["content-type"]) == (404, "text/plain; charset=utf-8")


def test_nothing_of_a_card_is_markup():
    page = with_card(PAGE, Card(HOSTILE, HOSTILE), HOSTILE, HOSTILE)
    assert "<script>alert" not in page
    assert page.count("</head>") == 2  # as before
    assert size(picture(Card("$\\frac{$" * 30, "\x1b[31m\x00 $x^" * 99, footer="$\\"))) == (WIDTH, HEIGHT)


def test_the_picture_of_a_link(client):
    response = client.get("/share.png?target=fin&task=pos")
    assert response.headers["content-type"] == "image/png"
    assert "max-age" in response.headers["cache-control"]
    assert size(response.content) == (WIDTH, HEIGHT)
    with LINE.turn():  # another one is drawn just now
        assert client.get("/share.png?target=fin&task=pos").content == response.content  # kept
        assert client.get("/share.png?target=swh").status_code == 503
    assert size(client.get("/share.png").content) == (WIDTH, HEIGHT)


def test_what_never_changes_is_kept_and_all_else_left_alone(client):
    assert "immutable" in client.get("/assets/a-1.js").headers["cache-control"]
    assert client.get("/other").text == PAGE


@pytest.mark.parametrize("top", ["abc", "0", "-1", "201", "9" * 50, "", "١٢"])
def test_a_number_that_is_none_is_named(top):
    assert "from 1 to 200" in problems({"target": "fin", "top": top})["top"]


def test_parameters_that_there_are_not_are_named():
    wrong = problems({"target": "fin", "task": "<b>", "predictor": "\x1b[31m", "utm_source": "x"})
    assert list(wrong) == ["task", "predictor"]
    assert all(sentence.isprintable() for sentence in wrong.values())
    assert problems({"target": "fin", "task": "pos", "top": "3", "predictor": "xsns"}) == {}
