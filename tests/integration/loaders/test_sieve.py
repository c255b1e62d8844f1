"""The sieve against the script: it lets through what `put.lua` would change, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.stock import StockLevel
from gateway.store.bulk import BulkEncoder, BulkWriter, Written
from gateway.store.entries import Flag, Op, RawEntry, pack_op
from gateway.store.level_codec import figures, level_payload
from loaders import spots
from loaders.sieve import Found, compared, held_at
from loaders.spool import in_blocks, stream
from tests.examples import examples

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

SPOT: Final = spots.levels("A")
OPS: Final = st.builds(
    lambda op, tomb, feed, round_, version, stamp, payload: (
        # As the operations of rows are: without a version they count by arrival.
        op if version is not None else op | Op.UNVERSIONED,
        int(tomb),
        feed,
        round_,
        version,
        stamp,
        b"" if tomb else payload,
    ),
    st.sampled_from([int(Op.PUT), int(Op.SNAPSHOT), int(Op.TOUCH), int(Op.SWEEP)]),
    st.sampled_from([0, 0, Flag.TOMB]),
    st.integers(1, 2),
    st.integers(1, 2),
    st.none() | st.integers(1, 3),
    st.integers(1, 3),
    # Two figures, each with what was learnt of its sales and without.
    st.sampled_from(
        [
            level_payload(StockLevel(quantity), learning=learning)
            for quantity in (1000, 2000)
            for learning in (False, True)
        ]
    ),
)


def packed(operation: tuple[int, int, int, int, int | None, int, bytes]) -> bytes:
    op, flags, feed, round_, version, stamp_ms, payload = operation
    if op & (Op.TOUCH | Op.SWEEP):
        op, flags, payload = op & ~Op.UNVERSIONED, 0, b""
    return pack_op(op, flags, feed, round_, version, stamp_ms, b"W1", payload)


async def write(warehouse: Warehouse, operation: bytes) -> Written:
    command = spots.command(BulkEncoder(warehouse.keys), SPOT, [operation])
    return await BulkWriter(warehouse.client).write(stream(in_blocks([command])))


async def entry(warehouse: Warehouse) -> RawEntry | None:
    held = await held_at(warehouse.client, BulkEncoder(warehouse.keys), [SPOT])
    return held[SPOT].get(b"W1")


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(OPS, max_size=4), OPS)
async def test_it_says_what_the_script_does(
    warehouse: Warehouse,
    before: list[tuple[int, int, int, int, int | None, int, bytes]],
    row: tuple[int, int, int, int, int | None, int, bytes],
) -> None:
    await warehouse.client.redis.delete(warehouse.keys.sku("A"))
    for operation in before:
        await write(warehouse, packed(operation))
    # What a reconcile makes of a good row.
    _, _, feed, round_, version, stamp_ms, payload = row
    asked = Op.SNAPSHOT if version is not None else Op.SNAPSHOT | Op.UNVERSIONED
    good = pack_op(asked, 0, feed, round_, version, stamp_ms, b"W1", payload or b"three")
    held = await entry(warehouse)
    name, found = compared(good, {} if held is None else {b"W1": held}, of_level=True)
    written = await write(warehouse, good)
    assert name == b"W1"
    match found:
        case Found.SAME:
            assert written.changed == 0
        case Found.RENEWED:
            # Its version is another now, or a doubt is over.
            renewed = await entry(warehouse)
            assert held is not None
            assert renewed is not None
            assert (renewed[0], renewed[3]) != (held[0], held[3])
            assert figures(renewed[6]) == figures(held[6])
        case _:
            assert (written.accepted, written.changed) == (1, 1)


@pytest.mark.parametrize("known", [None, Flag.TOMB])
async def test_a_deletion_of_what_is_not_there_is_nothing(
    warehouse: Warehouse, known: Flag | None
) -> None:
    deletion = pack_op(Op.PUT, Flag.TOMB, 1, 1, 5, 1, b"W1", b"")
    if known is not None:
        await write(warehouse, pack_op(Op.PUT, known, 1, 1, 4, 1, b"W1", b""))
    held = await entry(warehouse)
    assert compared(deletion, {} if held is None else {b"W1": held}, of_level=True)[1] is Found.SAME
