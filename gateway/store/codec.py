"""How products and locations are written as payloads of entries (MessagePack), and a SKU whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Final

import msgspec

from gateway.domain.absorption import Taken
from gateway.domain.quantities import to_milli, to_number
from gateway.domain.stock import (
    Location,
    LocationKind,
    Product,
    ProductStatus,
    SkuStock,
    StockLevel,
)
from gateway.store.entries import (
    PRODUCT_NAME,
    VERSION_BIAS,
    CorruptValueError,
    Entry,
    Flag,
    entries,
    raw_entries,
    text_of,
    vouching_feed,
)
from gateway.store.level_codec import read_level
from gateway.store.payloads import typed
from gateway.store.taken_codec import decode_taken

_RATE: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,10})?")
_MOST_DAYS: Final = 36_500
"""More days than any record may have, and few enough to be counted from any day."""


# The wire forms: short names and left-out defaults, because there are millions of them.
class _ProductWire(msgspec.Struct, frozen=True, omit_defaults=True):
    n: str = ""
    s: ProductStatus = ProductStatus.ACTIVE
    f: str | None = None
    g: str | None = None
    d: str | None = None
    c: str | None = None
    u: str = "EA"
    i: int | float = 0
    m: int | float = 0
    x: int | float | None = None
    t: str = "0"
    e: int | None = None
    b: bool = False
    a: tuple[str, ...] = ()


class _LocationWire(msgspec.Struct, frozen=True, omit_defaults=True):
    n: str = ""
    k: LocationKind = LocationKind.WAREHOUSE
    h: int = 0
    s: bool = True
    p: bool = False
    c: tuple[str, ...] = ()
    o: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode_product = msgspec.msgpack.Decoder(_ProductWire).decode
_decode_location = msgspec.msgpack.Decoder(_LocationWire).decode


def product_payload(product: Product) -> bytes:
    """A product record, defaults left out."""
    most = product.max_order_quantity
    return _encode(
        _ProductWire(
            product.name,
            product.status,
            product.available_from,
            product.product_group,
            product.discount_class,
            product.stock_class,
            product.unit,
            to_number(product.min_order_quantity),
            to_number(product.order_multiple),
            None if most is None else to_number(most),
            product.tax_rate,
            product.lead_time_days,
            product.backorder,
            product.assortments,
        )
    )


def location_payload(place: Location) -> bytes:
    """A location record without its id, which is the entry's name."""
    return _encode(
        _LocationWire(
            place.name,
            place.kind,
            place.handling_days,
            place.ships,
            place.pickup,
            place.channels,
            place.priority,
        )
    )


def decode_sku(value: bytes, taken: bytes | None = None) -> SkuStock | None:
    """What is held of a SKU; None where its product was deleted or nothing is left.

    `taken` is what lies beside it of holds and orders.

    Raises:
        CorruptValueError: a value is not in this format.
    """
    product: Product | None = None
    levels: dict[str, StockLevel] = {}
    at: Mapping[str, Taken] = {} if taken is None else decode_taken(taken)
    for flags, feed, _, version, stamp_ms, name, payload in raw_entries(value):
        place = text_of(name)
        if flags & Flag.TOMB:
            if place == PRODUCT_NAME:
                return None
        elif place == PRODUCT_NAME:
            product = read_product(payload)
        else:
            held = version - VERSION_BIAS if version else 0
            levels[place] = read_level(
                payload, held, stamp_ms, vouching_feed(flags, feed), at.get(place)
            )
    return SkuStock(product, levels) if product is not None or levels else None


def decode_product(value: bytes) -> tuple[Product | None, bool] | None:
    """A SKU's product, and whether anything is known of the SKU; None where it was deleted.

    Looks at no level: for readers of prices.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    product: Product | None = None
    known = False
    for flags, _, _, _, _, name, payload in raw_entries(value):
        if not name:
            if flags & Flag.TOMB:
                return None
            product = read_product(payload)
        known = known or not flags & Flag.TOMB
    return product, known


def decode_locations(value: bytes) -> Sequence[Location]:
    """Every location held.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    return [decode_location(entry) for entry in entries(value) if not entry.head.flags & Flag.TOMB]


def decode_product_record(entry: Entry) -> Product:
    """The product record that an entry holds.

    Raises:
        CorruptValueError: it holds something else.
    """
    return read_product(entry.payload)


def read_product(payload: bytes) -> Product:
    """The product record of which this is the payload.

    Raises:
        CorruptValueError: it is something else.
    """
    wire = typed(_decode_product, payload)
    try:
        return _product_of(wire)
    except ValueError:
        raise CorruptValueError from None


def _product_of(wire: _ProductWire) -> Product:
    # What a reader would stumble over later is no product: its texts are parsed for every answer.
    _check_rate(wire.t)
    if wire.f is not None:
        _check_release(wire.f)
    if wire.e is not None and not 0 <= wire.e <= _MOST_DAYS:
        raise CorruptValueError
    return Product(
        wire.n,
        wire.s,
        wire.f,
        wire.g,
        wire.d,
        wire.c,
        wire.u,
        to_milli(wire.i),
        to_milli(wire.m),
        None if wire.x is None else to_milli(wire.x),
        wire.t,
        wire.e,
        wire.b,
        wire.a,
    )


def decode_location(entry: Entry) -> Location:
    """The location that an entry holds.

    Raises:
        CorruptValueError: it holds something else.
    """
    wire = typed(_decode_location, entry.payload)
    if not 0 <= wire.h <= _MOST_DAYS:
        raise CorruptValueError
    return Location(entry.head.name, wire.n, wire.k, wire.h, wire.s, wire.p, wire.c, wire.o)


@lru_cache(maxsize=1000)
def _check_rate(text: str) -> None:
    if _RATE.fullmatch(text) is None:
        raise CorruptValueError


def _check_release(text: str) -> None:
    if "T" not in text:
        _ = date.fromisoformat(text)
    elif datetime.fromisoformat(text).tzinfo is None:
        raise CorruptValueError
