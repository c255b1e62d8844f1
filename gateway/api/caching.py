"""The headers by which caches and browsers live: how long, how old, and whether it changed.

Prices are for one asker alone, and nobody may keep them, their problems included: whether there
is a price is one buyer's matter too.

The validator of stock (`stock_fragments.entity_tag`) covers everything but `as_of`: a feed that
verifies a level every second must not make every browser fetch the same words again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware
from multidict import MultiMapping

from gateway.api.routes import Handler

PUBLIC: Final = "public, max-age=5, stale-while-revalidate=30, stale-if-error=86400"
PUBLIC_MISS: Final = "public, max-age=5"
PRIVATE: Final = "private, no-store"
UNKEPT: Final = "no-store"
VARY: Final = "Accept-Language, Authorization"
CACHE_STATUS: Final = "Cache-Status"
MISS: Final = "stockspan; fwd=miss"
HIT: Final = "stockspan; hit"

_PRIVATE_PLACES: Final = (
    *("/v1/prices", "/v1/checkout", "/v1/reservations", "/v1/orders"),
    *("/v1/explain", "/v1/ops"),
)
_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')


class Verified(msgspec.Struct, frozen=True):
    """How old the oldest figure of an answer is, and until when all are fresh; in milliseconds."""

    as_of_ms: int
    now_ms: int
    fresh_until_ms: int

    @property
    def age(self) -> int:
        """Whole seconds since the time shown, rounded up: what is told is never too young."""
        return max(0, -(-self.now_ms // 1000) - self.as_of_ms // 1000)

    @property
    def is_fresh(self) -> bool:
        """Whether all figures are."""
        return self.now_ms <= self.fresh_until_ms

    def status(self, *, erp_down: bool, store_down: bool = False) -> str:
        """The `Cache-Status` of an answer of that age; that the store is away is always told."""
        left = (self.fresh_until_ms - self.now_ms) // 1000
        if store_down:
            return f"stockspan; hit; ttl={left}; detail=store-down"
        if self.is_fresh:
            return HIT
        return f"stockspan; hit; ttl={left}" + ("; detail=erp-down" if erp_down else "")


def private_answers() -> Middleware:
    """Marks whatever is answered at the places of prices and reservations as the asker's own."""

    @web.middleware
    async def mark(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if request.path.startswith(_PRIVATE_PLACES):
            response.headers[hdrs.CACHE_CONTROL] = PRIVATE
            response.headers[hdrs.VARY] = hdrs.AUTHORIZATION
        return response

    return mark


def is_known(headers: MultiMapping[str], tag: str) -> bool:
    """Whether the caller of these headers has this already (`If-None-Match`, compared weakly)."""
    lines = headers.getall(hdrs.IF_NONE_MATCH, ())
    return bool(lines) and _names(lines, tag)


def _names(lines: Sequence[str], tag: str) -> bool:
    given = ",".join(lines)
    return given.strip() == "*" or tag[3:-1] in _TAG.findall(given)
