"""What is held for a customer, and what became of it (CONTRACT 6)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from stockspan_client.stock import Moment


class Allocation(msgspec.Struct, frozen=True):
    """So many of a line's units at that location."""

    location: str
    quantity: Decimal


class ReservedLine(msgspec.Struct, frozen=True):
    """One SKU: all that was asked of it, and where it is taken from.

    `backordered` units are not there yet.
    """

    sku: str
    quantity: Decimal
    allocations: tuple[Allocation, ...]
    backordered: Decimal = Decimal(0)


class Reservation(msgspec.Struct, frozen=True):
    """A reservation as it is now.

    `state`: `held`, `confirmed`, `acknowledged`, `released`, `expired`, `cancelled`.
    """

    reservation: str
    state: str
    expires_at: Moment
    lines: tuple[ReservedLine, ...]
    channel: str
    customer: str | None = None
    order_ref: str | None = None
    acknowledged_at: Moment | None = None
    price_token: str | None = None


class Acknowledged(msgspec.Struct, frozen=True):
    """What was said of an order; of one that is not confirmed yet it is remembered."""

    order_ref: str
    acknowledged_at: Moment
    status: str
    reservations: tuple[Reservation, ...]
