"""How the ERP's words on an order are written (MessagePack): a value with an entry of each status.

The two lie side by side, so that neither takes the other's place before a gateway has read it: a
cancellation stands, and "accepted" may be told once more, or come late.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.domain.orders import AckStatus, OrderAck
from gateway.store.entries import MOMENTS, CorruptValueError, Entry, Flag, entries
from gateway.store.payloads import typed


class _AckWire(msgspec.Struct, frozen=True, omit_defaults=True):
    a: int
    s: AckStatus = AckStatus.ACCEPTED


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_AckWire).decode


ENTRY_OF: Final = {AckStatus.CANCELLED: "cancelled", AckStatus.ACCEPTED: ""}
"""The name of its entry; of a value that has both, the first counts."""

STATUS_OF: Final = {name: status for status, name in ENTRY_OF.items()}


def word_of(value: bytes, order_ref: str) -> OrderAck | None:
    """What the ERP's words on an order come to; None where all were deleted.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    alive = {held.head.name: held for held in entries(value) if not held.head.flags & Flag.TOMB}
    for name in ENTRY_OF.values():
        if name in alive:
            return decode_ack(alive[name], order_ref)
    return None


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
