"""How an order's acknowledgement is written (MessagePack): a value of one entry, `ONLY_NAME`."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.domain.orders import AckStatus, OrderAck
from gateway.store.entries import MOMENTS, CorruptValueError, Entry
from gateway.store.payloads import typed


class _AckWire(msgspec.Struct, frozen=True, omit_defaults=True):
    a: int
    s: AckStatus = AckStatus.ACCEPTED


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_AckWire).decode


def ack_payload(ack: OrderAck) -> bytes:
    """An acknowledgement without its order_ref; defaults left out."""
    return _encode(_AckWire(ack.acknowledged_ms, ack.status))


def decode_ack(entry: Entry, order_ref: str) -> OrderAck:
    """The acknowledgement that a living entry holds.

    Raises:
        CorruptValueError: it holds something else.
    """
    wire = typed(_decode, entry.payload)
    if wire.a not in MOMENTS:
        raise CorruptValueError
    return OrderAck(order_ref, wire.a, wire.s)
