"""The canonical records as they come in: one JSON object a line (CONTRACT 1).

Here is their shape alone. Every optional field may be left out or null, which means its default;
what a value may be is the business of `fields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Final, Literal

import msgspec

from gateway.domain.stock import Basis, LocationKind, ProductStatus

Kind = Literal["products", "locations", "stock"]
KINDS: Final[tuple[Kind, ...]] = ("products", "locations", "stock")

Number = int | float
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class IncomingRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Supply on its way."""

    quantity: Number
    date: date


class StockRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What the ERP says of one SKU at one location."""

    sku: str
    location: str
    quantity: Number | None = None
    basis: Basis | None = None
    allocated: Number | None = None
    safety_stock: Number | None = None
    incoming: list[IncomingRecord] | None = None
    version: int | None = None
    updated_at: Moment | None = None
    delete: bool | None = None


class ProductRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What the shop must know of a SKU beside its stock."""

    sku: str
    name: str | None = None
    status: ProductStatus | None = None
    available_from: str | None = None
    product_group: str | None = None
    discount_class: str | None = None
    stock_class: str | None = None
    unit: str | None = None
    min_order_quantity: Number | None = None
    order_multiple: Number | None = None
    max_order_quantity: Number | None = None
    tax_rate: str | Number | None = None
    lead_time_days: int | None = None
    backorder: bool | None = None
    assortments: list[str] | None = None
    delete: bool | None = None


class LocationRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A warehouse or a store."""

    location: str
    name: str | None = None
    kind: LocationKind | None = None
    handling_days: int | None = None
    ships: bool | None = None
    pickup: bool | None = None
    channels: list[str] | None = None
    priority: int | None = None
    delete: bool | None = None


AnyRecord = StockRecord | ProductRecord | LocationRecord

RECORDS: Final[Mapping[Kind, type[AnyRecord]]] = {
    "products": ProductRecord,
    "locations": LocationRecord,
    "stock": StockRecord,
}

KEYS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "products": ("sku",),
    "locations": ("location",),
    "stock": ("sku", "location"),
}
"""The fields that name a record; they are never optional."""

REQUIRED: Final[Mapping[Kind, tuple[str, ...]]] = {
    **KEYS,
    "stock": ("sku", "location", "quantity"),
}
"""The fields without which a record (that deletes nothing) says nothing."""


def field_names(kind: Kind) -> tuple[str, ...]:
    """The fields of a record, in the order of the contract; `delete` is no field of it."""
    return tuple(name for name in RECORDS[kind].__struct_fields__ if name != "delete")
