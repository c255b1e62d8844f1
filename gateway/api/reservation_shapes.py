"""What reservations take and answer, as types: encoded from here, described from here."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.api.cart_lines import CartQueryLine
from gateway.api.shapes import Number, Problem, Sku, SpanShape
from gateway.domain.orders import AckStatus
from gateway.domain.reservations import State

SHORTEST_TTL: Final = 1
LONGEST_TTL: Final = 3_600
USUAL_TTL: Final = 900

Ttl = Annotated[
    int | float,
    Meta(
        description="For how many whole seconds from now the units are held.",
        extra_json_schema={
            "type": "integer",
            "minimum": SHORTEST_TTL,
            "maximum": LONGEST_TTL,
            "default": USUAL_TTL,
        },
    ),
]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC, to the millisecond."""
OrderRef = Annotated[
    str, Meta(description="The order's number; the ERP acknowledges it by this.", examples=["1042"])
]


class ReservationQuery(msgspec.Struct, frozen=True):
    """What is to be held: all lines or none."""

    lines: list[CartQueryLine]
    customer: str | None = None
    channel: Annotated[
        str | None,
        Meta(
            description="Left out: that of the price token, else the customer's, else the first "
            "configured."
        ),
    ] = None
    ttl_seconds: Ttl | None = None
    price_token: Annotated[
        str | None,
        Meta(
            description="The prices that a checkout gave for these lines; verified, and kept with "
            "the reservation."
        ),
    ] = None


class ConfirmQuery(msgspec.Struct, frozen=True):
    """The order that the reservation has become."""

    order_ref: OrderRef


class ExtendQuery(msgspec.Struct, frozen=True):
    """For how long from now; a hold is never made shorter."""

    ttl_seconds: Ttl | None = None


class AcknowledgeQuery(msgspec.Struct, frozen=True):
    """What the ERP says of the order."""

    acknowledged_at: Annotated[
        str | None,
        Meta(
            description="From when on the ERP's stock figures leave the order out (RFC 3339); left "
            "out: now.",
            extra_json_schema={"format": "date-time"},
        ),
    ] = None
    status: Annotated[
        str | None,
        Meta(extra_json_schema={"enum": [*AckStatus, None], "default": "accepted"}),
    ] = None


class AllocationShape(msgspec.Struct, frozen=True):
    """So many of a line's units at that location."""

    location: str
    quantity: Number


class ReservedLineShape(msgspec.Struct, frozen=True):
    """One SKU: all that the lines ask of it, and where it is taken from."""

    sku: Sku
    quantity: Number
    allocations: list[AllocationShape]
    backordered: Annotated[
        float | UnsetType,
        Meta(description="Units that are not there yet; only of what may be ordered ahead."),
    ] = UNSET


class ReservationShape(msgspec.Struct, frozen=True):
    """A reservation as it is now."""

    reservation: Annotated[str, Meta(description="Its id.")]
    state: State
    expires_at: Annotated[
        Moment, Meta(description="Until when it is held, by the store's clock; of a hold alone.")
    ]
    lines: list[ReservedLineShape]
    channel: str
    customer: str | UnsetType = UNSET
    order_ref: str | UnsetType = UNSET
    acknowledged_at: Moment | UnsetType = UNSET
    price_token: str | UnsetType = UNSET


class AcknowledgedShape(msgspec.Struct, frozen=True):
    """What was said of the order, and its reservations as they are then."""

    order_ref: str
    acknowledged_at: Moment
    status: Literal["accepted", "cancelled"]
    reservations: Annotated[
        list[ReservationShape],
        Meta(description="None where the order is not confirmed yet: it is remembered."),
    ]


class ShortfallShape(msgspec.Struct, frozen=True):
    """A SKU of which there is too little."""

    sku: Sku
    requested: Annotated[float, Meta(description="All that the lines ask of it.")]
    span: SpanShape | None
    salable: Annotated[
        float | UnsetType, Meta(description="The exact figure, for scope `stock:exact` alone.")
    ] = UNSET


class InsufficientProblem(Problem, frozen=True, kw_only=True):
    """Too little of some SKUs; nothing is held."""

    lines: list[ShortfallShape]
