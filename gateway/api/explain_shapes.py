"""Explanations as they go out as JSON, as types: encoded from here, described from here."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.api.moments import Moment
from gateway.api.price_shapes import Currency
from gateway.api.shapes import Number, Sku, SpanShape
from gateway.domain.customers import CustomerStatus
from gateway.domain.delivery import Origin
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import Layer
from gateway.domain.spans import StockStatus
from gateway.domain.stock import Basis, LocationKind, ProductStatus
from gateway.services.price_explanations import Outcome
from gateway.services.stock_explanations import Counting, Rule


class CircumstancesShape(msgspec.Struct, frozen=True):
    """What the answer is for, defaults filled in."""

    channel: str
    locale: str
    location: str | None
    quantity: Number | None


class ProductShape(msgspec.Struct, frozen=True):
    """What of the product matters to the answer."""

    name: str
    status: ProductStatus
    available_from: str | None
    stock_class: str | None
    unit: str
    lead_time_days: int | None
    backorder: bool


class SupplyShape(msgspec.Struct, frozen=True):
    """So much is to come on that day."""

    quantity: Number
    date: date


class LevelShape(msgspec.Struct, frozen=True):
    """What the ERP says of a SKU at a location, and what is left of that to be sold."""

    quantity: Number
    basis: Basis
    allocated: Number
    safety_stock: Number
    taken: Annotated[
        float, Meta(description="Open holds, and orders that the figure does not leave out yet.")
    ]
    salable: Number
    shown: Annotated[float, Meta(description="`salable`, less what was probably sold since.")]
    incoming: list[SupplyShape]
    version: int
    updated_at: Moment
    as_of: Moment
    feed: Annotated[
        str | None, Meta(description="The feed that vouches for it; null: none does any more.")
    ]


class PlaceShape(msgspec.Struct, frozen=True):
    """A location, whether it counts, and what it has."""

    location: str
    name: str
    kind: LocationKind
    channels: list[str]
    ships: bool
    pickup: bool
    priority: int
    handling_days: int
    counting: Counting
    level: LevelShape | None


class TakenShape(msgspec.Struct, frozen=True):
    """Units of a reservation at a location; not `counted`: the figure leaves them out already."""

    location: str
    quantity: Number
    counted: bool


class HoldShape(msgspec.Struct, frozen=True):
    """A reservation that takes units; of what the ledger knows, null where it does not answer."""

    reservation: str
    state: Annotated[
        str,
        Meta(extra_json_schema={"enum": ["pending", "held", "confirmed", "acknowledged"]}),
    ]
    units: list[TakenShape]
    expires_at: Moment | None = None
    confirmed_at: Moment | None = None
    acknowledged_at: Moment | None = None
    changed_at: Moment | None = None
    order_ref: str | None = None
    customer: str | None = None
    channel: str | None = None
    caller: str | None = None


class HoldsShape(msgspec.Struct, frozen=True):
    """What takes units of the SKU; not `whole`: there is more than these."""

    reservations: list[HoldShape]
    whole: bool
    ledger_up: bool


class SpanPolicyShape(msgspec.Struct, frozen=True):
    """How the figure became what is shown."""

    bounds: list[Number]
    few_below: Number
    salable: Annotated[float, Meta(description="The sum over the locations that count.")]
    shown: Annotated[float, Meta(description="That, less what was probably sold since.")]
    span: SpanShape | None
    status: StockStatus | None
    rule: Annotated[Rule, Meta(description="Why the status is what it is.")]


class WayShape(msgspec.Struct, frozen=True):
    """How the days of delivery came about; `leaves` null: without data there is no promise."""

    local_time: Annotated[str, Meta(description="The moment on the channel's clock.")]
    cut_off: time | None
    working_days: Annotated[list[int], Meta(description="Weekdays; Monday is 0.")]
    days_off: Annotated[list[date], Meta(description="Days skipped until the goods leave.")]
    order_day: date | None
    leaves: date | None
    origin: Origin | None
    locations: list[str]
    handling_days: int
    supplied: date | None
    transit_days: tuple[int, int]


class FeedShape(msgspec.Struct, frozen=True):
    """A feed on which the answer's age rests."""

    feed: str
    kind: str
    verified_through: Moment | None
    age_seconds: int | None
    failing_since: Moment | None
    error: str | None
    held_back: str | None
    breaker: str | None


class AgeShape(msgspec.Struct, frozen=True):
    """How old the answer is, and how old it may grow."""

    freshness: Annotated[str, Meta(extra_json_schema={"enum": ["fresh", "stale", "expired"]})]
    as_of: Moment
    age_seconds: int
    fresh_for_seconds: float
    stale_for_seconds: float
    when_expired: str
    buffer: float
    last_known: Annotated[
        bool, Meta(description="The store is away; this is what the worker knew last.")
    ]
    feeds: list[FeedShape]


class StockExplanationShape(msgspec.Struct, frozen=True):
    """Why a SKU is answered as it is."""

    sku: Sku
    circumstances: CircumstancesShape
    item: Annotated[
        Any,
        Meta(
            description="What a stranger is answered.",
            extra_json_schema={
                "anyOf": [
                    {"$ref": "#/components/schemas/StockItem"},
                    {"$ref": "#/components/schemas/UnknownItem"},
                ]
            },
        ),
    ]
    product: ProductShape
    locations: list[PlaceShape]
    holds: Annotated[
        HoldsShape | None,
        Meta(description="null where nothing is promised, or the store does not answer."),
    ]
    policy: SpanPolicyShape
    delivery: WayShape
    age: AgeShape


class CustomerShape(msgspec.Struct, frozen=True):
    """What of the customer matters to prices."""

    customer: str
    name: str
    status: CustomerStatus
    groups: list[str]
    price_lists: list[str]
    discount_class: str | None
    currency: str | None
    channel: str | None
    assortments: list[str]


class PriceListShape(msgspec.Struct, frozen=True):
    """The head of a list that applies; `valid` at the moment asked for."""

    price_list: str
    layer: Layer
    priority: int
    tax_included: bool
    valid_from: Moment | None
    valid_until: Moment | None
    valid: bool
    customers: Annotated[int, Meta(description="How many customers it names; 0: any.")]
    groups: list[str]
    channels: list[str]


class PriceExplanationShape(msgspec.Struct, frozen=True):
    """Why a SKU costs a buyer what it does, or has no price."""

    sku: Sku
    quantity: Number
    outcome: Outcome
    channel: str
    currency: Currency
    at: Moment
    strategy: Strategy
    customer: CustomerShape | None
    lists: list[PriceListShape]
    item: Annotated[
        Any,
        Meta(
            description="What the buyer is answered, with every candidate.",
            extra_json_schema={
                "anyOf": [
                    {"$ref": "#/components/schemas/PriceItem"},
                    {"$ref": "#/components/schemas/UnpricedItem"},
                ]
            },
        ),
    ]
