"""The canonical records as they come in: one JSON object a line (CONTRACT 1).

Here is their shape alone. Every optional field may be left out or null, which means its default;
what a value may be is the business of `fields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Annotated, Final

import msgspec

from gateway.domain.customers import CustomerStatus
from gateway.domain.orders import AckStatus
from gateway.domain.price_lists import Layer
from gateway.domain.record_kinds import Kind
from gateway.domain.stock import Basis, LocationKind, ProductStatus

Number = int | float
Exact = str | int | float
"""Money and percentages: text or a number."""
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


class PriceListRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The head of a price list: for whom and when it is, and what its rows mean."""

    price_list: str
    currency: str | None = None
    layer: Layer | None = None
    priority: int | None = None
    tax_included: bool | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    customers: list[str] | None = None
    groups: list[str] | None = None
    channels: list[str] | None = None
    delete: bool | None = None


class PriceRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A row of a price list: for one SKU, one product group, or all."""

    price_list: str
    sku: str | None = None
    product_group: str | None = None
    all: bool | None = None
    min_quantity: Number | None = None
    unit_price: Exact | None = None
    discount_percent: Exact | None = None
    rank: int | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    version: int | None = None
    delete: bool | None = None


class CustomerRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Who buys, and what was agreed with them."""

    customer: str
    name: str | None = None
    groups: list[str] | None = None
    price_lists: list[str] | None = None
    discount_class: str | None = None
    currency: str | None = None
    channel: str | None = None
    assortments: list[str] | None = None
    status: CustomerStatus | None = None
    delete: bool | None = None


class DiscountRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A cell of the discount matrix: a class of customers, a class of products, a percentage."""

    discount_class: str
    product_discount_class: str
    discount_percent: Exact | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    delete: bool | None = None


class OrderAckRecord(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The ERP's word on an order, under the reference that the shop gave it."""

    order_ref: str
    acknowledged_at: Moment | None = None
    status: AckStatus | None = None
    delete: bool | None = None


AnyRecord = (
    StockRecord
    | ProductRecord
    | LocationRecord
    | PriceListRecord
    | PriceRecord
    | CustomerRecord
    | DiscountRecord
    | OrderAckRecord
)

RECORDS: Final[Mapping[Kind, type[AnyRecord]]] = {
    "products": ProductRecord,
    "locations": LocationRecord,
    "stock": StockRecord,
    "price_lists": PriceListRecord,
    "prices": PriceRecord,
    "customers": CustomerRecord,
    "discounts": DiscountRecord,
    "order_acks": OrderAckRecord,
}

KEYS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "products": ("sku",),
    "locations": ("location",),
    "stock": ("sku", "location"),
    "price_lists": ("price_list",),
    "prices": ("price_list", "sku", "product_group", "all", "min_quantity", "valid_from"),
    "customers": ("customer",),
    "discounts": ("discount_class", "product_discount_class", "valid_from"),
    "order_acks": ("order_ref",),
}
"""The fields that name a record."""

NEEDED: Final[Mapping[Kind, tuple[tuple[str, ...], ...]]] = {
    "products": (("sku",),),
    "locations": (("location",),),
    "stock": (("sku",), ("location",), ("quantity",)),
    "price_lists": (("price_list",), ("currency",), ("layer",)),
    "prices": (
        ("price_list",),
        ("sku", "product_group", "all"),
        ("unit_price", "discount_percent"),
    ),
    "customers": (("customer",),),
    "discounts": (("discount_class",), ("product_discount_class",), ("discount_percent",)),
    "order_acks": (("order_ref",),),
}
"""What a record that deletes nothing cannot do without: one field of each of these."""

TEXT_FIELDS: Final = frozenset(
    {
        "sku",
        "location",
        "name",
        "product_group",
        "discount_class",
        "stock_class",
        "unit",
        "price_list",
        "customer",
        "channel",
        "currency",
        "product_discount_class",
        "order_ref",
    }
)
"""Fields that are text in a record, but often numbers in an ERP."""

EXACT_FIELDS: Final = frozenset({"unit_price", "discount_percent"})
"""Fields that may be text or numbers: as text they keep every digit."""

ID_LIST_FIELDS: Final = frozenset({"assortments", "channels", "customers", "groups", "price_lists"})
"""Fields that are lists of ids, which may be numbers in an ERP."""


@cache
def always_named(kind: Kind) -> tuple[str, ...]:
    """The fields of the key without which a row is no record at all."""
    return tuple(field.name for field in msgspec.structs.fields(RECORDS[kind]) if field.required)


def field_names(kind: Kind) -> tuple[str, ...]:
    """The fields of a record, in the order of the contract; `delete` is no field of it."""
    return tuple(name for name in RECORDS[kind].__struct_fields__ if name != "delete")
