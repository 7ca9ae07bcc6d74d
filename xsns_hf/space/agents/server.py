"""Where the page serves its tools: an MCP server over streamable HTTP, at the address of every gradio app's."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from inspect import getdoc
from typing import Any

from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.fastmcp.tools import Tool
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import Tool as Described
from mcp.types import ToolAnnotations
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from xsns_hf import __version__
from xsns_hf.errors import XsnsError
from xsns_hf.space.address import page_address
from xsns_hf.space.agents.tools import Tools
from xsns_hf.space.catalogue import Shelf
from xsns_hf.space.guard import MOST_BODY
from xsns_hf.space.static import read
from xsns_hf.space.visitors import Visitors

ADDRESS = "/gradio_api/mcp/"
"""Where clients, the Hub and gradio's own pages look for the tools of a Space."""

INSTRUCTIONS = (
    "Which language should a multilingual model be fine-tuned on, to work on a target language that has no labelled "
    "data? Languages are named by an ISO 639 code or an English name. Begin with xsns_rank_sources; name the task if "
    "there is one, for then scores to expect are told. Repeat how sure a ranking is: its `advice` says it."
)

_READS = ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)

_ABOUT = (
    "This is the address of an MCP server (streamable HTTP): add it in the settings of an MCP client. Its tools are "
    "described at {address}schema\n"
)


class McpServer:
    """The tools of a shelf's masks, behind two routes. Stateless: a request leaves nothing behind."""

    def __init__(self, shelf: Shelf, visitors: Visitors):
        """Describe the tools; nothing is served yet.

        Args:
            shelf: the masks on offer.
            visitors: whose turn it is.
        """
        listed = Tools(shelf, visitors).all
        self._tools = {
            tool.__name__: Tool.from_function(tool, description=getdoc(tool), annotations=_READS) for tool in listed
        }
        server = Server("xsns", version=__version__, instructions=INSTRUCTIONS)
        server.list_tools()(self.described)
        server.call_tool(validate_input=False)(self.call)  # the tools check their arguments, and say it in words
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=MOST_BODY
        )

    def routes(self) -> list[BaseRoute]:
        """Return the routes to add to the page's."""
        routes: list[BaseRoute] = [
            Route(f"{ADDRESS}schema", self._schema, methods=["GET"]),
            Route("/agents.md", self._guide, methods=["GET"]),
        ]
        for path in (ADDRESS, ADDRESS.rstrip("/")):
            routes += [Route(path, self._about, methods=["GET"]), Route(path, _Asgi(self._manager), methods=["POST"])]
        return routes

    def lifespan(self, app: Starlette) -> AbstractAsyncContextManager[None]:
        """Return the context in which requests are answered."""
        return self._manager.run()

    async def described(self) -> list[Described]:
        """Return the tools with the schemas of their arguments and results."""
        return [
            Described(
                name=tool.name,
                title=tool.title,
                description=tool.description,
                inputSchema=tool.parameters,
                outputSchema=tool.output_schema,
                annotations=tool.annotations,
            )
            for tool in self._tools.values()
        ]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Return a tool's result: text, and a record that keeps the tool's schema.

        Raises:
            XsnsError: the arguments can't be answered; the sentence is what the client gets, as a tool's error.
        """
        if name not in self._tools:
            raise XsnsError(f"There is no tool called {name[:80]!r}: use {', '.join(self._tools)}.")
        try:
            return await self._tools[name].run(dict(arguments), convert_result=True)
        except ToolError as error:
            raise XsnsError(sentence_of(error.__cause__)) from None

    async def _schema(self, request: Request) -> Response:
        """Return what the tools are to a plain request: the Hub's own MCP server and gradio's page of the API ask."""
        tools = [tool.model_dump(mode="json", exclude_none=True) for tool in await self.described()]
        return JSONResponse([tool | {"meta": {"file_data_present": False, "mcp_type": "tool"}} for tool in tools])

    async def _guide(self, request: Request) -> Response:
        """Return what an agent that doesn't know the page reads first."""
        tools = "\n".join(f"- `{tool.name}`: {_first_sentence(tool.description)}" for tool in self._tools.values())
        text = read("agents.md").format(address=page_address(request), tools=tools)
        return PlainTextResponse(text, media_type="text/markdown")

    async def _about(self, request: Request) -> Response:
        """Tell whoever opens the address in a browser what it is; a client, that there is no stream of events."""
        return PlainTextResponse(_ABOUT.format(address=ADDRESS), status_code=405, headers={"Allow": "POST"})


class _Asgi:
    """An application, so that starlette hands it requests as they come."""

    def __init__(self, manager: StreamableHTTPSessionManager):
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())


def sentence_of(error: BaseException | None) -> str:
    """Return what to tell a client of an error: the sentence, or which argument isn't of its type; never the value."""
    if isinstance(error, XsnsError):
        return str(error)
    if isinstance(error, ValidationError):
        wrong = {str(problem["loc"][0]): problem["msg"] for problem in error.errors() if problem["loc"]}
        return " ".join(f"{argument} isn't as it should be: {why}." for argument, why in wrong.items())
    return "No answer: check the types of the arguments."
