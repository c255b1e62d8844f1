"""What is held, as canonical records (CONTRACT 1): the way back from the store's own form.

Fields that have their default are left out. Of a tombstone there is its key alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.domain.money import percent_text, price_text
from gateway.domain.price_lists import EVERYTHING, Discount, PriceRow, Scope
from gateway.domain.quantities import UNIT, to_number
from gateway.domain.record_kinds import Kind
from gateway.domain.stock import PLAIN_PRODUCT, Basis, LocationKind, ProductStatus
from gateway.store.ack_codec import STATUS_OF, decode_ack
from gateway.store.codec import decode_location, decode_product_record
from gateway.store.customer_codec import decode_customer
from gateway.store.entries import CorruptValueError, Entry, Flag
from gateway.store.level_codec import decode_level
from gateway.store.price_codec import (
    decode_discount,
    decode_list,
    decode_row,
    discount_payload,
    row_payload,
)
from loaders import spots
from loaders.spots import Spot

Fields = dict[str, Any]
"""Fields by name; None where a field is to be left out."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What rows and cells are known by is in their names: a tombstone has nothing else.
_ANY_ROW: Final = row_payload(PriceRow("", EVERYTHING, unit_price=0))
_ANY_CELL: Final = discount_payload(Discount("", "", 0))


def canonical(kind: Kind, spot: Spot, entry: Entry) -> Fields:
    """The record that an entry holds, or the key of the one that it buries.

    Raises:
        CorruptValueError: it holds something else.
    """
    key, figures = _WAYS[kind]
    try:
        record = key(spot, entry)
        record |= {"delete": True} if entry.head.flags & Flag.TOMB else figures(spot, entry)
    except OverflowError:
        # A moment that no calendar has.
        raise CorruptValueError from None
    return {name: value for name, value in record.items() if value is not None}


def moment(milliseconds: int) -> str:
    """A moment as text, to the millisecond.

    Raises:
        OverflowError: no calendar has it.
    """
    exact = _EPOCH + timedelta(milliseconds=milliseconds)
    return exact.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _named(field: str) -> Callable[[Spot, Entry], Fields]:
    """The key of a record that is alone at its spot."""
    return lambda spot, _: {field: spot[1]}


def _product(_: Spot, entry: Entry) -> Fields:
    product = decode_product_record(entry)
    most = product.max_order_quantity
    return {
        "name": product.name or None,
        "status": None if product.status is ProductStatus.ACTIVE else product.status,
        "available_from": product.available_from,
        "product_group": product.product_group,
        "discount_class": product.discount_class,
        "stock_class": product.stock_class,
        "unit": None if product.unit == PLAIN_PRODUCT.unit else product.unit,
        "min_order_quantity": to_number(product.min_order_quantity) or None,
        "order_multiple": to_number(product.order_multiple) or None,
        "max_order_quantity": None if most is None else to_number(most),
        "tax_rate": None if product.tax_rate == PLAIN_PRODUCT.tax_rate else product.tax_rate,
        "lead_time_days": product.lead_time_days,
        "backorder": product.backorder or None,
        "assortments": product.assortments or None,
    }


def _location_key(_: Spot, entry: Entry) -> Fields:
    return {"location": entry.head.name}


def _location(_: Spot, entry: Entry) -> Fields:
    place = decode_location(entry)
    return {
        "name": place.name or None,
        "kind": None if place.kind is LocationKind.WAREHOUSE else place.kind,
        "handling_days": place.handling_days or None,
        "ships": None if place.ships else False,
        "pickup": place.pickup or None,
        "channels": place.channels or None,
        "priority": place.priority or None,
    }


def _level_key(spot: Spot, entry: Entry) -> Fields:
    return {"sku": spot[1], "location": entry.head.name}


def _level(_: Spot, entry: Entry) -> Fields:
    level = decode_level(entry)
    incoming = [
        {"quantity": to_number(each.quantity), "date": each.date} for each in level.incoming
    ]
    return {
        "quantity": to_number(level.quantity),
        "basis": None if level.basis is Basis.AVAILABLE else level.basis,
        "allocated": to_number(level.allocated) or None,
        "safety_stock": to_number(level.safety_stock) or None,
        "incoming": incoming or None,
    }


def _price_list(spot: Spot, entry: Entry) -> Fields:
    head = decode_list(entry, spot[1])
    return {
        "currency": head.currency,
        "layer": head.layer,
        "priority": head.priority or None,
        "tax_included": head.tax_included or None,
        "valid_from": _moment(head.validity.from_ms),
        "valid_until": _moment(head.validity.until_ms),
        "customers": sorted(head.customers) or None,
        "groups": sorted(head.groups) or None,
        "channels": sorted(head.channels) or None,
    }


def _row_key(spot: Spot, entry: Entry) -> Fields:
    row = decode_row(Entry(entry.head, _ANY_ROW), spots.list_of(spot), spots.target_of(spot))
    target = row.target
    return {
        "price_list": row.price_list,
        "sku": target.name if target.scope is Scope.SKU else None,
        "product_group": target.name if target.scope is Scope.PRODUCT_GROUP else None,
        "all": True if target.scope is Scope.ALL else None,
        "min_quantity": None if row.min_quantity == UNIT else to_number(row.min_quantity),
        "valid_from": _moment(row.validity.from_ms),
    }


def _row(spot: Spot, entry: Entry) -> Fields:
    row = decode_row(entry, spots.list_of(spot), EVERYTHING)
    price, percent = row.unit_price, row.discount_percent
    return {
        "unit_price": None if price is None else price_text(price, 0),
        "discount_percent": None if percent is None else percent_text(percent),
        "rank": row.rank,
        "valid_until": _moment(row.validity.until_ms),
    }


def _customer(spot: Spot, entry: Entry) -> Fields:
    customer = decode_customer(entry, spot[1])
    return {
        "name": customer.name or None,
        "groups": sorted(customer.groups) or None,
        "price_lists": sorted(customer.price_lists) or None,
        "discount_class": customer.discount_class,
        "currency": customer.currency,
        "channel": customer.channel,
        "assortments": sorted(customer.assortments) or None,
        "status": customer.status,
    }


def _cell_key(spot: Spot, entry: Entry) -> Fields:
    cell = decode_discount(Entry(entry.head, _ANY_CELL), spot[1])
    return {
        "discount_class": spot[1],
        "product_discount_class": cell.product_discount_class,
        "valid_from": _moment(cell.validity.from_ms),
    }


def _cell(spot: Spot, entry: Entry) -> Fields:
    cell = decode_discount(entry, spot[1])
    return {
        "discount_percent": percent_text(cell.discount_percent),
        "valid_until": _moment(cell.validity.until_ms),
    }


def _ack_key(spot: Spot, entry: Entry) -> Fields:
    return {"order_ref": spot[1], "status": STATUS_OF[entry.head.name]}


def _ack(spot: Spot, entry: Entry) -> Fields:
    ack = decode_ack(entry, spot[1])
    return {"acknowledged_at": moment(ack.acknowledged_ms), "status": ack.status}


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else moment(milliseconds)


_Way = Callable[[Spot, Entry], Fields]
_WAYS: Final[Mapping[Kind, tuple[_Way, _Way]]] = {
    "products": (_named("sku"), _product),
    "locations": (_location_key, _location),
    "stock": (_level_key, _level),
    "price_lists": (_named("price_list"), _price_list),
    "prices": (_row_key, _row),
    "customers": (_named("customer"), _customer),
    "discounts": (_cell_key, _cell),
    "order_acks": (_ack_key, _ack),
}
"""Of each kind what a record is known by, and what it sets."""
