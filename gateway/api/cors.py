"""Which pages of other origins may read public answers from a browser.

No credentials are ever allowed: what a page may read this way is public, or it sends a key itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from gateway.api.routes import Handler

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
_PLACES: Final = ("/v1/stock", "/badge.js")


class CrossOrigin:
    """The rule of who may read: `*`, or a list of origins."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._anyone = "*" in origins
        self._origins = frozenset(origins)

    def allowed(self, request: web.Request) -> Mapping[str, str]:
        """The headers that let this request's page read the answer."""
        if self._anyone:
            return _FOR_ANYONE
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or origin not in self._origins:
            return {}
        return {
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: _EXPOSED,
        }

    async def preflight(self, request: web.Request) -> web.Response:
        """Answer a browser that asks whether it may ask."""
        response = web.Response(status=204)
        if self.allowed(request):
            response.headers.update(_PREFLIGHT)
        return response

    def middleware(self) -> Middleware:
        """Adds the headers to every answer at the public places, problems included."""

        @web.middleware
        async def share(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            if request.rel_url.raw_path.startswith(_PLACES):
                response.headers.update(self.allowed(request))
                if not self._anyone:
                    # The same address is answered differently to different pages.
                    vary = response.headers.get(hdrs.VARY)
                    response.headers[hdrs.VARY] = f"{vary}, Origin" if vary else hdrs.ORIGIN
            return response

        return share
