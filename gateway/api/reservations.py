"""Reservations over HTTP: made, looked at, and led on to their ends (CONTRACT 6)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import msgspec
from aiohttp import hdrs, web

from gateway.api import problems
from gateway.api.auth import STOCK_EXACT, Authentication
from gateway.api.bodies import read_json
from gateway.api.checkout import SCOPE
from gateway.api.reservation_operations import (
    ACKNOWLEDGE,
    CANCEL,
    CONFIRM,
    EXTEND,
    READ,
    RELEASE,
    RESERVE,
)
from gateway.api.reservation_parameters import (
    acknowledgement,
    extension_ms,
    idempotency_key,
    order_ref,
    path_reservation,
    reservation_request,
    texts_of,
    with_good_prices,
)
from gateway.api.reservation_shapes import (
    AcknowledgedShape,
    AcknowledgeQuery,
    ConfirmQuery,
    ExtendQuery,
    ReservationQuery,
)
from gateway.api.reservation_wording import ReservationWording, moment, reservation_shape
from gateway.api.routes import JSON, Route
from gateway.api.shapes import encode
from gateway.domain.errors import LedgerUnavailableError
from gateway.domain.reservations import Reservation
from gateway.services.acknowledgements import Acknowledgements
from gateway.services.orders import Orders
from gateway.services.reservations import Asker, Reservations, Told
from gateway.services.taking import ReservationRequest
from gateway.tokens.price_tokens import PriceTokens

_JSON_HEADERS: Final[Mapping[str, str]] = {hdrs.CONTENT_TYPE: JSON}
_PROBLEM_HEADERS: Final[Mapping[str, str]] = {hdrs.CONTENT_TYPE: problems.MEDIA}

_reserve_decoder = msgspec.json.Decoder(ReservationQuery)
_confirm_decoder = msgspec.json.Decoder(ConfirmQuery)
_extend_decoder = msgspec.json.Decoder(ExtendQuery)
_acknowledge_decoder = msgspec.json.Decoder(AcknowledgeQuery)


class Promising(Protocol):
    """The use cases behind these routes."""

    @property
    def reservations(self) -> Reservations: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def acknowledgements(self) -> Acknowledgements: ...


class ReservationHandlers:
    """Reads what is asked, lets it happen, and writes the answer down.

    Without `promising` there is no ledger to promise anything with, and each route says so.
    """

    def __init__(
        self,
        promising: Promising | None,
        authentication: Authentication,
        price_tokens: PriceTokens | None,
        clock_ms: Callable[[], int],
    ) -> None:
        self._parts = promising
        self._authentication = authentication
        self._price_tokens = price_tokens
        self._clock_ms = clock_ms

    def routes(self) -> tuple[Route, ...]:
        """What is served here."""
        one = "/v1/reservations/{reservation}"
        return (
            Route("POST", "/v1/reservations", self.reserve, RESERVE),
            Route("GET", one, self.read, READ),
            Route("POST", f"{one}/confirm", self.confirm, CONFIRM),
            Route("POST", f"{one}/release", self.release, RELEASE),
            Route("POST", f"{one}/extend", self.extend, EXTEND),
            Route("POST", f"{one}/cancel", self.cancel, CANCEL),
            Route("POST", "/v1/orders/{order_ref}/acknowledge", self.acknowledge, ACKNOWLEDGE),
        )

    async def reserve(self, request: web.Request) -> web.Response:
        """Hold all lines or none; asked again with the same key, what was answered first."""
        caller = self._authentication.require(request, SCOPE)
        key = idempotency_key(request)
        body = await read_json(request, _reserve_decoder, texts_of)
        wanted = reservation_request(body)
        sha = hashlib.sha256(await request.read()).digest()
        asker = Asker(caller.name or "", key, sha)
        wording = ReservationWording(wanted.lines, exact=caller.may(STOCK_EXACT))

        def prepared() -> ReservationRequest:
            return with_good_prices(wanted, self._price_tokens, self._clock_ms())

        return _told(await self._promising.reservations.reserve(prepared, asker, wording))

    async def read(self, request: web.Request) -> web.Response:
        """A reservation as it is now."""
        return await self._stepped(request, lambda parts, name: parts.reservations.present(name))

    async def release(self, request: web.Request) -> web.Response:
        """Give the units back."""
        return await self._stepped(request, lambda parts, name: parts.reservations.release(name))

    async def cancel(self, request: web.Request) -> web.Response:
        """Call the order off, before the ERP has taken it."""
        return await self._stepped(request, lambda parts, name: parts.reservations.cancel(name))

    async def confirm(self, request: web.Request) -> web.Response:
        """It has become an order."""
        self._authentication.require(request, SCOPE)
        ref = order_ref(await read_json(request, _confirm_decoder, lambda _: 2))
        return await self._stepped(request, lambda parts, name: parts.orders.confirm(name, ref))

    async def extend(self, request: web.Request) -> web.Response:
        """Hold it for longer."""
        self._authentication.require(request, SCOPE)
        body = ExtendQuery()
        if request.body_exists:
            body = await read_json(request, _extend_decoder)
        ttl_ms = extension_ms(body)
        return await self._stepped(
            request, lambda parts, name: parts.reservations.extend(name, ttl_ms)
        )

    async def acknowledge(self, request: web.Request) -> web.Response:
        """What the ERP says of an order, as a record of `order_acks` would."""
        self._authentication.require(request, SCOPE)
        body = AcknowledgeQuery()
        if request.body_exists:
            body = await read_json(request, _acknowledge_decoder)
        ack = acknowledgement(request, body, self._clock_ms())
        found = await self._promising.acknowledgements.acknowledge(ack)
        shape = AcknowledgedShape(
            ack.order_ref,
            moment(ack.acknowledged_ms),
            ack.status.value,
            [reservation_shape(held) for held in found],
        )
        return web.Response(body=encode(shape), headers=_JSON_HEADERS)

    async def _stepped(
        self, request: web.Request, step: Callable[[Promising, str], Awaitable[Reservation]]
    ) -> web.Response:
        self._authentication.require(request, SCOPE)
        held = await step(self._promising, path_reservation(request))
        return web.Response(body=encode(reservation_shape(held)), headers=_JSON_HEADERS)

    @property
    def _promising(self) -> Promising:
        if self._parts is None:
            raise LedgerUnavailableError
        return self._parts


def _told(told: Told) -> web.Response:
    headers = _JSON_HEADERS if told.status < web.HTTPBadRequest.status_code else _PROBLEM_HEADERS
    return web.Response(body=told.body, status=told.status, headers=headers)
