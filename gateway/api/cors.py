"""Which pages of other origins may read answers from a browser.

No credentials are ever allowed: what a page may read this way is public, or it sends a key or a
token itself. Stock and the badge are for any page where `*` is configured. Prices are for the
origins that are named, never for `*`: a storefront of its own may show its customers their
prices, but what any page at all can ask for must not depend on who happens to be signed in there.
A checkout is for servers, whose keys no page should know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from gateway.api.routes import Handler, Route

_EXPOSED: Final = "ETag, Age, Cache-Status"
_FOR_ANYONE: Final[Mapping[str, str]] = {
    hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
    hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: _EXPOSED,
}
_PREFLIGHT: Final = {
    hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, HEAD, POST",
    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: (
        "Content-Type, Authorization, If-None-Match, Accept-Language"
    ),
    hdrs.ACCESS_CONTROL_MAX_AGE: "86400",
}
_PUBLIC: Final = ("/v1/stock", "/badge.js")
_NAMED_ONLY: Final = ("/v1/prices",)


class CrossOrigin:
    """The rule of who may read: `*`, or a list of origins."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._anyone = "*" in origins
        self._origins = frozenset(origins) - {"*"}

    def preflights(self, routes: Iterable[Route]) -> Iterable[Route]:
        """The routes by which browsers ask whether they may ask these."""
        return [
            Route("OPTIONS", route.path, self.preflight)
            for route in routes
            if route.path.startswith((*_PUBLIC, *_NAMED_ONLY))
        ]

    def for_all_pages(self, path: str) -> Mapping[str, str] | None:
        """The headers of every answer there; None where they differ from page to page."""
        if self._for_anyone(path):
            return _FOR_ANYONE
        return None if self._origins and path.startswith((*_PUBLIC, *_NAMED_ONLY)) else {}

    async def preflight(self, request: web.Request) -> web.Response:
        """Answer a browser that asks whether it may ask."""
        response = web.Response(status=204)
        path = request.path
        if self._for_anyone(path) or self._named(request):
            response.headers.update(_PREFLIGHT)
        return response

    def middleware(self) -> Middleware:
        """Adds the headers to every answer at those places, problems included."""

        @web.middleware
        async def share(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            path = request.path
            if self._for_anyone(path):
                response.headers.update(_FOR_ANYONE)
            elif self._origins and path.startswith((*_PUBLIC, *_NAMED_ONLY)):
                response.headers.update(self._named(request))
                # The same address is answered differently to different pages.
                vary = response.headers.get(hdrs.VARY)
                response.headers[hdrs.VARY] = f"{vary}, Origin" if vary else hdrs.ORIGIN
            return response

        return share

    def _for_anyone(self, path: str) -> bool:
        return self._anyone and path.startswith(_PUBLIC)

    def _named(self, request: web.Request) -> Mapping[str, str]:
        """The headers that let this request's page read the answer, if its origin is named."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or origin not in self._origins:
            return {}
        return {
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: _EXPOSED,
        }
