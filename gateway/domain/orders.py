"""What an ERP says of an order: that it has taken it, or that it is cancelled."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class AckStatus(StrEnum):
    """What became of the order at the ERP."""

    ACCEPTED = "accepted"
    CANCELLED = "cancelled"


class OrderAck(msgspec.Struct, frozen=True):
    """The ERP's word on an order (CONTRACT 1, `order_acks`).

    From `acknowledged_ms` on (milliseconds since the epoch) the ERP's own figures have it.
    """

    order_ref: str
    acknowledged_ms: int
    status: AckStatus = AckStatus.ACCEPTED
