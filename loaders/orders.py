"""The ERP's acknowledgements of orders as operations: what it has taken, and what it cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gateway.domain.orders import AckStatus, OrderAck
from gateway.store.ack_codec import ENTRY_OF, ack_payload
from loaders import fields, spots
from loaders.operations import Address, Draft, Mark, PlainOperations
from loaders.records import OrderAckRecord


class AckOperations:
    """Plain records, but for two things.

    Without a time of its own, one is as old as its arrival. And a cancellation lies beside what
    else is said of the order: that comes late, or once more, and must not take its place.
    """

    def draft(self, record: OrderAckRecord, mark: Mark) -> Draft:
        """The operation that writes or deletes an acknowledgement.

        Raises:
            WrongFieldError: a value is not allowed.
        """
        return _arrived(mark.arrival_ms).draft(record, mark)

    def addresses(self, record: OrderAckRecord) -> Sequence[Address]:
        """Where the words on its order lie.

        Raises:
            WrongFieldError: the key is not allowed.
        """
        spot = _spot(record)
        return tuple((spot, name) for name in ENTRY_OF.values())


def _arrived(arrival_ms: int) -> PlainOperations[OrderAckRecord]:
    return PlainOperations(_address, partial(_payload, arrival_ms))


def _address(record: OrderAckRecord) -> Address:
    return _spot(record), ENTRY_OF[_status(record)]


def _spot(record: OrderAckRecord) -> spots.Spot:
    return spots.ack(fields.identifier("order_ref", record.order_ref))


def _status(record: OrderAckRecord) -> AckStatus:
    return record.status or AckStatus.ACCEPTED


def _payload(arrival_ms: int, record: OrderAckRecord) -> bytes:
    moment = record.acknowledged_at
    return ack_payload(
        OrderAck(
            record.order_ref,
            arrival_ms if moment is None else fields.stamp_ms("acknowledged_at", moment),
            _status(record),
        )
    )
