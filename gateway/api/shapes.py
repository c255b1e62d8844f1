"""Everything that goes out as JSON, as types: encoded from here, described from here.

A field that is `UNSET` is left out; one that is None is shown as null.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.quantities import to_number
from gateway.domain.spans import Color, Level, Span, StockStatus

Number = Annotated[float, Meta(description="A quantity with at most three decimals.")]
Sku = Annotated[str, Meta(description="The SKU asked for.", examples=["A-100"])]


class SpanShape(msgspec.Struct, frozen=True, rename={"low": "min", "high": "max"}):
    """The span in which the figure lies; `max` null is open."""

    low: Number
    high: Number | None


class DeliveryShape(msgspec.Struct, frozen=True):
    """The first and the last day on which it should arrive."""

    earliest: date
    latest: date


class PickupShape(msgspec.Struct, frozen=True):
    """What one store has to fetch."""

    location: str
    name: str
    status: StockStatus
    level: Level
    span: SpanShape | None
    label: str


class StockItem(msgspec.Struct, frozen=True):
    """What may be told of one SKU."""

    sku: Sku
    status: Annotated[StockStatus, Meta(description="The stable code of the answer.")]
    level: Annotated[Level, Meta(description="How much, in one word.")]
    color: Annotated[Color, Meta(description="The colour of the symbol.")]
    span: SpanShape | None
    label: Annotated[str, Meta(description="Words for a shopper, in the language asked for.")]
    schema_org: Annotated[
        str | None,
        Meta(description="The same for search engines.", examples=["https://schema.org/InStock"]),
    ]
    delivery: DeliveryShape | None
    as_of: Annotated[
        datetime,
        Meta(tz=True, description="Until when the figure is known to be right, in whole seconds."),
    ]
    freshness: Annotated[str, Meta(extra_json_schema={"enum": ["fresh", "stale", "expired"]})]
    sufficient: Annotated[
        bool | UnsetType | None,
        Meta(
            description="Only with `quantity`: whether so much is there; null when the span "
            "does not tell."
        ),
    ] = UNSET
    salable: Annotated[
        float | UnsetType, Meta(description="The exact figure, for scope `stock:exact` alone.")
    ] = UNSET
    pickup: Annotated[
        list[PickupShape] | UnsetType, Meta(description="Only with `pickup=true`.")
    ] = UNSET


class ItemError(msgspec.Struct, frozen=True):
    """Why there is no answer for this one."""

    type: str
    title: str


class UnknownItem(msgspec.Struct, frozen=True):
    """Stands in the place of a SKU that is not known, or of which nothing may be told now."""

    sku: Sku
    error: ItemError


class StockItems(msgspec.Struct, frozen=True):
    """One item for each SKU asked for, in that order."""

    items: list[
        Annotated[
            Any,
            Meta(
                # msgspec describes no unions of plain structs; they differ by their fields.
                extra_json_schema={
                    "anyOf": [
                        {"$ref": "#/components/schemas/StockItem"},
                        {"$ref": "#/components/schemas/UnknownItem"},
                    ]
                }
            ),
        ]
    ]


class ProblemField(msgspec.Struct, frozen=True):
    """One thing wrong in a request: the field, and what is allowed there."""

    field: str
    reason: str
    value: str | UnsetType = UNSET


class Problem(msgspec.Struct, frozen=True):
    """An error (RFC 9457); `type` is the address of its description."""

    type: str
    title: str
    status: int
    detail: str | UnsetType = UNSET
    errors: list[ProblemField] | UnsetType = UNSET


class Check(msgspec.Struct, frozen=True):
    """One thing that readiness depends on, or that is worth knowing beside it."""

    name: str
    ok: bool
    kind: str | UnsetType = UNSET
    verified_through: datetime | UnsetType | None = UNSET
    age_seconds: int | UnsetType | None = UNSET
    failing: bool | UnsetType = UNSET


class Readiness(msgspec.Struct, frozen=True):
    """Whether stock can be answered, and prices where any are loaded."""

    ready: bool
    checks: list[Check] | UnsetType = UNSET


class UnreadyProblem(Problem, frozen=True):
    """The problem of not being ready, with what was checked when that was asked for."""

    checks: list[Check] | UnsetType = UNSET


class Alive(msgspec.Struct, frozen=True):
    """The loop turns."""

    alive: bool = True


def span_shape(span: Span | None) -> SpanShape | None:
    """A span as it goes out."""
    if span is None:
        return None
    return SpanShape(to_number(span.low), None if span.high is None else to_number(span.high))


encode = msgspec.json.Encoder().encode
