"""How price lists, price rows and discounts are written (MessagePack).

What a row is known by is not in its payload but in the entry's name and, in a list's hash, in the
field: `<list>␟<minimum quantity>␟<from>` with a SKU, without the list where it lies with the list.
A minimum quantity of 1 and a missing `valid_from` are empty, so most rows have a name of one byte.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.domain.money import Percent, minor_digits
from gateway.domain.price_lists import (
    EVERYTHING,
    Discount,
    Layer,
    PriceList,
    PriceRow,
    Scope,
    Target,
)
from gateway.domain.quantities import UNIT, Milli
from gateway.domain.validity import ALWAYS, Validity
from gateway.store.entries import VERSION_BIAS, CorruptValueError, Entry, Flag, raw_entries
from gateway.store.payloads import typed

_SEPARATOR: Final = "\x1f"
_TOMB: Final = int(Flag.TOMB)
_DOUBTED: Final = int(Flag.DOUBTED)
_SCOPE_OF: Final = {b"s": Scope.SKU, b"g": Scope.PRODUCT_GROUP}
_LETTER_OF: Final = {Scope.SKU: b"s", Scope.PRODUCT_GROUP: b"g"}
_ALL_FIELD: Final = b"*"


class _RowWire(msgspec.Struct, frozen=True, array_like=True, gc=False):
    unit_price: int | None = None
    discount_percent: int | None = None
    until_ms: int | None = None
    rank: int | None = None


class _DiscountWire(msgspec.Struct, frozen=True, array_like=True, gc=False):
    discount_percent: int
    until_ms: int | None = None


# Sets are written in order: what is the same must be the same bytes, or it counts as changed.
class _ListWire(msgspec.Struct, frozen=True, omit_defaults=True):
    c: str
    y: Layer
    p: int = 0
    t: bool = False
    f: int | None = None
    u: int | None = None
    k: list[str] = []
    g: list[str] = []
    h: list[str] = []


_encode = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(_RowWire).decode
_decode_discount = msgspec.msgpack.Decoder(_DiscountWire).decode
_decode_list = msgspec.msgpack.Decoder(_ListWire).decode


def target_field(target: Target) -> bytes:
    """The field of a list's hash under which the rows for this target lie."""
    letter = _LETTER_OF.get(target.scope)
    return _ALL_FIELD if letter is None else letter + target.name.encode()


def target_of(field: bytes) -> Target:
    """What the rows of such a field are for.

    Raises:
        CorruptValueError: it is no such field.
    """
    if field == _ALL_FIELD:
        return EVERYTHING
    scope = _SCOPE_OF.get(field[:1])
    if scope is None:
        raise CorruptValueError
    return Target(scope, _text(field[1:]))


def row_name(row: PriceRow, *, with_list: bool) -> str:
    """The name of a row's entry; `with_list` where it lies with its SKU."""
    return name_of_row(
        row.price_list if with_list else None, row.min_quantity, row.validity.from_ms
    )


def name_of_row(price_list: str | None, min_quantity: Milli, from_ms: int | None) -> str:
    """The same, of a row that is known by its key alone; None: it lies with its list."""
    name = f"{_units(min_quantity)}{_SEPARATOR}{'' if from_ms is None else from_ms}"
    return name if price_list is None else f"{price_list}{_SEPARATOR}{name}"


def list_in(name: str) -> str:
    """The list that such a name tells, of a row that lies with its SKU."""
    return name.partition(_SEPARATOR)[0]


def series_in(name: str) -> tuple[str, str]:
    """What a row's name keeps from one `valid_from` to the next, and the rest."""
    series, _, from_text = name.rpartition(_SEPARATOR)
    return series, from_text


def row_payload(row: PriceRow) -> bytes:
    """What a row sets, trailing defaults left out."""
    price, percent, until_ms = row.unit_price, row.discount_percent, row.validity.until_ms
    if row.rank is not None:
        return _encode((price, percent, until_ms, row.rank))
    if until_ms is not None:
        return _encode((price, percent, until_ms))
    return _encode((price,) if percent is None else (price, percent))


def decode_row(entry: Entry, price_list: str | None, target: Target) -> PriceRow:
    """The row of a living entry; `price_list` is None where the entry's name tells it.

    Raises:
        CorruptValueError: it holds something else.
    """
    head = entry.head
    version, feed = head.version or 0, head.vouching_feed
    return _row(head.name, entry.payload, price_list, target, version, feed, head.stamp_ms)


def decode_rows(value: bytes, price_list: str | None, target: Target) -> tuple[PriceRow, ...]:
    """The living rows of a value, as `decode_row` has them, and faster.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    return tuple(
        [
            _row(
                _text(name),
                payload,
                price_list,
                target,
                version - VERSION_BIAS if version else 0,
                0 if flags & _DOUBTED else feed,
                stamp_ms,
            )
            for flags, feed, _, version, stamp_ms, name, payload in raw_entries(value)
            if not flags & _TOMB
        ]
    )


def list_payload(head: PriceList) -> bytes:
    """The head of a list without its id; defaults left out."""
    return _encode(
        _ListWire(
            head.currency,
            head.layer,
            head.priority,
            head.tax_included,
            head.validity.from_ms,
            head.validity.until_ms,
            sorted(head.customers),
            sorted(head.groups),
            sorted(head.channels),
        )
    )


def decode_list(entry: Entry, price_list: str) -> PriceList:
    """The head that a living entry holds.

    Raises:
        CorruptValueError: it holds something else.
    """
    wire = typed(_decode_list, entry.payload)
    if minor_digits(wire.c) is None:
        raise CorruptValueError
    return PriceList(
        price_list,
        wire.c,
        wire.y,
        wire.p,
        wire.t,
        _validity(wire.f, wire.u),
        frozenset(wire.k),
        frozenset(wire.g),
        frozenset(wire.h),
    )


def discount_name(discount: Discount) -> str:
    """The name of a cell's entry, in the value of its class of customers."""
    return name_of_discount(discount.product_discount_class, discount.validity.from_ms)


def name_of_discount(product_discount_class: str, from_ms: int | None) -> str:
    """The same, of a cell that is known by its key alone."""
    return f"{product_discount_class}{_SEPARATOR}{'' if from_ms is None else from_ms}"


def discount_payload(discount: Discount) -> bytes:
    """What a cell of the matrix takes off, and until when."""
    percent, until_ms = discount.discount_percent, discount.validity.until_ms
    return _encode((percent,) if until_ms is None else (percent, until_ms))


def decode_discount(entry: Entry, discount_class: str) -> Discount:
    """The cell that a living entry holds.

    Raises:
        CorruptValueError: it holds something else.
    """
    product_class, _, from_text = entry.head.name.rpartition(_SEPARATOR)
    wire = typed(_decode_discount, entry.payload)
    validity = _validity(_moment(from_text), wire.until_ms)
    percent: Percent = wire.discount_percent
    feed, stamp_ms = entry.head.vouching_feed, entry.head.stamp_ms
    return Discount(discount_class, product_class, percent, validity, feed, stamp_ms)


def _row(
    name: str,
    payload: bytes,
    price_list: str | None,
    target: Target,
    version: int,
    feed: int,
    stamp_ms: int,
) -> PriceRow:
    wire = typed(_decode_row, payload)
    price, percent, until_ms = wire.unit_price, wire.discount_percent, wire.until_ms
    if (price is None) is (percent is None):
        raise CorruptValueError
    if price_list is None:
        price_list, _, name = name.partition(_SEPARATOR)
    minimum, from_ms = UNIT, None
    # Most rows are from 1 and since ever: their names say nothing.
    if name != _SEPARATOR:
        minimum_text, separator, from_text = name.partition(_SEPARATOR)
        if not separator:
            raise CorruptValueError
        minimum, from_ms = _milli(minimum_text), _moment(from_text)
    return PriceRow(
        price_list,
        target,
        minimum,
        price,
        percent,
        wire.rank,
        _validity(from_ms, until_ms),
        version,
        feed,
        stamp_ms,
    )


def _units(quantity: Milli) -> str:
    if quantity == UNIT:
        return ""
    whole, part = divmod(quantity, UNIT)
    return f"{whole}.{part:03d}".rstrip("0") if part else str(whole)


def _milli(text: str) -> Milli:
    if not text:
        return UNIT
    whole, _, part = text.partition(".")
    try:
        return int(whole) * UNIT + (int(part.ljust(3, "0")) if part else 0)
    except ValueError:
        raise CorruptValueError from None


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise CorruptValueError from None


def _validity(from_ms: int | None, until_ms: int | None) -> Validity:
    return ALWAYS if from_ms is None and until_ms is None else Validity(from_ms, until_ms)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise CorruptValueError from None
