"""A feed's keeper: what fails is tried again, and does not stop what works."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.domain.errors import StoreUnavailableError
from gateway.store.client import DeposedError
from gateway.store.leadership import Leadership, Term
from loaders.agenda import Agenda, Rhythm
from loaders.breaker import MOST_FAILURES, PAUSE, State
from loaders.errors import SourceError, WholeNeededError
from loaders.feedbook import Feed
from loaders.keeper import Keeper
from loaders.reading import NoLines, Reading

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")


class Erp:
    """A source whose snapshots and deltas work or fail as a test says."""

    def __init__(self) -> None:
        self.quantity = 1
        self.version = 0
        self.snapshots_work = True
        self.mistake: Exception | None = None
        self.asked: list[str | None] = []
        self.compared: list[str] = []

    @asynccontextmanager
    async def snapshot(self, done: str | None) -> AsyncIterator[Reading | None]:
        self.asked.append(done)
        if not self.snapshots_work:
            raise SourceError("the snapshot takes too long")
        yield self._reading()

    @asynccontextmanager
    async def delta(self, watermark: str | None) -> AsyncIterator[Reading | None]:
        del watermark
        if self.mistake is not None:
            raise self.mistake
        yield self._reading()

    @asynccontextmanager
    async def reconcile(self, watermark: str) -> AsyncIterator[Reading | None]:
        self.compared.append(watermark)
        if self.mistake is not None:
            raise self.mistake
        reading = self._reading()
        reading.newer = NoLines()
        yield reading

    async def check(self) -> list[str]:
        return []

    async def close(self) -> None:
        return None

    def _reading(self) -> Reading:
        self.version += 1
        row = {"sku": "A", "location": "W1", "quantity": self.quantity, "version": self.version}

        async def lines() -> AsyncIterator[bytes]:
            yield json.dumps(row).encode()

        return Reading(lines())


class Ticks:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def keeper(warehouse: Warehouse, erp: Erp, clock: Ticks) -> Keeper:
    rhythm = Rhythm(snapshot_every=100.0, delta_every=1.0, reconcile_every=10.0)
    agenda = Agenda(rhythm, clock, Random(1))
    return Keeper(STOCK, agenda, erp, warehouse.ingest, warehouse.ingest.outages, clock, Random(1))


async def test_a_failing_snapshot_does_not_stop_the_deltas(warehouse: Warehouse) -> None:
    erp, clock = Erp(), Ticks()
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    assert await warehouse.quantity("A") == 1
    erp.snapshots_work = False
    clock.now = 200.0
    await kept._step()  # the snapshot is due, and fails
    erp.quantity = 7
    await kept._step()  # it is not due again yet: a delta
    assert await warehouse.quantity("A") == 7


async def test_what_waits_for_its_next_try_has_not_recovered(warehouse: Warehouse) -> None:
    erp, clock = Erp(), Ticks()
    erp.snapshots_work = False
    agenda = Agenda(Rhythm(snapshot_every=100.0), clock, Random(1))
    outages = warehouse.ingest.outages
    kept = Keeper(STOCK, agenda, erp, warehouse.ingest, outages, clock, Random(1))
    with capture_logs() as logs:
        await kept._step()
        assert await kept._step() > 0  # not due yet, and there are no deltas
    assert [line["action"] for line in logs] == ["feed.failed"]
    erp.snapshots_work = True
    clock.now = 20.0
    with capture_logs() as logs:
        await kept._step()
    assert [line["action"] for line in logs] == ["feed.recovered", "feed.snapshot"]


async def test_without_a_whole_there_are_no_deltas(warehouse: Warehouse) -> None:
    erp, clock = Erp(), Ticks()
    erp.snapshots_work = False
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    assert await kept._step() > 0
    assert await warehouse.quantity("A") is None
    clock.now = 20.0
    erp.snapshots_work = True
    await kept._step()
    assert await warehouse.quantity("A") == 1


async def test_a_mistake_of_ours_ends_no_feed(warehouse: Warehouse) -> None:
    erp, clock = Erp(), Ticks()
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    erp.mistake = ZeroDivisionError("a mistake")
    with capture_logs() as logs:
        assert await kept._step() > 0
    assert "feed.broken" in [log["action"] for log in logs]
    erp.mistake = None
    erp.quantity = 3
    await kept._step()
    assert await warehouse.quantity("A") == 3


async def test_a_source_that_fails_again_and_again_is_asked_now_and_then(
    warehouse: Warehouse,
) -> None:
    erp, clock = Erp(), Ticks()
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    erp.mistake = SourceError("the database is away")
    for _ in range(MOST_FAILURES):
        await kept._step()
    await kept._note_breaker()
    assert (await warehouse.state(STOCK)).breaker == "open"
    # It is not asked, though it would answer.
    erp.mistake, erp.quantity = None, 9
    assert await kept._step() > 0
    assert await warehouse.quantity("A") == 1
    clock.now += PAUSE
    await kept._step()
    await kept._note_breaker()
    assert await warehouse.quantity("A") == 9
    assert (await warehouse.state(STOCK)).breaker is None


async def test_what_the_store_does_is_no_failure_of_the_source(warehouse: Warehouse) -> None:
    erp, clock = Erp(), Ticks()
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    erp.mistake = StoreUnavailableError("no connection")
    for _ in range(2 * MOST_FAILURES):
        await kept._step()
    assert kept.breaker.state is State.CLOSED


async def test_a_snapshot_that_was_asked_for_is_taken_until_it_works(
    warehouse: Warehouse,
) -> None:
    erp, clock = Erp(), Ticks()
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    await warehouse.ingest.register.save(
        "stock", msgspec.structs.replace(await warehouse.state(STOCK), watermark="w")
    )
    erp.asked.clear()
    clock.now = 200.0
    await kept._step()  # as always: what was read before is not read again
    kept.sync_now()
    erp.snapshots_work = False
    await kept._step()
    erp.snapshots_work = True
    clock.now += 10.0
    await kept._step()
    clock.now += 200.0
    await kept._step()
    assert erp.asked == ["w", None, None, "w"]


async def test_a_reconcile_comes_after_a_delta_when_it_is_due(warehouse: Warehouse) -> None:
    erp, clock = Erp(), Ticks()
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    await kept._step()
    assert erp.compared == []
    clock.now = 12.0
    await kept._step()
    assert erp.compared == []  # nothing tells what is newer
    await warehouse.ingest.register.save(
        "stock", msgspec.structs.replace(await warehouse.state(STOCK), watermark="w")
    )
    clock.now = 24.0
    await kept._step()
    assert erp.compared == ["w"]
    assert (await warehouse.state(STOCK)).drift is not None
    await kept._step()
    assert erp.compared == ["w"]


async def test_a_delta_that_can_tell_nothing_has_a_snapshot_taken_and_is_no_failure(
    warehouse: Warehouse,
) -> None:
    erp, clock = Erp(), Ticks()
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    erp.mistake = WholeNeededError("the outbox was emptied")
    erp.quantity = 5
    wait = await kept._step()
    for _ in range(2 * MOST_FAILURES):
        wait = await kept._step()
    assert await warehouse.quantity("A") == 1
    assert (await warehouse.state(STOCK)).error is None
    assert kept.breaker.state is State.CLOSED
    clock.now += wait
    await kept._step()
    assert await warehouse.quantity("A") == 5


async def test_a_change_wakes_who_waits_but_not_who_leaves_the_source_alone(
    warehouse: Warehouse,
) -> None:
    erp, clock = Erp(), Ticks()
    kept = keeper(warehouse, erp, clock)
    await kept._step()
    await kept._step()
    assert kept._agenda.seconds_left() > 0
    kept.changed()
    assert kept._agenda.seconds_left() == 0
    await asyncio.wait_for(kept._wait(3600.0), 30)
    erp.mistake = SourceError("the database is away")
    await kept._step()
    kept.changed()
    assert not kept._woken.is_set()


async def test_a_deposed_keeper_ends(warehouse: Warehouse) -> None:
    lease = Leadership(warehouse.client, warehouse.keys, "first", 600_000)
    term = await lease.take()
    assert isinstance(term, Term)
    kept = keeper(warehouse, Erp(), Ticks())
    kept.take_up(warehouse.ingest.under(await lease.fence(term)), anew=True)
    await lease.take()
    with pytest.raises(DeposedError):
        await kept.keep()
