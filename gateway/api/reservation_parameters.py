"""What a reservation asks for: read from headers, path and body, every mistake named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from aiohttp import web
from msgspec.structs import replace

from gateway.api.cart_lines import MOST_LINES, cart_lines, texts_of_lines
from gateway.api.fields import Reading, refuse
from gateway.api.parameters import path_identifier
from gateway.api.price_parameters import check_count
from gateway.api.reservation_shapes import (
    LONGEST_TTL,
    SHORTEST_TTL,
    USUAL_TTL,
    AcknowledgeQuery,
    ConfirmQuery,
    ExtendQuery,
    ReservationQuery,
)
from gateway.domain.errors import UnknownReservationError
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.quantities import LARGEST, to_milli
from gateway.services.cart_lines import CartLine
from gateway.services.taking import ReservationRequest
from gateway.tokens.price_tokens import PriceClaims, PriceTokens

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
LONGEST_KEY: Final = 255

_KEY: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_ID: Final = re.compile(r"r_[A-Za-z0-9_-]{1,62}")


def texts_of(body: ReservationQuery) -> int:
    """How many texts of the body this is made of, names of fields included (see `bodies`)."""
    texts = texts_of_lines(body.lines)
    for value in (body.customer, body.channel, body.price_token):
        texts += 0 if value is None else 2
    return texts + (body.ttl_seconds is not None)


def idempotency_key(request: web.Request) -> str:
    """The key under which the answer is kept.

    Raises:
        InvalidRequestError: there is none, or more than one, or it is none.
    """
    given = request.headers.getall(IDEMPOTENCY_KEY, ())
    if not given:
        refuse(IDEMPOTENCY_KEY, "is missing: a text of your choice that names this request")
    if len(given) > 1:
        refuse(IDEMPOTENCY_KEY, "must be given once")
    if len(given[0]) > LONGEST_KEY or not _KEY.fullmatch(given[0]):
        refuse(IDEMPOTENCY_KEY, f"must be 1 to {LONGEST_KEY} printable ASCII characters", given[0])
    return given[0]


def path_reservation(request: web.Request) -> str:
    """The reservation named in the path.

    Raises:
        UnknownReservationError: it can be none of ours.
    """
    name = request.match_info["reservation"]
    if not _ID.fullmatch(name):
        raise UnknownReservationError(name[:64])
    return name


def reservation_request(body: ReservationQuery) -> ReservationRequest:
    """What is to be held; whether its price token is good is not judged yet.

    Raises:
        InvalidRequestError: something is wrong; every field is named.
    """
    check_count(len(body.lines), MOST_LINES)
    reading = Reading()
    lines = cart_lines(reading, body.lines)
    _check_sums(reading, lines)
    customer = reading.identifier("customer", body.customer)
    channel = reading.identifier("channel", body.channel)
    ttl_ms = _ttl_ms(reading, body.ttl_seconds)
    reading.finish()
    return ReservationRequest(lines, ttl_ms, customer, channel, body.price_token)


def with_good_prices(
    request: ReservationRequest, verifier: PriceTokens | None, now_ms: int
) -> ReservationRequest:
    """The request, if its price token is good for it, in the token's channel.

    Raises:
        InvalidRequestError: the token is not good, or for something else.
    """
    if request.price_token is None:
        return request
    priced = _priced(request.price_token, verifier, now_ms)
    _check_priced(priced, request.lines, request.customer, request.channel)
    return replace(request, channel=request.channel or priced.channel)


def order_ref(body: ConfirmQuery) -> str:
    """The order to confirm.

    Raises:
        InvalidRequestError: it is no identifier.
    """
    reading = Reading()
    reading.identifier("order_ref", body.order_ref)
    reading.finish()
    return body.order_ref


def extension_ms(body: ExtendQuery) -> int:
    """For how long from now, in milliseconds.

    Raises:
        InvalidRequestError: it is out of bounds.
    """
    reading = Reading()
    ttl_ms = _ttl_ms(reading, body.ttl_seconds)
    reading.finish()
    return ttl_ms


def acknowledgement(request: web.Request, body: AcknowledgeQuery, now_ms: int) -> OrderAck:
    """What is said of the order named in the path.

    Raises:
        InvalidRequestError: something is wrong; every field is named.
    """
    reading = Reading()
    name = path_identifier(request, -2, "order_ref")
    at_ms = reading.moment("acknowledged_at", body.acknowledged_at)
    if at_ms is not None and at_ms < 0:
        reading.wrong("acknowledged_at", "must not lie before 1970", body.acknowledged_at)
    if body.status is not None and body.status not in list(AckStatus):
        reading.wrong("status", "must be one of " + ", ".join(AckStatus), body.status)
    reading.finish()
    status = AckStatus.ACCEPTED if body.status is None else AckStatus(body.status)
    return OrderAck(name, now_ms if at_ms is None else at_ms, status)


def _check_sums(reading: Reading, lines: Sequence[CartLine]) -> None:
    sums = Counter[str]()
    for line in lines:
        sums[line.sku] += line.quantity
    for place, line in enumerate(lines):
        if sums[line.sku] > LARGEST and line.quantity <= LARGEST:
            reading.wrong(
                f"lines[{place}].quantity", "must not come to more than 1000000000 with the others"
            )


def _ttl_ms(reading: Reading, seconds: float | None) -> int:
    if seconds is None:
        return USUAL_TTL * 1000
    if not SHORTEST_TTL <= seconds <= LONGEST_TTL or seconds != int(seconds):
        allowed = f"must be a whole number from {SHORTEST_TTL} to {LONGEST_TTL}"
        reading.wrong("ttl_seconds", allowed, str(seconds))
        return 0
    return int(seconds) * 1000


def _priced(token: str, verifier: PriceTokens | None, now_ms: int) -> PriceClaims:
    priced = None if verifier is None else verifier.verified(token, now_ms)
    if priced is None:
        refuse("price_token", "must be one that a checkout here gave, and not expired")
    return priced


def _check_priced(
    priced: PriceClaims,
    lines: Sequence[CartLine],
    customer: str | None,
    channel: str | None,
) -> None:
    """Return if the prices are for this buyer and for as many units.

    Raises:
        InvalidRequestError: they are for something else.
    """
    if priced.customer != customer:
        refuse("price_token", "is for another customer")
    if channel is not None and priced.channel != channel:
        refuse("price_token", "is for another channel")
    asked, told = Counter[str](), Counter[str]()
    for line in lines:
        asked[line.sku] += line.quantity
    for item in priced.lines:
        told[item.sku] += to_milli(item.quantity)
    other = next((sku for sku, quantity in asked.items() if told[sku] != quantity), None)
    if other is not None:
        refuse("price_token", "is for another quantity, or another SKU", other)
