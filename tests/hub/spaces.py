"""The routes about Spaces: their variables and their hardware."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hub.access import find, json_of
from hub.state import HubError, Repository

HARDWARE = ("cpu-basic", "cpu-upgrade", "zero-a10g", "t4-small", "t4-medium", "l4x1", "a10g-small", "a100-large")
CARD = """---
title: {title}
emoji: 🐨
colorFrom: gray
colorTo: gray
sdk: {sdk}
pinned: false
---

Check out the configuration reference at https://huggingface.co/docs/hub/spaces-config-reference
"""
"""What the Hub puts into a new Space, roughly."""


def check(asked: dict[str, Any]) -> None:
    """Refuse what no Space can be made with."""
    if asked.get("sdk") not in ("gradio", "docker", "static"):
        raise HubError(400, "Invalid input: sdk")
    check_hardware(asked.get("hardware", HARDWARE[0]))


def check_hardware(flavour: str) -> None:
    if flavour not in HARDWARE:
        raise HubError(400, f"Invalid hardware flavor: {flavour}")


def space_of(request: Request, *, write: bool = False) -> Repository:
    return find(request, "spaces", f"{request.path_params['owner']}/{request.path_params['name']}", write=write)


def variables(request: Request) -> JSONResponse:
    """Answer with the variables; a POST adds or changes one first."""
    space = space_of(request, write=request.method == "POST")
    if request.method == "POST":
        asked = json_of(request)
        space.variables[asked["key"]] = asked["value"]
    return JSONResponse({key: {"key": key, "value": value} for key, value in space.variables.items()})


def runtime(request: Request) -> JSONResponse:
    """Answer with the hardware; a POST asks for another first."""
    space = space_of(request, write=request.method == "POST")
    if request.method == "POST":
        flavour = json_of(request)["flavor"]
        check_hardware(flavour)
        space.hardware = flavour
    hardware = {"current": None, "requested": space.hardware}
    return JSONResponse({"stage": "BUILDING", "hardware": hardware, "storage": None, "gcTimeout": 172800})


ROUTES = [
    Route("/api/spaces/{owner}/{name}/variables", variables, methods=["GET", "POST"]),
    Route("/api/spaces/{owner}/{name}/runtime", runtime),
    Route("/api/spaces/{owner}/{name}/hardware", runtime, methods=["POST"]),
]
