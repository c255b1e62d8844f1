"""Stock over HTTP: one SKU, many, or very many (CONTRACT 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET

from gateway.api import caching, problems
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
from gateway.api.problem_kinds import KINDS
from gateway.api.routes import JSON, Route
from gateway.api.shapes import (
    DeliveryShape,
    ItemError,
    PickupShape,
    StockItem,
    StockItems,
    UnknownItem,
    encode,
    span_shape,
)
from gateway.api.stock_operations import MANY, ONE, QUERY
from gateway.domain.errors import UnknownSkuError
from gateway.domain.quantities import to_number
from gateway.domain.spans import StockStatus
from gateway.services.directory import Directory
from gateway.services.lookups import StockLookups
from gateway.services.selling import SellingRules
from gateway.services.stock_answers import (
    PickupAnswer,
    StockAnswer,
    StockContext,
    UnknownSku,
    WithheldSku,
)
from gateway.store.feeds import STOCK_KINDS

SCHEMA_ORG: Final[Mapping[StockStatus, str | None]] = {
    StockStatus.IN_STOCK: "https://schema.org/InStock",
    StockStatus.LIMITED: "https://schema.org/LimitedAvailability",
    StockStatus.BACKORDER: "https://schema.org/BackOrder",
    StockStatus.OUT_OF_STOCK: "https://schema.org/OutOfStock",
    StockStatus.PREORDER: "https://schema.org/PreOrder",
    StockStatus.DISCONTINUED: "https://schema.org/Discontinued",
    StockStatus.ON_REQUEST: None,
}

_query_decoder = msgspec.json.Decoder(StockQuery)
_ERRORS: Final = {name: ItemError(kind.type, kind.title) for name, kind in KINDS.items()}


class StockHandlers:
    """Reads what is asked, has it answered, and writes the answer down."""

    def __init__(
        self,
        lookups: StockLookups,
        rules: SellingRules,
        directory: Directory,
        authentication: Authentication,
        clock_ms: Callable[[], int],
    ) -> None:
        self._lookups = lookups
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
        (answer,) = await self._lookups.answer([sku], context)
        if isinstance(answer, UnknownSku):
            return _unknown(sku, exact=exact)
        if isinstance(answer, WithheldSku):
            raise answer.error()
        return self._respond(
            request,
            encode(stock_item(answer, judged=context.quantity is not None)),
            [answer],
            exact=exact,
        )

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
        answers = await self._lookups.answer(skus, context)
        judged = context.quantity is not None
        items = [
            stock_item(answer, judged=judged)
            if isinstance(answer, StockAnswer)
            else UnknownItem(answer.sku, _ERRORS[answer.problem])
            for answer in answers
        ]
        body = encode(StockItems(items))
        known = [answer for answer in answers if isinstance(answer, StockAnswer)]
        response = self._respond(request, body, known, exact=context.exact)
        if any(isinstance(answer, WithheldSku) for answer in answers):
            # As for a problem: it may be over in a moment.
            response.headers[hdrs.CACHE_CONTROL] = caching.UNKEPT
        return response

    def _respond(
        self, request: web.Request, body: bytes, answers: Sequence[StockAnswer], *, exact: bool
    ) -> web.Response:
        tag = caching.entity_tag(body)
        headers = {
            hdrs.ETAG: tag,
            hdrs.CACHE_CONTROL: caching.PRIVATE if exact else caching.PUBLIC,
            hdrs.VARY: caching.VARY,
            **self._age(answers),
        }
        if request.method in {"GET", "HEAD"} and caching.is_known(request, tag):
            return web.Response(status=304, headers=headers)
        headers[hdrs.CONTENT_TYPE] = JSON
        return web.Response(body=body, headers=headers)

    def _age(self, answers: Sequence[StockAnswer]) -> Mapping[str, str]:
        if not answers:
            return {caching.CACHE_STATUS: caching.MISS}
        verified = caching.Verified(
            min(answer.as_of_ms for answer in answers),
            self._clock_ms(),
            min(answer.as_of_ms + answer.fresh_for_ms for answer in answers),
        )
        erp_down = self._directory.current.any_failing(STOCK_KINDS)
        store_down = any(answer.last_known for answer in answers)
        return {
            hdrs.AGE: str(verified.age),
            caching.CACHE_STATUS: verified.status(erp_down=erp_down, store_down=store_down),
        }


def _unknown(sku: str, *, exact: bool) -> web.Response:
    response = problems.answer(UnknownSkuError(sku))
    response.headers[hdrs.CACHE_CONTROL] = caching.PRIVATE if exact else caching.PUBLIC_MISS
    response.headers[hdrs.VARY] = caching.VARY
    response.headers[caching.CACHE_STATUS] = caching.MISS
    return response


def stock_item(answer: StockAnswer, *, judged: bool) -> StockItem:
    """An answer as it goes out; `judged` where a quantity was asked for."""
    view, delivery = answer.view, answer.delivery
    return StockItem(
        answer.sku,
        view.status,
        view.level,
        view.color,
        span_shape(view.span),
        answer.label,
        SCHEMA_ORG[view.status],
        None if delivery is None else DeliveryShape(delivery.earliest, delivery.latest),
        datetime.fromtimestamp(answer.as_of_ms // 1000, UTC),
        answer.freshness,
        answer.sufficient if judged else UNSET,
        UNSET if answer.salable is None else to_number(answer.salable),
        UNSET if answer.pickup is None else [_pickup(store) for store in answer.pickup],
    )


def _pickup(store: PickupAnswer) -> PickupShape:
    place, view = store.location, store.view
    return PickupShape(
        place.location, place.name, view.status, view.level, span_shape(view.span), store.label
    )
