"""Why an answer is what it is, over HTTP, for those who may know everything (docs/adr/0029)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import hdrs, web

from gateway.api import explain_wording
from gateway.api.auth import Authentication
from gateway.api.explain_operations import PRICE, PRICE_NAMED, STOCK, STOCK_NAMED
from gateway.api.fields import Query, Reading, checked_skus, parse_query
from gateway.api.parameters import address_parameters, path_sku
from gateway.api.price_access import EXPLAIN
from gateway.api.price_parameters import address_lines
from gateway.api.price_parameters import address_parameters as price_parameters
from gateway.api.routes import JSON, Route
from gateway.api.shapes import encode
from gateway.domain.errors import StoreUnavailableError
from gateway.services.hold_traces import HoldTraces, SkuTraces
from gateway.services.lookups import StockLookups
from gateway.services.price_explanations import PriceExplanations
from gateway.services.price_lines import PriceRequest
from gateway.services.selling import SellingRules
from gateway.services.stock_explanations import StockExplanation

_HEADERS: Final = {hdrs.CONTENT_TYPE: JSON}


class ExplainHandlers:
    """Explains; `traces` is None where nothing is promised."""

    def __init__(
        self,
        lookups: StockLookups,
        rules: SellingRules,
        prices: PriceExplanations,
        traces: HoldTraces | None,
        authentication: Authentication,
        clock_ms: Callable[[], int],
    ) -> None:
        self._lookups = lookups
        self._rules = rules
        self._prices = prices
        self._traces = traces
        self._authentication = authentication
        self._clock_ms = clock_ms

    def routes(self) -> tuple[Route, ...]:
        """What is served here."""
        return (
            Route("GET", "/v1/explain/stock/{sku}", self.stock, STOCK),
            Route("GET", "/v1/explain/stock", self.stock, STOCK_NAMED),
            Route("GET", "/v1/explain/price/{sku}", self.price, PRICE),
            Route("GET", "/v1/explain/price", self.price, PRICE_NAMED),
        )

    async def stock(self, request: web.Request) -> web.Response:
        """Why this stock answer."""
        self._authentication.require(request, EXPLAIN)
        sku, query = _asked(request)
        language = request.headers.get(hdrs.ACCEPT_LANGUAGE)
        parameters = address_parameters(query, self._rules)
        context = parameters.context(self._rules, language, exact=False)
        reading = await self._lookups.look([sku])
        if context.location is not None:
            reading.require_location(context.location, context.channel)
        explained = reading.explanation(sku, context)
        traces = await self._traced(sku, explained)
        return _told(explain_wording.stock_explanation(explained, traces))

    async def price(self, request: web.Request) -> web.Response:
        """Why this price."""
        self._authentication.require(request, EXPLAIN)
        sku, query = _asked(request)
        wanted = price_parameters(query)
        lines = address_lines({**query, "sku": [sku]})
        asked = PriceRequest(lines, wanted.customer, wanted.channel, wanted.currency, wanted.at)
        explained = await self._prices.explain(asked)
        at_ms = self._clock_ms() if wanted.at is None else wanted.at
        return _told(explain_wording.price_explanation(explained, at_ms))

    async def _traced(self, sku: str, explained: StockExplanation) -> SkuTraces | None:
        if self._traces is None:
            return None
        levels = {
            one.location.location: one.level for one in explained.levels if one.level is not None
        }
        try:
            return await self._traces.of(sku, levels)
        except StoreUnavailableError:
            # What was known last is explained as far as it is known.
            return None


def _asked(request: web.Request) -> tuple[str, Query]:
    """The SKU, which is named in the path or in the query, and the query."""
    if "sku" in request.match_info:
        return path_sku(request), parse_query(request)
    query = parse_query(request)
    return _sku(query), query


def _sku(query: Query) -> str:
    """The one SKU that is named.

    Raises:
        InvalidRequestError: there is none or more than one, or it is no identifier.
    """
    reading = Reading()
    given = reading.once(query, ["sku"])
    reading.finish()
    (sku,) = checked_skus([*given.values()], 1, "sku")
    return sku


def _told(body: msgspec.Struct) -> web.Response:
    return web.Response(body=encode(body), headers=_HEADERS)
