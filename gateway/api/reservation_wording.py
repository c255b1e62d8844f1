"""Reservations in the caller's words: shapes, and the answers that the ledger keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import UNSET

from gateway.api import problems
from gateway.api.reservation_shapes import (
    AllocationShape,
    InsufficientProblem,
    ReservationShape,
    ReservedLineShape,
    ShortfallShape,
)
from gateway.api.shapes import ProblemField, encode, span_shape
from gateway.domain.errors import (
    InsufficientStockError,
    Shortfall,
    StockspanError,
    UnknownChannelError,
    UnknownCustomerError,
    UnknownError,
    UnknownLocationError,
    UnknownSkuError,
)
from gateway.domain.quantities import to_number
from gateway.domain.reservations import Reservation, ReservedLine
from gateway.services.cart_lines import CartLine
from gateway.services.reservations import Told

CREATED: Final = 201

_IN_LINES: Final[Mapping[type[UnknownError], str]] = {
    UnknownSkuError: "sku",
    UnknownLocationError: "location",
}
_BESIDE: Final[Mapping[type[UnknownError], str]] = {
    UnknownCustomerError: "customer",
    UnknownChannelError: "channel",
}


class _Named(msgspec.Struct, frozen=True):
    reservation: str


class ReservationWording:
    """Writes the answers to one request down; `exact`: the caller may know figures."""

    def __init__(self, asked: Sequence[CartLine], *, exact: bool) -> None:
        self._asked = asked
        self._exact = exact

    def promised(self, reservation: Reservation) -> Told:
        return Told(CREATED, encode(reservation_shape(reservation)))

    def refused(self, error: StockspanError) -> Told:
        kind, body = problems.worded(error)
        if isinstance(error, UnknownError):
            body = msgspec.structs.replace(body, errors=self._places_of(error) or UNSET)
        if isinstance(error, InsufficientStockError):
            lines = [self._shortfall(short) for short in error.shortfalls]
            body = InsufficientProblem(kind.type, kind.title, kind.status, lines=lines)
        return Told(kind.status, encode(body))

    def reservation_in(self, told: Told) -> str | None:
        if told.status != CREATED:
            return None
        return msgspec.json.decode(told.body, type=_Named).reservation

    def _places_of(self, error: UnknownError) -> list[ProblemField]:
        """The fields of the request that name what is unknown."""
        field = _IN_LINES.get(type(error))
        fields = [_BESIDE[type(error)]] if type(error) in _BESIDE else []
        fields += [
            f"lines[{place}].{field}"
            for place, line in enumerate(self._asked)
            if field is not None and getattr(line, field) == error.name
        ]
        return [ProblemField(field, "is not known", error.name) for field in fields]

    def _shortfall(self, short: Shortfall) -> ShortfallShape:
        return ShortfallShape(
            short.sku,
            to_number(short.requested),
            span_shape(short.span),
            to_number(short.salable) if self._exact else UNSET,
        )


def reservation_shape(held: Reservation) -> ReservationShape:
    """A reservation as it goes out."""
    acknowledged_ms = held.acknowledged_ms
    return ReservationShape(
        held.reservation,
        held.state,
        moment(held.expires_ms),
        [_line(line) for line in held.lines],
        held.channel,
        UNSET if held.customer is None else held.customer,
        UNSET if held.order_ref is None else held.order_ref,
        UNSET if acknowledged_ms is None else moment(acknowledged_ms),
        UNSET if held.price_token is None else held.price_token,
    )


def moment(milliseconds: int) -> str:
    """A moment as it goes out, to the millisecond."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _line(line: ReservedLine) -> ReservedLineShape:
    return ReservedLineShape(
        line.sku,
        to_number(line.quantity),
        [AllocationShape(one.location, to_number(one.quantity)) for one in line.allocations],
        to_number(line.backordered) if line.backordered else UNSET,
    )
