"""What is to be known of the reservation routes; their handlers are in `reservations`."""

from __future__ import annotations

from typing import Final

from gateway.api.cart_lines import MOST_LINES
from gateway.api.price_operations import PRIVATE
from gateway.api.reservation_parameters import IDEMPOTENCY_KEY, LONGEST_KEY
from gateway.api.reservation_shapes import (
    AcknowledgedShape,
    AcknowledgeQuery,
    ConfirmQuery,
    ExtendQuery,
    ReservationQuery,
    ReservationShape,
)
from gateway.api.routes import Answer, Operation, Parameter
from gateway.api.stock_operations import IDENTIFIER

_TAG: Final = "reservations"
_REFUSED: Final = (
    *("invalid-request", "unauthorized", "forbidden"),
    *("overloaded", "store-unavailable", "not-ready"),
)
_STEP: Final = (*_REFUSED, "unknown-reservation", "invalid-transition")
_BODY: Final = ("body-too-large",)
_ID: Final = Parameter(
    "reservation", "path", "The id that POST /v1/reservations gave.", {"type": "string"}, True
)
_NOW: Final = {200: Answer("The reservation as it is now.", ReservationShape, headers=PRIVATE)}

RESERVE: Final = Operation(
    "reserve",
    "Hold units for a customer",
    _TAG,
    {201: Answer("All lines are held.", ReservationShape, headers=PRIVATE)},
    description=f"All of at most {MOST_LINES} lines or none; those of one SKU are summed. Units "
    "are taken from as few locations that ship as will do, those with the highest priority first, "
    "unless a line names one. Asked again with the same key and body within a day, the first "
    "answer comes again, refusals included, byte for byte. Needs scope `checkout`.",
    parameters=(
        Parameter(
            IDEMPOTENCY_KEY,
            "header",
            "A text of your choice that names this request; another caller's same key is another.",
            {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_KEY,
                "pattern": r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
            },
            required=True,
        ),
    ),
    body=ReservationQuery,
    problems=(
        *_REFUSED,
        *("unknown-sku", "unknown-channel", "unknown-location", "insufficient-stock"),
        *("idempotency-in-progress", "idempotency-mismatch", "rate-limited", *_BODY),
    ),
    callers=("key",),
)

READ: Final = Operation(
    "reservation",
    "A reservation as it is now",
    _TAG,
    _NOW,
    description="Whether its time is over is judged by the store's clock, never early.",
    parameters=(_ID,),
    problems=(*_REFUSED, "unknown-reservation"),
    callers=("key",),
)

CONFIRM: Final = Operation(
    "confirm",
    "The reservation has become an order",
    _TAG,
    _NOW,
    description="Its units stay taken until the ERP has acknowledged the order and its own figure "
    "is at least as new as that.",
    parameters=(_ID,),
    body=ConfirmQuery,
    problems=(*_STEP, "reservation-expired", *_BODY),
    callers=("key",),
)

RELEASE: Final = Operation(
    "release",
    "Give the units back",
    _TAG,
    _NOW,
    parameters=(_ID,),
    problems=_STEP,
    callers=("key",),
)

EXTEND: Final = Operation(
    "extend",
    "Hold the units for longer",
    _TAG,
    _NOW,
    description="Counted from now; a hold is never made shorter.",
    parameters=(_ID,),
    body=ExtendQuery,
    problems=(*_STEP, "reservation-expired", *_BODY),
    callers=("key",),
)

CANCEL: Final = Operation(
    "cancel",
    "Call the order off",
    _TAG,
    _NOW,
    description="Until the ERP has acknowledged it; after that the order is the ERP's to cancel.",
    parameters=(_ID,),
    problems=_STEP,
    callers=("key",),
)

ACKNOWLEDGE: Final = Operation(
    "acknowledge",
    "What the ERP says of an order",
    _TAG,
    {
        200: Answer(
            "What was said, and the order's reservations then.", AcknowledgedShape, headers=PRIVATE
        )
    },
    description="Does what a record of `order_acks` does. It may come before the order is "
    "confirmed: it is remembered, and applied then.",
    parameters=(Parameter("order_ref", "path", "The order's number.", IDENTIFIER, True),),
    body=AcknowledgeQuery,
    problems=(*_REFUSED, *_BODY),
    callers=("key",),
)
