"""What is told of a SKU that nobody knows: caches may believe it for a moment."""

from __future__ import annotations

from aiohttp import hdrs, web

from gateway.api import caching, problems
from gateway.domain.errors import UnknownSkuError


def unknown_sku(sku: str, *, exact: bool = False) -> web.Response:
    """The response to a lookup of that SKU alone; `exact` for a caller that sees exact figures."""
    response = problems.answer(UnknownSkuError(sku))
    response.headers[hdrs.CACHE_CONTROL] = caching.PRIVATE if exact else caching.PUBLIC_MISS
    response.headers[hdrs.VARY] = caching.VARY
    response.headers[caching.CACHE_STATUS] = caching.MISS
    return response
