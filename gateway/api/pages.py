"""What browsers are served: the badge, the documentation, and a page for every problem.

Everything is read once, when the worker starts, and needs no network but this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from html import escape
from importlib.resources import files
from typing import Final

import msgspec
from aiohttp import hdrs, web

from gateway.api import caching
from gateway.api.openapi import document
from gateway.api.problem_kinds import KINDS, Kind
from gateway.api.routes import JSON, Answer, Operation, Parameter, Route
from gateway.api.shapes import encode
from gateway.api.stock_operations import CONDITION

HTML: Final = "text/html; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"
STYLE: Final = "text/css; charset=utf-8"
_JS: Final = "text/javascript"
_CSS: Final = "text/css"
_KEPT: Final = "public, max-age=300"
# A page may load and ask nothing but this gateway, and be framed by nobody.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

CACHED: Final = ("ETag", "Cache-Control")
NOT_MODIFIED: Final = Answer("What the caller has is still right.", headers=CACHED)


class Asset(msgspec.Struct, frozen=True):
    """Bytes to serve, with the headers that never change."""

    body: bytes
    headers: dict[str, str]

    @classmethod
    def of(cls, body: bytes, media: str) -> Asset:
        """An asset that caches may keep for some minutes."""
        digest = blake2b(body, digest_size=8).hexdigest()
        headers = {
            hdrs.CONTENT_TYPE: media,
            hdrs.ETAG: f'W/"{digest}"',
            hdrs.CACHE_CONTROL: _KEPT,
            "X-Content-Type-Options": "nosniff",
        }
        if media == HTML:
            headers["Content-Security-Policy"] = _POLICY
        return cls(body, headers)

    def respond(self, request: web.Request) -> web.Response:
        """The asset, or 304 for one who has it."""
        if caching.is_known(request.headers, self.headers[hdrs.ETAG]):
            return web.Response(status=304, headers=self.headers)
        return web.Response(body=self.body, headers=self.headers)


def asset_route(path: str, asset: Asset, operation: Operation | None) -> Route:
    """A route that serves one asset."""

    async def serve(request: web.Request) -> web.Response:
        return asset.respond(request)

    return Route("GET", path, serve, operation)


def static_routes() -> tuple[Route, ...]:
    """Pages and scripts that lie in `gateway/static`."""
    return (
        Route("GET", "/", _to_docs, _HOME),
        asset_route("/docs", _file("docs.html", HTML), _page("docs", "Documentation")),
        asset_route(
            "/docs.js",
            _file("docs.js", SCRIPT),
            _page("docsScript", "Documentation, its script", _JS),
        ),
        asset_route(
            "/docs.css",
            _file("docs.css", STYLE),
            _page("docsStyle", "Documentation, its style", _CSS),
        ),
        asset_route("/badge.js", _file("badge.js", SCRIPT), _page("badge", "Stock badge", _JS)),
        Route("GET", "/problems/{name}", _problem_page, _PROBLEM),
    )


def description_route(routes: Iterable[Route]) -> Route:
    """The OpenAPI document of these routes and of itself."""
    operation = Operation(
        "openapi",
        "OpenAPI 3.1 document",
        "describing",
        {200: Answer("The document.", dict, headers=CACHED), 304: NOT_MODIFIED},
        parameters=(CONDITION,),
    )

    async def described_only(_request: web.Request) -> web.StreamResponse:
        # Stands in the description for the route that is made of it below.
        raise web.HTTPNotFound

    described = [*routes, Route("GET", "/openapi.json", described_only, operation)]
    return asset_route("/openapi.json", Asset.of(encode(document(described)), JSON), operation)


def _page(name: str, summary: str, media: str = "text/html") -> Operation:
    answers = {200: Answer(summary + ".", str, media, CACHED), 304: NOT_MODIFIED}
    return Operation(name, summary, "describing", answers, parameters=(CONDITION,))


_HOME: Final = Operation("home", "Home", "describing", {302: Answer("To /docs.")})
_PROBLEM: Final = Operation(
    "problem",
    "Problem pages",
    "describing",
    {200: Answer("What it means, and what to do.", str, "text/html", CACHED), 304: NOT_MODIFIED},
    parameters=(
        CONDITION,
        Parameter(
            "name",
            "path",
            "The last part of a problem's `type`.",
            {"type": "string", "enum": list(KINDS)},
            required=True,
        ),
    ),
    problems=("not-found",),
)


async def _to_docs(_request: web.Request) -> web.Response:
    return web.Response(status=302, headers={hdrs.LOCATION: "/docs"})


async def _problem_page(request: web.Request) -> web.Response:
    page = _PROBLEM_PAGES.get(request.match_info["name"])
    if page is None:
        raise web.HTTPNotFound
    return page.respond(request)


def _file(name: str, media: str) -> Asset:
    return Asset.of((files("gateway") / "static" / name).read_bytes(), media)


def _rendered(kind: Kind) -> Asset:
    title, retry = escape(kind.title), ""
    if kind.retry_after is not None:
        retry = f"<p>Retry-After is {kind.retry_after} s.</p>"
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title} · Stockspan</title>'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs.css"></head>'
        f'<body class="note"><main>'
        f'<p class="crumb"><a href="/docs">Stockspan</a> · problems</p><h1>{title}</h1>'
        f"<p><code>{escape(kind.type)}</code> · status {kind.status}</p>"
        f"<h2>What it means</h2><p>{escape(kind.meaning)}</p>"
        f"<h2>What to do</h2><p>{escape(kind.remedy)}</p>{retry}</main></body></html>\n"
    )
    return Asset.of(text.encode(), HTML)


_PROBLEM_PAGES: Final = {name: _rendered(kind) for name, kind in KINDS.items()}
