"""How records are written in Redis: compact entries that Lua compares without decoding them.

A value is one format byte and then entries, each a fixed head, a name and a payload:

    flags   1   TOMB, ABSENT
    feed    1   number of the feed that wrote it
    round   1   the feed's snapshot in which it was last seen, modulo 256
    version 8   order within the key, biased by 2⁶³; zero is "none given"
    stamp   6   milliseconds since the epoch: the ERP's `updated_at`, else the arrival
    name    2 + n   location, or empty for a SKU's product record
    payload 2 + n   MessagePack, opaque to the scripts

Integers are big-endian. A product and its levels share one value, so that a lookup is one read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from enum import IntFlag
from typing import Final, TypeVar

import msgspec

from gateway.domain.quantities import to_milli, to_number
from gateway.domain.stock import (
    Basis,
    Incoming,
    Location,
    LocationKind,
    Product,
    ProductStatus,
    SkuStock,
    StockLevel,
)

T = TypeVar("T")

FORMAT: Final = b"\x01"
PRODUCT_NAME: Final = ""
VERSION_BIAS: Final = 1 << 63
VERSIONS: Final = range(1 - VERSION_BIAS, VERSION_BIAS)
"""Versions that can be held: a signed 64-bit integer, less the lowest, which means none."""

_HEAD = struct.Struct(">BBBQHIHH")
_OP = struct.Struct(">BBBBQHIHH")


class CorruptValueError(Exception):
    """What lies at a key is not ours, or of another format."""


class Flag(IntFlag):
    """What an entry is, when it is no plain record."""

    TOMB = 1
    """Deleted; its version stays, so that nothing late rises from it."""
    ABSENT = 2
    """Deleted because a proved snapshot lacked it; a later snapshot may bring it back."""


class Op(IntFlag):
    """What a write asks of the script (`put.lua`)."""

    PUT = 0
    UNVERSIONED = 1
    """No version given: it counts by arrival, and keeps the version held."""
    SNAPSHOT = 2
    """Part of a snapshot: seen, even where it is not newer."""
    TOUCH = 4
    """Seen in a snapshot, but rejected: the last good record stays."""
    SWEEP = 8
    """Remove, if the feed's current snapshot did not see it."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """The fixed part of an entry."""

    flags: int
    feed: int
    round: int
    version: int | None
    stamp_ms: int
    name: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry as it is held."""

    head: Head
    payload: bytes


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


class _LevelWire(msgspec.Struct, frozen=True, array_like=True):
    # Quantities are in units here, as in JSON: whole ones are a byte or three, not five.
    quantity: int | float
    on_hand: bool = False
    allocated: int | float = 0
    safety_stock: int | float = 0
    incoming: tuple[tuple[int | float, str], ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode_product = msgspec.msgpack.Decoder(_ProductWire).decode
_decode_location = msgspec.msgpack.Decoder(_LocationWire).decode
_decode_level = msgspec.msgpack.Decoder(_LevelWire).decode


def pack_op(  # noqa: PLR0913, PLR0917 - the parts of one binary record, in their order
    op: int,
    flags: int,
    feed: int,
    snapshot: int,
    version: int | None,
    stamp_ms: int,
    name: bytes,
    payload: bytes,
) -> bytes:
    """One argument of `put.lua`: the operation and then the entry as it is to be held."""
    return (
        _OP.pack(
            op,
            flags,
            feed,
            snapshot & 0xFF,
            0 if version is None else version + VERSION_BIAS,
            (stamp_ms >> 32) & 0xFFFF,
            stamp_ms & 0xFFFFFFFF,
            len(name),
            len(payload),
        )
        + name
        + payload
    )


def level_payload(level: StockLevel) -> bytes:
    """The figures of a level, trailing defaults left out."""
    figures: list[object] = [
        to_number(level.quantity),
        level.basis is Basis.ON_HAND,
        to_number(level.allocated),
        to_number(level.safety_stock),
        [(to_number(supply.quantity), supply.date.isoformat()) for supply in level.incoming],
    ]
    while not figures[-1] and len(figures) > 1:
        figures.pop()
    return _encode(figures)


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


def entries(value: bytes) -> Iterator[Entry]:
    """The entries of a value, tombstones included.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    if value[:1] != FORMAT:
        raise CorruptValueError
    at, end = 1, len(value)
    try:
        while at < end:
            flags, feed, seen, version, high, low, name_size, size = _HEAD.unpack_from(value, at)
            name_at = at + _HEAD.size
            payload_at = name_at + name_size
            at = payload_at + size
            if at > end:
                raise CorruptValueError
            head = Head(
                flags,
                feed,
                seen,
                version - VERSION_BIAS if version else None,
                (high << 32) | low,
                value[name_at:payload_at].decode(),
            )
            yield Entry(head, value[payload_at:at])
    except (struct.error, UnicodeDecodeError):
        raise CorruptValueError from None


def decode_sku(value: bytes) -> SkuStock | None:
    """What is held of a SKU; None where its product was deleted or nothing is left.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    product: Product | None = None
    levels: dict[str, StockLevel] = {}
    for entry in entries(value):
        if entry.head.flags & Flag.TOMB:
            if entry.head.name == PRODUCT_NAME:
                return None
        elif entry.head.name == PRODUCT_NAME:
            product = _product(entry)
        else:
            levels[entry.head.name] = _level(entry)
    return SkuStock(product, levels) if product is not None or levels else None


def decode_locations(value: bytes) -> Sequence[Location]:
    """Every location held.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    return [_location(entry) for entry in entries(value) if not entry.head.flags & Flag.TOMB]


def _product(entry: Entry) -> Product:
    wire = _typed(_decode_product, entry.payload)
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


def _level(entry: Entry) -> StockLevel:
    wire = _typed(_decode_level, entry.payload)
    head = entry.head
    coming = tuple(Incoming(to_milli(size), date.fromisoformat(day)) for size, day in wire.incoming)
    basis = Basis.ON_HAND if wire.on_hand else Basis.AVAILABLE
    return StockLevel(
        to_milli(wire.quantity),
        basis,
        to_milli(wire.allocated),
        to_milli(wire.safety_stock),
        coming,
        head.version or 0,
        head.stamp_ms,
        head.feed,
    )


def _location(entry: Entry) -> Location:
    wire = _typed(_decode_location, entry.payload)
    return Location(entry.head.name, wire.n, wire.k, wire.h, wire.s, wire.p, wire.c, wire.o)


def _typed(decode: Callable[[bytes], T], payload: bytes) -> T:
    try:
        return decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise CorruptValueError from None
