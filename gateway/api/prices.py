"""Prices over HTTP: one SKU, many, or very many, for one buyer (CONTRACT 4)."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import hdrs, web

from gateway.api import price_fragments, problems
from gateway.api.auth import Authentication, Caller
from gateway.api.bodies import read_json
from gateway.api.fields import merged, parse_query
from gateway.api.price_access import admit, price_request
from gateway.api.price_fragments import explanation_shapes, items_text
from gateway.api.price_operations import MANY, QUERY
from gateway.api.price_parameters import (
    PriceQuery,
    address_lines,
    address_parameters,
    body_lines,
    body_parameters,
    texts_of,
)
from gateway.api.price_shapes import NoPriceProblem
from gateway.api.problem_kinds import KINDS
from gateway.api.routes import JSON, Route
from gateway.domain.errors import NoPriceError, UnknownSkuError
from gateway.services.price_lines import PriceAnswer, UnpricedLine
from gateway.services.prices import PriceLookups

_HEADERS: Final = {hdrs.CONTENT_TYPE: JSON}

_query_decoder = msgspec.json.Decoder(PriceQuery)


class PriceHandlers:
    """Reads what is asked, has it answered, and writes the answer down."""

    def __init__(
        self,
        lookups: PriceLookups,
        authentication: Authentication,
        *,
        public_prices: bool,
    ) -> None:
        self._lookups = lookups
        self._authentication = authentication
        self._public_prices = public_prices

    def routes(self) -> tuple[Route, ...]:
        """What is served here."""
        return (
            Route("GET", "/v1/prices", self.many, MANY),
            Route("POST", "/v1/prices/query", self.query, QUERY),
        )

    async def many(self, request: web.Request) -> web.Response:
        """Several SKUs, named in the address; a single one is answered plainly."""
        caller = self._caller(request)
        query = parse_query(request)
        parameters = address_parameters(query)
        lines = address_lines(query)
        asked = price_request(caller, parameters, lines, public_prices=self._public_prices)
        answer = await self._lookups.answer(asked)
        items = price_fragments.lines(answer)
        if len(items) > 1:
            return web.Response(body=items_text(items), headers=_HEADERS)
        (line,) = answer.lines
        if isinstance(line, UnpricedLine):
            return _unpriced(line, answer)
        return web.Response(body=items[0].encode(), headers=_HEADERS)

    async def query(self, request: web.Request) -> web.Response:
        """Very many lines, in the body."""
        caller = self._caller(request)
        body = await read_json(request, _query_decoder, texts_of)
        lines = body_lines(body)
        parameters = merged(address_parameters(parse_query(request)), body_parameters(body))
        asked = price_request(caller, parameters, lines, public_prices=self._public_prices)
        answer = await self._lookups.answer(asked)
        return web.Response(body=items_text(price_fragments.lines(answer)), headers=_HEADERS)

    def _caller(self, request: web.Request) -> Caller:
        caller = self._authentication.caller(request)
        admit(caller, public_prices=self._public_prices)
        return caller


def _unpriced(line: UnpricedLine, answer: PriceAnswer) -> web.Response:
    """The problem that the only line has.

    Raises:
        UnknownSkuError, NoPriceError: as `boundary` answers it, where nothing is to be explained.
    """
    if line.problem == "unknown-sku":
        raise UnknownSkuError(line.sku)
    if line.explanation is None:
        raise NoPriceError(line.sku)
    kind = KINDS["no-price"]
    told = explanation_shapes(line.explanation, answer.digits)
    body = NoPriceProblem(kind.type, kind.title, kind.status, explanation=told)
    return problems.problem_response(kind, body)
