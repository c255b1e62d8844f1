"""Stock over HTTP: one SKU, many, or very many (CONTRACT 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from aiohttp import hdrs, web

from gateway.api import caching, stock_fragments
from gateway.api.auth import STOCK_EXACT, Authentication
from gateway.api.bodies import read_json
from gateway.api.fields import checked_skus, merged, parse_query
from gateway.api.parameters import (
    MOST_IN_ADDRESS,
    MOST_IN_BODY,
    StockParameters,
    StockQuery,
    address_parameters,
    body_parameters,
    path_sku,
)
from gateway.api.routes import JSON, Route
from gateway.api.showing import Showing
from gateway.api.stock_operations import MANY, ONE, QUERY
from gateway.api.unknown_skus import unknown_sku
from gateway.services.directory import Directory
from gateway.services.kept_answers import Shown
from gateway.services.selling import SellingRules
from gateway.services.stock_answers import (
    StockContext,
    UnknownSku,
    WithheldSku,
)
from gateway.store.feeds import STOCK_KINDS

_query_decoder = msgspec.json.Decoder(StockQuery)


class StockHandlers:
    """Reads what is asked, has it answered, and writes the answer down."""

    def __init__(
        self,
        showing: Showing,
        rules: SellingRules,
        directory: Directory,
        authentication: Authentication,
        clock_ms: Callable[[], int],
    ) -> None:
        self._showing = showing
        self._rules = rules
        self._directory = directory
        self._authentication = authentication
        self._clock_ms = clock_ms

    def routes(self) -> tuple[Route, ...]:
        """What is served here."""
        return (
            Route("GET", "/v1/stock/{sku}", self.one, ONE),
            Route("GET", "/v1/stock", self.many, MANY),
            Route("POST", "/v1/stock/query", self.query, QUERY),
        )

    async def one(self, request: web.Request) -> web.Response:
        """One SKU; an unknown one is a problem."""
        exact = self._sees_exact(request)
        sku = path_sku(request)
        context = self._context(
            request, address_parameters(parse_query(request), self._rules), exact=exact
        )
        (item,) = await self._showing.items([sku], context)
        if isinstance(item, UnknownSku):
            return unknown_sku(sku, exact=exact)
        if isinstance(item, WithheldSku):
            raise item.error()
        text = stock_fragments.item_text(item)
        return self._respond(request, text, [item.digest], [item], exact=exact)

    async def many(self, request: web.Request) -> web.Response:
        """Several SKUs, named in the address."""
        exact = self._sees_exact(request)
        query = parse_query(request)
        skus = checked_skus(query.get("sku", ()), MOST_IN_ADDRESS, "sku")
        context = self._context(request, address_parameters(query, self._rules), exact=exact)
        return await self._items(request, skus, context)

    async def query(self, request: web.Request) -> web.Response:
        """Very many SKUs, named in the body."""
        exact = self._sees_exact(request)
        body = await read_json(request, _query_decoder)
        skus = checked_skus(body.skus, MOST_IN_BODY, "skus")
        address = address_parameters(parse_query(request), self._rules)
        parameters = merged(address, body_parameters(body, self._rules))
        return await self._items(request, skus, self._context(request, parameters, exact=exact))

    def _sees_exact(self, request: web.Request) -> bool:
        return self._authentication.caller(request).may(STOCK_EXACT)

    def _context(
        self, request: web.Request, parameters: StockParameters, *, exact: bool
    ) -> StockContext:
        language = request.headers.get(hdrs.ACCEPT_LANGUAGE)
        return parameters.context(self._rules, language, exact=exact)

    async def _items(
        self, request: web.Request, skus: Sequence[str], context: StockContext
    ) -> web.Response:
        items = await self._showing.items(skus, context)
        shown = [item for item in items if isinstance(item, Shown)]
        digests: list[bytes] = []
        texts: list[bytes] = []
        for item in items:
            if isinstance(item, Shown):
                digests.append(item.digest)
                texts.append(stock_fragments.item_text(item))
            else:
                texts.append(stock_fragments.missing(item))
                digests.append(stock_fragments.digest(texts[-1]))
        body = stock_fragments.items_text(texts)
        response = self._respond(request, body, digests, shown, exact=context.exact)
        if any(isinstance(item, WithheldSku) for item in items):
            # As for a problem: it may be over in a moment.
            response.headers[hdrs.CACHE_CONTROL] = caching.UNKEPT
        return response

    def _respond(
        self,
        request: web.Request,
        body: bytes,
        digests: Sequence[bytes],
        shown: Sequence[Shown],
        *,
        exact: bool,
    ) -> web.Response:
        tag = stock_fragments.entity_tag(digests)
        headers = {
            hdrs.ETAG: tag,
            hdrs.CACHE_CONTROL: caching.PRIVATE if exact else caching.PUBLIC,
            hdrs.VARY: caching.VARY,
            **self._age(shown),
        }
        if request.method in {"GET", "HEAD"} and caching.is_known(request.headers, tag):
            return web.Response(status=304, headers=headers)
        headers[hdrs.CONTENT_TYPE] = JSON
        return web.Response(body=body, headers=headers)

    def _age(self, shown: Sequence[Shown]) -> Mapping[str, str]:
        if not shown:
            return {caching.CACHE_STATUS: caching.MISS}
        verified = stock_fragments.verified(shown, self._clock_ms())
        erp_down = self._directory.current.any_failing(STOCK_KINDS)
        store_down = any(item.last_known for item in shown)
        return {
            hdrs.AGE: str(verified.age),
            caching.CACHE_STATUS: verified.status(erp_down=erp_down, store_down=store_down),
        }
