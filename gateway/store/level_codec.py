"""How a level's figures, and what was learnt of its sales, are written as an entry's payload."""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from gateway.domain.absorption import Taken
from gateway.domain.quantities import to_milli, to_number
from gateway.domain.rate_of_sale import NO_SALES, RateOfSale
from gateway.domain.stock import Basis, Incoming, StockLevel
from gateway.store.entries import CorruptValueError, Entry
from gateway.store.payloads import typed

_MOST_SOLD: Final = 1e30
"""Far more than any level may have, and less than a sum of such that is no number any more."""


class _LevelWire(msgspec.Struct, frozen=True, array_like=True):
    # Quantities are in units here, as in JSON: whole ones are a byte or three, not five.
    quantity: int | float
    on_hand: bool = False
    allocated: int | float = 0
    safety_stock: int | float = 0
    incoming: tuple[tuple[int | float, str], ...] = ()
    sold: float = 0.0
    watched: float = 0.0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_LevelWire).decode

_WITH_RATE: Final = b"\x97"
_NOTHING_LEARNT: Final = b"\xca\0\0\0\0" * 2
"""Two floats of four bytes: `put.lua` writes over them what it learns."""


def level_payload(level: StockLevel, *, learning: bool = False) -> bytes:
    """The figures of a level, trailing defaults left out; `learning`: with room for its rate."""
    quantity, on_hand = to_number(level.quantity), level.basis is Basis.ON_HAND
    allocated, safety_stock = to_number(level.allocated), to_number(level.safety_stock)
    if level.incoming or learning:
        coming = [(to_number(supply.quantity), str(supply.date)) for supply in level.incoming]
        whole = _encode((quantity, on_hand, allocated, safety_stock, coming))
        # The first byte is an array of five; it becomes one of seven.
        return _WITH_RATE + whole[1:] + _NOTHING_LEARNT if learning else whole
    if safety_stock:
        return _encode((quantity, on_hand, allocated, safety_stock))
    if allocated:
        return _encode((quantity, on_hand, allocated))
    return _encode((quantity, on_hand) if on_hand else (quantity,))


def figures(payload: bytes) -> bytes:
    """The payload of a level less what was learnt: two of which this is the same do not differ."""
    return payload[: -len(_NOTHING_LEARNT)] if payload[:1] == _WITH_RATE else payload


def decode_level(entry: Entry) -> StockLevel:
    """The level that an entry holds.

    Raises:
        CorruptValueError: it holds something else.
    """
    head = entry.head
    return read_level(entry.payload, head.version or 0, head.stamp_ms, head.vouching_feed)


def read_level(
    payload: bytes, version: int, stamp_ms: int, feed: int, taken: Taken | None = None
) -> StockLevel:
    """The level of which this is the payload, less what is taken of it; `feed` vouches for it.

    Raises:
        CorruptValueError: it is something else.
    """
    wire = typed(_decode, payload)
    try:
        return StockLevel(
            to_milli(wire.quantity),
            Basis.ON_HAND if wire.on_hand else Basis.AVAILABLE,
            to_milli(wire.allocated) if wire.allocated else 0,
            to_milli(wire.safety_stock) if wire.safety_stock else 0,
            _incoming(wire) if wire.incoming else (),
            version,
            stamp_ms,
            feed,
            0 if taken is None else taken.still(stamp_ms),
            _rate_of(wire) if wire.watched else NO_SALES,
        )
    except ValueError:
        raise CorruptValueError from None


def _incoming(wire: _LevelWire) -> tuple[Incoming, ...]:
    return tuple(Incoming(to_milli(size), date.fromisoformat(day)) for size, day in wire.incoming)


def _rate_of(wire: _LevelWire) -> RateOfSale:
    if not (0 <= wire.sold <= _MOST_SOLD and 0 <= wire.watched <= 1):
        raise CorruptValueError
    return RateOfSale(wire.sold, wire.watched)
