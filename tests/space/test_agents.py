"""The tools for language models, through a client of the official SDK, behind the page's guard."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, get_args

import httpx
import jsonschema
import pytest
from conftest import LANGUAGES
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool
from starlette.applications import Starlette
from starlette.middleware import Middleware

from xsns_hf import XsnsError, rank_sources
from xsns_hf.explanation.overlap import explain_pair
from xsns_hf.space.agents import tools
from xsns_hf.space.agents.server import ADDRESS, McpServer
from xsns_hf.space.answering.answers import predictors
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.guard import MOST_BODY, Guard
from xsns_hf.space.uploads import Uploads
from xsns_hf.space.visitors import Visitors
from xsns_hf.tasks import TASKS

PAGE = "http://page"


@asynccontextmanager
async def visit(shelf: Shelf, visitors: Visitors):
    """Serve the tools, and give a plain client of the page."""
    server = McpServer(shelf, visitors)
    guard = Middleware(Guard, visitors=visitors, uploads=Uploads())
    app = Starlette(routes=server.routes(), middleware=[guard])
    transport = httpx.ASGITransport(app=app)
    async with server.lifespan(app), httpx.AsyncClient(transport=transport, base_url=PAGE) as http:
        yield http


def ask(
    shelf: Shelf, use: Callable[[ClientSession], Coroutine[Any, Any, Any]], visitors: Visitors | None = None
) -> Any:
    async def asked() -> Any:
        async with (
            visit(shelf, visitors or Visitors()) as http,
            streamable_http_client(f"{PAGE}{ADDRESS}", http_client=http) as (reader, writer, _),
            ClientSession(reader, writer) as session,
        ):
            await session.initialize()
            return await use(session)

    return asyncio.run(asked())


def called(shelf: Shelf, calls: list[tuple[str, dict]]) -> tuple[list[Tool], list[CallToolResult]]:
    """What tools there are, and what they answer: each keeps the schema that it declares."""

    async def use(session: ClientSession):
        return (await session.list_tools()).tools, [await session.call_tool(*call) for call in calls]

    listed, results = ask(shelf, use)
    schemas = {tool.name: tool.outputSchema for tool in listed}
    for (name, _), result in zip(calls, results, strict=True):
        if not result.isError:
            jsonschema.validate(result.structuredContent, schemas[name])
    return listed, results


def test_every_result_keeps_the_schema_of_its_tool(masks):
    calls = [
        ("xsns_rank_sources", {"target": "Finnish", "candidates": ["deu", "Swedish"], "top": 1}),
        ("xsns_rank_sources", {"target": "Finnish", "candidates": "deu, Swedish"}),
        ("xsns_rank_sources", {"target": "Yoruba", "task": "any"}),
        ("xsns_best_sets", {"target": "fin"}),
        ("xsns_similarity", {"source": "deu", "target": "deu"}),
        ("xsns_explain_overlap", {"source": "deu", "target": "fin"}),
        ("xsns_list_languages", {}),
        ("xsns_list_masks", {}),
    ]
    shelf = Shelf([str(masks)])
    listed, results = called(shelf, calls)
    assert [tool.name for tool in listed if not tool.name.startswith("xsns_")] == []
    assert not [result.content[0].text for result in results if result.isError]
    first, listed_so, without, sets, same, overlap, languages, all_masks = (r.structuredContent for r in results)
    expected = rank_sources("fin", masks, candidates=["deu", "swe"]).sources
    assert [source["language"] for source in listed_so["sources"]] == [source.language for source in expected]
    assert (first["sources"], first["candidates"], first["has_masks"]) == (listed_so["sources"][:1], 2, True)
    assert first["advice"][0].startswith(f"Most alike to Finnish: {expected[0].name}")
    assert (without["has_masks"], without["target_name"], without["best_set"]) == (False, "Yoruba", [])
    assert without["sources"][0]["language"] in LANGUAGES
    assert len(sets["complementary"]["languages"]) == len(sets["together"]["languages"]) == 3
    assert sets["complementary"]["covered"] == sorted(sets["complementary"]["covered"])
    assert sets["take_one_of"] is None
    assert same["similarity"] == 1
    pair = explain_pair(shelf.choose(), "deu", "fin").to_dict()
    assert overlap["jaccard"] == pair["total"]["jaccard"]
    assert [layer["ratio"] for layer in overlap["layers"]] == [layer["ratio"] for layer in pair["layers"]]
    assert sorted(row["language"] for row in languages["languages"]) == sorted(LANGUAGES)
    assert [(row["masks"], row["languages"], row["can_be_explained"]) for row in all_masks["masks"]] == [
        ("masks", len(LANGUAGES), True)
    ]


def test_a_task_adds_scores_and_sets():
    calls = [
        ("xsns_rank_sources", {"target": "fin", "task": "pos"}),
        ("xsns_best_sets", {"target": "fin", "task": "pos"}),
    ]
    _, (ranked, sets) = called(Shelf(["ready"]), calls)
    found, sets = ranked.structuredContent, sets.structuredContent
    best = found["sources"][0]
    assert best["lower"] < best["expected"] < best["upper"]
    assert found["best_set"] == sets["take_one_of"]["languages"]
    assert sets["complementary"] is None
    assert "similarities only" in sets["notes"][-1]


def test_what_cant_be_answered_is_one_sentence(masks):
    calls = [
        ("xsns_rank_sources", {"target": "Klingonese"}),
        ("xsns_rank_sources", {"target": "fin", "masks": "../masks"}),
        ("xsns_rank_sources", {"target": "fin", "task": "<script>alert(1)</script>"}),
        ("xsns_rank_sources", {}),
        ("xsns_rank_sources", {"target": "x" * 100_000}),
        ("xsns_best_sets", {"target": "yor"}),
        ("xsns_explain_overlap", {"source": "fin", "target": "Finnish"}),
        ("no_such_tool", {}),
    ]
    _, results = called(Shelf([str(masks)]), calls)
    assert all(result.isError for result in results)
    sentences = [result.content[0].text for result in results]
    words = [
        "not a language",
        "no masks called",
        "task",
        "target",
        "too long",
        "no masks of Yoruba",
        "with itself",
        "no tool",
    ]
    assert not [(word, sentence) for word, sentence in zip(words, sentences, strict=True) if word not in sentence]
    assert not [text for text in sentences if len(text) > 400 or "Traceback" in text or "<script" in text]
    assert str(masks.parent) not in "".join(sentences)


def test_descriptions_are_whole_and_name_all_choices():
    listed, _ = called(Shelf(["ready"]), [])
    rank = next(tool for tool in listed if tool.name == "xsns_rank_sources")
    assert rank.description.endswith("with `has_masks` false.")
    assert rank.inputSchema["required"] == ["target"]
    properties = rank.inputSchema["properties"]
    assert all("description" in value for value in properties.values())
    assert properties["task"]["enum"] == ["any", *TASKS]
    assert properties["predictor"]["enum"] == list(predictors())
    assert {"array", "string"} == {kind["type"] for kind in properties["candidates"]["anyOf"]}
    assert get_args(tools.By.__origin__) == tuple(predictors())
    assert all(tool.annotations.readOnlyHint and tool.outputSchema for tool in listed)


def test_the_limits_of_the_page_hold_for_the_tools():
    visitors = Visitors()

    async def send() -> list[httpx.Response]:
        async with visit(Shelf(["ready"]), visitors) as http:
            huge = await http.post(ADDRESS, content=b"x" * (MOST_BODY + 1))
            plain = await http.get(ADDRESS.rstrip("/"))
            return [huge, plain, await http.get(f"{ADDRESS}schema"), await http.get("/agents.md")]

    huge, plain, schema, guide = asyncio.run(send())
    assert (huge.status_code, plain.status_code) == (413, 405)
    assert "MCP server" in plain.text
    assert all(tool["name"] in guide.text for tool in schema.json())
    assert f"{PAGE}{ADDRESS}" in guide.text
    places = [visitors.calls.place() for _ in range(visitors.calls.most)]
    for place in places:
        place.__enter__()
    busy = ask(Shelf(["ready"]), lambda session: session.call_tool("xsns_list_masks", {}), visitors)
    for place in places:
        place.__exit__(None, None, None)
    assert busy.isError
    assert "try again in a moment" in busy.content[0].text


def test_masks_that_cant_be_read_are_told():
    _, (result,) = called(Shelf([]), [("xsns_list_masks", {})])
    assert result.isError
    with pytest.raises(XsnsError):
        Shelf([]).choices()
    assert str(result.content[0].text).startswith("There are no masks to answer from yet")
