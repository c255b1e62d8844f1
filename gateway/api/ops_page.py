"""The operator's page: files without data, which ask for what they show (`static/ops`)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from aiohttp import web

from gateway.api.pages import (
    CACHED,
    HTML,
    NOT_MODIFIED,
    SCRIPT,
    STYLE,
    Asset,
    asset_route,
)
from gateway.api.routes import Answer, Operation, Parameter, Route
from gateway.api.stock_operations import CONDITION

_FOLDER: Final = files("gateway") / "static" / "ops"
_MEDIA: Final = {"js": SCRIPT, "css": STYLE}

_PAGE: Final = Operation(
    "opsPage",
    "Operator's page",
    "operating",
    {
        200: Answer("The page, without data.", str, "text/html", CACHED),
        304: NOT_MODIFIED,
    },
    parameters=(CONDITION,),
)


def ops_page_routes() -> tuple[Route, ...]:
    """The page, and what it loads."""
    assets = _assets()

    async def asset(request: web.Request) -> web.Response:
        found = assets.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        return found.respond(request)

    name = Parameter(
        "name", "path", "The file.", {"type": "string", "enum": sorted(assets)}, required=True
    )
    loaded = Operation(
        "opsAsset",
        "Operator's page, its scripts and styles",
        "operating",
        {200: Answer("The file.", str, "text/*", CACHED), 304: NOT_MODIFIED},
        parameters=(CONDITION, name),
        problems=("not-found",),
    )
    page = Asset.of((_FOLDER / "page.html").read_bytes(), HTML)
    return (
        asset_route("/ops", page, _PAGE),
        Route("GET", "/ops/assets/{name}", asset, loaded),
    )


def _assets() -> Mapping[str, Asset]:
    """Everything that the page loads, by name; what others wrote lies in a folder of its own."""
    found: dict[str, Asset] = {}
    for folder in (_FOLDER, _FOLDER / "vendor"):
        for file in folder.iterdir():
            media = _MEDIA.get(file.name.rpartition(".")[2])
            if media is not None:
                found[file.name] = Asset.of(file.read_bytes(), media)
    return found
