"""How a customer is written (MessagePack): a value of one entry, `ONLY_NAME`."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.domain.customers import Customer, CustomerStatus
from gateway.domain.money import minor_digits
from gateway.store.entries import CorruptValueError, Entry
from gateway.store.payloads import typed


# Sets are written in order: what is the same must be the same bytes, or it counts as changed.
class _CustomerWire(msgspec.Struct, frozen=True, omit_defaults=True):
    n: str = ""
    g: list[str] = []
    l: list[str] = []  # noqa: E741 - the letter on the wire
    d: str | None = None
    c: str | None = None
    h: str | None = None
    a: list[str] = []
    s: CustomerStatus = CustomerStatus.ACTIVE


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_CustomerWire).decode


def customer_payload(customer: Customer) -> bytes:
    """A customer without its id; defaults left out."""
    return _encode(
        _CustomerWire(
            customer.name,
            sorted(customer.groups),
            sorted(customer.price_lists),
            customer.discount_class,
            customer.currency,
            customer.channel,
            sorted(customer.assortments),
            customer.status,
        )
    )


def decode_customer(entry: Entry, customer: str) -> Customer:
    """The customer that a living entry holds.

    Raises:
        CorruptValueError: it holds something else.
    """
    wire = typed(_decode, entry.payload)
    if wire.c is not None and minor_digits(wire.c) is None:
        raise CorruptValueError
    return Customer(
        customer,
        wire.n,
        frozenset(wire.g),
        frozenset(wire.l),
        wire.d,
        wire.c,
        wire.h,
        frozenset(wire.a),
        wire.s,
    )
