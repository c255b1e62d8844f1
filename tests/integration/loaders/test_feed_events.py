"""What feeds tell of themselves: when it begins, when it ends, also to the next loader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from loaders.errors import SourceError
from loaders.feedbook import Feed
from loaders.ingest import Ingest
from loaders.reading import Reading
from stockspan.feeds import _condition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")
PUSHED = Feed("push:stock", "stock", pushed=True)


def row(quantity: float) -> dict[str, object]:
    return {"sku": "A", "location": "W1", "quantity": quantity}


async def broken() -> AsyncIterator[bytes]:
    for reason in ("no connection",):
        raise SourceError(reason)
    yield b""


async def failing(ingest: Ingest) -> None:
    with pytest.raises(SourceError):
        await ingest.delta(STOCK, Reading(broken()))


def told(ingest: Ingest) -> list[tuple[str, str, str]]:
    """What was recorded since the last look."""
    events = ingest.recorder.waiting(99)
    ingest.recorder.written(events)
    return [(one.kind, one.subject, one.details.get("reason", "")) for one in events]


async def test_a_failure_is_told_once_and_the_next_loader_tells_of_its_end(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    await warehouse.register(STOCK)
    await failing(warehouse.ingest)
    await failing(warehouse.ingest)
    assert told(warehouse.ingest) == [("feed.failed", "stock", "no connection")]
    next_loader = Ingest(warehouse.client, warehouse.keys, tmp_path / "next", warehouse.clock)
    warehouse.ingest = next_loader
    await failing(next_loader)
    assert told(next_loader) == []
    await warehouse.delta(STOCK, row(1))
    await warehouse.delta(STOCK, row(2))
    assert told(next_loader) == [("feed.recovered", "stock", "")]


async def test_a_snapshot_that_is_held_back_is_told_until_one_is_taken(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row(1)])
    for _ in range(2):
        await warehouse.snapshot(STOCK, [])
    ((kind, subject, reason),) = told(warehouse.ingest)
    assert (kind, subject) == ("feed.quarantined", "stock")
    assert reason == (await warehouse.state(STOCK)).held_back
    warehouse.ingest = Ingest(warehouse.client, warehouse.keys, tmp_path / "next", warehouse.clock)
    await warehouse.snapshot(STOCK, [row(1)])
    assert told(warehouse.ingest) == [("feed.released", "stock", "")]


async def test_a_snapshot_that_is_not_whole_is_a_failure(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row(1)], lambda _: "its end is missing")
    assert told(warehouse.ingest) == [("feed.failed", "stock", "its end is missing")]


async def test_rows_that_are_rejected_are_told_with_the_first_of_them(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.delta(STOCK, row(-1))
    (event,) = warehouse.ingest.recorder.waiting(9)
    assert (event.kind, event.subject, event.details["rows"]) == (
        "feed.rows_rejected",
        "stock",
        "1",
    )
    assert event.details["first"].startswith("quantity ")


async def test_pushed_records_that_were_lost_are_told_of(warehouse: Warehouse) -> None:
    await warehouse.delta(PUSHED, row(1))
    await warehouse.client.redis.flushall()
    await warehouse.ingest.book.remember(await warehouse.ingest.register.all())
    assert told(warehouse.ingest) == [("feed.lost", "push:stock", "")]


async def test_what_waits_for_a_long_transaction_is_told_until_it_waits_no_more(
    warehouse: Warehouse,
) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row(1)])
    since = warehouse.clock.now
    for _ in range(2):
        warehouse.clock.now += 60_000
        await warehouse.ingest.delta(STOCK, Reading(as_of_ms=since, waits_since_ms=since))
    state = await warehouse.state(STOCK)
    assert (state.verified_through_ms, state.waits_since_ms) == (since, since)
    assert "the first came 2 m ago" in _condition(state, warehouse.clock.now)
    await warehouse.ingest.delta(STOCK, Reading())
    assert await warehouse.state(STOCK) == replace(
        state, waits_since_ms=None, verified_through_ms=warehouse.clock.now
    )
    assert told(warehouse.ingest) == [
        ("feed.waits", "stock", "an older transaction still runs"),
        ("feed.caught_up", "stock", ""),
    ]
