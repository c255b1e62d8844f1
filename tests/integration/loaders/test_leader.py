"""Who leads, on a real Valkey: standing by, handing over, and ending before the lease does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gateway.domain.errors import StoreUnavailableError
from gateway.store.client import DeposedError
from gateway.store.fence import Fence
from gateway.store.leadership import Leadership, Leading, Term, leader
from loaders.errors import NotLeadingError
from loaders.leader import Begun, Leader, Pace, own_name

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

SECONDS = 30
# Long enough to outlast a test, so that only what is done ends a lease.
LONG = Pace(life=600.0, margin=1.0, look_every=0.01)


class Work:
    """What a leader does here: it works until it is cancelled, and says what it has seen."""

    def __init__(self) -> None:
        self.begun: list[Begun] = []
        self.begins = asyncio.Event()
        self.ends = asyncio.Event()
        self.raises: Exception | None = None

    async def __call__(self, begun: Begun) -> int:
        self.begun.append(begun)
        self.begins.set()
        self.ends.clear()
        try:
            if self.raises is not None:
                error, self.raises = self.raises, None
                raise error
            await asyncio.Event().wait()
        finally:
            self.ends.set()
        return 0


class CutOff:
    """The lease of a loader that can no longer reach the store when a test says so."""

    def __init__(self, lease: Leadership) -> None:
        self.name = lease.name
        self.away = False
        self.kept = asyncio.Event()
        self._lease = lease

    async def take(self) -> Term | Leading:
        self._ask()
        return await self._lease.take()

    async def keep(self, term: Term) -> bool:
        self._ask()
        kept = await self._lease.keep(term)
        self.kept.set()
        return kept

    async def give_back(self, term: Term) -> None:
        self._ask()
        await self._lease.give_back(term)

    async def fence(self, term: Term) -> Fence:
        return await self._lease.fence(term)

    def _ask(self) -> None:
        if self.away:
            raise StoreUnavailableError("no connection")


def candidate(warehouse: Warehouse, name: str, pace: Pace = LONG) -> tuple[Leader, CutOff]:
    lease = Leadership(warehouse.client, warehouse.keys, name, int(pace.life * 1000))
    link = CutOff(lease)
    return Leader(link, warehouse.ingest, time.monotonic, pace), link


@asynccontextmanager
async def running(who: Leader, work: Work) -> AsyncIterator[asyncio.Event]:
    shutdown = asyncio.Event()
    task = asyncio.create_task(who.run(work, shutdown))
    try:
        yield shutdown
    finally:
        shutdown.set()
        assert await asyncio.wait_for(task, SECONDS) == 0


async def begins(work: Work) -> Begun:
    await asyncio.wait_for(work.begins.wait(), SECONDS)
    work.begins.clear()
    return work.begun[-1]


async def test_the_standby_takes_over_when_the_leader_stops(warehouse: Warehouse) -> None:
    (first, _), (second, _) = candidate(warehouse, "first"), candidate(warehouse, "second")
    works = Work(), Work()
    async with running(first, works[0]) as shutdown:
        old = await begins(works[0])
        async with running(second, works[1]):
            await asyncio.wait_for(second.settled.wait(), SECONDS)
            with pytest.raises(NotLeadingError, match="another loader leads: first"):
                second.ingest()
            assert first.ingest() is old.ingest
            shutdown.set()
            # Its lease would live for ten minutes: it was given back.
            new = await begins(works[1])
            assert second.ingest() is new.ingest
            with pytest.raises(DeposedError):
                await old.ingest.register.register("stock", "stock")
            await new.ingest.register.register("stock", "stock")
    assert await leader(warehouse.client, warehouse.keys) is None


async def test_who_cannot_keep_the_lease_ends_before_it_does(warehouse: Warehouse) -> None:
    pace = Pace(life=20.0, keep_every=0.05, look_every=0.01, margin=19.5)
    who, link = candidate(warehouse, "first", pace)
    work = Work()
    async with running(who, work):
        await begins(work)
        # It is kept for longer than it would be without being kept.
        kept = [await warehouse.client.redis.get(warehouse.keys.lease)]
        link.away = True
        await asyncio.wait_for(work.ends.wait(), SECONDS)
        kept.append(await warehouse.client.redis.get(warehouse.keys.lease))
        assert kept[0] == kept[1] is not None
        with pytest.raises(NotLeadingError):
            who.ingest()
        link.away = False
        # Nobody led between: what was read is still known.
        assert not (await begins(work)).anew


async def test_a_lease_that_is_kept_outlives_its_life(warehouse: Warehouse) -> None:
    pace = Pace(life=1.0, keep_every=0.05, look_every=0.01, margin=0.1)
    who, _ = candidate(warehouse, "first", pace)
    work = Work()
    async with running(who, work):
        await begins(work)
        began = time.monotonic()
        while time.monotonic() < began + 2 * pace.life:
            assert await leader(warehouse.client, warehouse.keys) == "first"


async def test_who_was_busy_for_too_long_leads_on_if_nobody_else_does(
    warehouse: Warehouse,
) -> None:
    who, link = candidate(warehouse, "first", Pace(life=1.0, keep_every=0.05, margin=0.9))
    work = Work()
    async with running(who, work):
        await begins(work)
        busy(1.2)
        link.kept.clear()
        await asyncio.wait_for(link.kept.wait(), SECONDS)
        assert not work.ends.is_set()
        assert await leader(warehouse.client, warehouse.keys) == "first"


def busy(seconds: float) -> None:
    """Let nothing else run, as sorting some millions of keys does."""
    time.sleep(seconds)


async def test_it_begins_anew_where_another_led_between(warehouse: Warehouse) -> None:
    who, _ = candidate(warehouse, "first", Pace(life=600.0, keep_every=0.01, look_every=0.01))
    other = Leadership(warehouse.client, warehouse.keys, "other", 600_000)
    work = Work()
    async with running(who, work):
        assert (await begins(work)).anew
        await warehouse.client.redis.delete(warehouse.keys.lease)
        term = await other.take()
        while not isinstance(term, Term):  # it may have taken its own lease up again just now
            await warehouse.client.redis.delete(warehouse.keys.lease)
            term = await other.take()
        await asyncio.wait_for(work.ends.wait(), SECONDS)
        assert work.begun == work.begun[:1]
        await other.give_back(term)
        assert (await begins(work)).anew


@pytest.mark.parametrize("away", [DeposedError("another leads"), StoreUnavailableError("gone")])
async def test_work_that_was_refused_is_taken_up_in_another_term(
    warehouse: Warehouse, away: Exception
) -> None:
    who, _ = candidate(warehouse, "first")
    work = Work()
    work.raises = away
    async with running(who, work):
        first = await begins(work)
        second = await begins(work)
        assert first.ingest is not second.ingest
        # A push that the fence refused ends the term as well; one of an earlier term does not.
        who.deposed(first.ingest)
        assert who.ingest() is second.ingest
        who.deposed(second.ingest)
        third = await begins(work)
        assert who.ingest() is third.ingest


async def test_a_mistake_of_ours_is_not_hidden(warehouse: Warehouse) -> None:
    who, _ = candidate(warehouse, "first")
    work = Work()
    work.raises = ZeroDivisionError("a mistake")
    with pytest.raises(ZeroDivisionError):
        await who.run(work, asyncio.Event())
    assert await leader(warehouse.client, warehouse.keys) is None


async def test_a_store_that_was_emptied_has_another_term(warehouse: Warehouse) -> None:
    who, _ = candidate(warehouse, "first", Pace(life=600.0, keep_every=0.01, look_every=0.01))
    work = Work()
    async with running(who, work):
        await begins(work)
        await warehouse.client.redis.flushall()
        assert (await begins(work)).anew


async def test_once_leads_for_as_long_as_it_takes(warehouse: Warehouse) -> None:
    async def done(_: Begun) -> int:
        assert await leader(warehouse.client, warehouse.keys) == "first"
        return 7

    who, _ = candidate(warehouse, "first")
    assert await who.once(done, asyncio.Event()) == 7
    assert await leader(warehouse.client, warehouse.keys) is None


async def test_once_says_who_leads_and_waits_for_the_lease_of_the_dead(
    warehouse: Warehouse,
) -> None:
    async def done(_: Begun) -> int:
        return 0

    who, _ = candidate(warehouse, "second")
    dead = Leadership(warehouse.client, warehouse.keys, "dead", 300)
    assert isinstance(await dead.take(), Term)
    assert await who.once(done, asyncio.Event()) == 0
    living, _ = candidate(warehouse, "living", Pace(life=600.0, keep_every=0.01))
    work = Work()
    async with running(living, work):
        await begins(work)
        with pytest.raises(NotLeadingError, match="living"):
            await who.once(done, asyncio.Event())


async def test_who_leads_is_said_once(warehouse: Warehouse) -> None:
    (first, _), (second, _) = candidate(warehouse, "first"), candidate(warehouse, "second")
    works = Work(), Work()
    with capture_logs() as logs:
        async with running(first, works[0]) as shutdown:
            await begins(works[0])
            async with running(second, works[1]):
                await asyncio.wait_for(second.settled.wait(), SECONDS)
                shutdown.set()
                await begins(works[1])
    told = [(log["action"], log.get("leader")) for log in logs]
    assert told == [
        ("leader.changed", "first"),
        ("leader.other", "first"),
        ("leader.ended", None),
        ("leader.changed", "second"),
        ("leader.ended", None),
    ]


def test_two_processes_have_two_names() -> None:
    assert own_name() != own_name()
