"""Acknowledgements of orders: what is taken, what is rejected and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.domain.orders import AckStatus, OrderAck
from gateway.store.ack_codec import decode_ack
from gateway.store.entries import FORMAT, Entry, Flag, Op, entries
from loaders import spots
from loaders.operations import Draft, Mark
from loaders.orders import AckOperations
from loaders.records import OrderAckRecord
from loaders.validation import LineReader
from tests.unit.loaders.taking import DELTA, SNAPSHOT, taken, took

TEN = "2026-11-21T10:00:00Z"
TEN_MS = 1_795_255_200_000


def ack(**fields: Any) -> dict[str, Any]:
    return {"order_ref": "O-1", **fields}


def drafted(mark: Mark = DELTA, **fields: Any) -> Draft:
    record = LineReader("order_acks", {}).line(json.dumps(ack(**fields)).encode())
    assert isinstance(record, OrderAckRecord)
    return AckOperations().draft(record, mark)


def entry(draft: Draft) -> Entry:
    (held,) = entries(FORMAT + draft[1][1:])
    return held


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({"status": "accepted"}, "order_ref", "missing"),
        (ack(order_ref=None), "order_ref", "missing"),
        (ack(order_ref=""), "order_ref", "1 to 64"),
        (ack(order_ref="x" * 65), "order_ref", "1 to 64"),
        (ack(order_ref=" O-1"), "order_ref", "space"),
        (ack(order_ref="O\n1"), "order_ref", "printable"),
        (ack(order_ref="O\x00"), "order_ref", "printable"),
        (ack(order_ref=1001), "order_ref", "must be text"),
        (ack(status="shipped"), "status", "accepted or cancelled"),
        (ack(status=""), "status", "accepted or cancelled"),
        (ack(status=True), "status", "accepted or cancelled"),
        (ack(acknowledged_at="2026-11-21T10:00:00"), "acknowledged_at", "needs an offset"),
        (ack(acknowledged_at="2026-11-21"), "acknowledged_at", "RFC 3339"),
        (ack(acknowledged_at="infinity"), "acknowledged_at", "RFC 3339"),
        (ack(acknowledged_at=TEN_MS), "acknowledged_at", "RFC 3339"),
        (ack(acknowledged_at="1970-01-01T00:59:59+01:00"), "acknowledged_at", "1970"),
        (ack(acknowledged_at="9999-12-31T23:59:59-01:00"), "acknowledged_at", "RFC 3339"),
        (ack(delete="yes"), "delete", "true or false"),
        (b"<html>", None, "not JSON"),
    ],
)
def test_a_wrong_row_is_rejected_alone_with_its_reason(
    row: object, field: str | None, reason: str
) -> None:
    tally = taken("order_acks", ack(), row, ack())
    assert (tally.rows, tally.good) == (3, 2)
    (rejection,) = tally.rejections
    assert (rejection.line, rejection.field) == (2, field)
    assert reason in rejection.reason


def test_a_rejected_row_keeps_what_is_held_if_it_can_be_told_by_its_key() -> None:
    tally, commands, seen = took("order_acks", [ack(status="x"), ack(order_ref="")], SNAPSHOT)
    assert (tally.rejected, tally.keyless, len(commands)) == (2, 1, 1)
    assert tally.rejections[0].key == {"order_ref": "O-1"}
    assert (spots.ack("O-1"), "") in seen


def test_an_acknowledgement_as_it_is_held() -> None:
    draft = drafted(acknowledged_at="2026-11-21T11:00:00.0005+01:00", status="cancelled")
    assert draft[0] == (spots.ack("O-1"), "cancelled")
    assert decode_ack(entry(draft), "O-1") == OrderAck("O-1", TEN_MS, AckStatus.CANCELLED)


@pytest.mark.parametrize("fields", [{}, {"acknowledged_at": None, "status": None}])
@pytest.mark.parametrize("mark", [DELTA, SNAPSHOT])
def test_without_a_time_it_is_acknowledged_as_it_arrives(
    mark: Mark, fields: dict[str, Any]
) -> None:
    assert decode_ack(entry(drafted(mark, **fields)), "O-1") == OrderAck("O-1", mark.arrival_ms)


@pytest.mark.parametrize(
    ("mark", "op"), [(DELTA, Op.UNVERSIONED), (SNAPSHOT, Op.SNAPSHOT | Op.UNVERSIONED)]
)
def test_the_last_to_arrive_counts(mark: Mark, op: Op) -> None:
    draft = drafted(mark, acknowledged_at=TEN)
    held = entry(draft).head
    assert (draft[1][0], held.version, held.stamp_ms) == (op, None, mark.arrival_ms)


def test_deletes_belong_to_deltas_and_need_only_the_key() -> None:
    assert entry(drafted(delete=True, acknowledged_at=TEN)).head.flags == Flag.TOMB
    tally = taken("order_acks", ack(delete=True), mark=SNAPSHOT)
    assert tally.rejections[0].field == "delete"


def test_unknown_fields_are_counted_and_ignored() -> None:
    tally = taken("order_acks", ack(order_no=7))
    assert (tally.good, tally.unknown) == (1, {"order_no": 1})
