"""A feed's desk for refresh requests, over a real store: what it asks, writes and tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gateway.domain.confirmations import Unconfirmed
from gateway.store.refresh_codec import MOST_SKUS, Refreshed, RefreshRequest
from loaders.budgets import CallBudget
from loaders.errors import SourceError
from loaders.feedbook import Feed
from loaders.reading import Reading
from loaders.refresh_desk import Asking, Breaker, RefreshDesk
from tests.integration.loaders.conftest import lines

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")
SECONDS = 20


class Erp:
    """A source that has so many of every SKU at W1, or fails as a test says."""

    def __init__(self) -> None:
        self.quantity = 1
        self.version: int | None = None
        self.mistake: Exception | None = None
        self.answering = asyncio.Event()
        self.answering.set()
        self.calls: list[Sequence[str]] = []
        self.closed = False

    async def some(self, skus: Sequence[str]) -> Reading:
        self.calls.append(skus)
        await self.answering.wait()
        if self.mistake is not None:
            raise self.mistake
        row = {"location": "W1", "quantity": self.quantity, "version": self.version}
        return Reading(lines([{"sku": sku, **row} for sku in skus]))

    async def close(self) -> None:
        self.closed = True


class Trips:
    """A breaker that is open or not as a test says, and remembers what it was told."""

    def __init__(self, *, allowing: bool) -> None:
        self.allowing = allowing
        self.told: list[bool] = []

    def allows(self, now: float) -> bool:
        del now
        return self.allowing

    def succeeded(self) -> None:
        self.told.append(True)

    def failed(self) -> None:
        self.told.append(False)


class NoBreaker:
    """Lets every call through."""

    def allows(self, now: float) -> bool:
        """Always."""
        del now
        return True

    def succeeded(self) -> None:
        """No matter."""

    def failed(self) -> None:
        """No matter."""


class Counter:
    """Asks a desk, and hears what it tells."""

    def __init__(
        self, warehouse: Warehouse, erp: Erp, breaker: Breaker, timeout: float = SECONDS
    ) -> None:
        self.heard: asyncio.Queue[Refreshed] = asyncio.Queue()
        clock = asyncio.get_running_loop().time
        asking = Asking(erp, CallBudget(1_000, 1_000), breaker, timeout)
        tell = self.heard.put_nowait
        self.desk = RefreshDesk(
            STOCK, asking, warehouse.ingest, warehouse.ingest.outages, tell, clock, warehouse.clock
        )

    async def ask(self, *skus: str) -> Refreshed:
        self.desk.take(RefreshRequest("mine", skus, 5_000))
        return await self.next()

    async def next(self) -> Refreshed:
        async with asyncio.timeout(SECONDS):
            return await self.heard.get()


@pytest.fixture
async def erp(warehouse: Warehouse) -> Erp:
    """The feed has been loaded: of A there were five."""
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [{"sku": "A", "location": "W1", "quantity": 5}])
    return Erp()


@asynccontextmanager
async def staffed(
    warehouse: Warehouse, erp: Erp, breaker: Breaker | None = None
) -> AsyncIterator[Counter]:
    counter = Counter(warehouse, erp, breaker or NoBreaker())
    running = asyncio.create_task(counter.desk.run())
    yield counter
    running.cancel()
    await asyncio.wait({running})
    assert erp.closed


async def test_what_is_read_is_written_and_the_feed_stays_as_it_was(
    warehouse: Warehouse, erp: Erp
) -> None:
    before = await warehouse.state(STOCK)
    warehouse.clock.now += 60_000
    async with staffed(warehouse, erp) as counter:
        told = await counter.ask("A", "new")
    now = warehouse.clock.now
    assert told == Refreshed(("mine",), as_of_ms=now, read={"A": ("W1",), "new": ("W1",)})
    assert [await warehouse.quantity(sku) for sku in ("A", "new")] == [1, 1]
    assert await warehouse.state(STOCK) == before


async def test_an_older_version_is_not_written(warehouse: Warehouse, erp: Erp) -> None:
    await warehouse.delta(STOCK, {"sku": "A", "location": "W1", "quantity": 9, "version": 7})
    erp.version = 6
    async with staffed(warehouse, erp) as counter:
        await counter.ask("A")
        assert await warehouse.quantity("A") == 9
        erp.version = 8
        await counter.ask("A")
    assert await warehouse.quantity("A") == 1


async def test_a_breaker_is_asked_before_and_told_after(warehouse: Warehouse, erp: Erp) -> None:
    breaker = Trips(allowing=False)
    async with staffed(warehouse, erp, breaker) as counter:
        assert (await counter.ask("A")).refused == {"A": Unconfirmed.BREAKER_OPEN}
        assert (erp.calls, breaker.told) == ([], [])
        breaker.allowing = True
        await counter.ask("A")
        erp.mistake = SourceError("feed stock: the ERP is away")
        with capture_logs() as logs:
            assert (await counter.ask("A")).refused == {"A": Unconfirmed.ERP_DOWN}
            await counter.ask("A")
        # Said once.
        assert [log["reason"] for log in logs] == ["feed stock: the ERP is away"]
        erp.mistake = TimeoutError()
        assert (await counter.ask("A")).refused == {"A": Unconfirmed.ERP_DOWN}
    assert breaker.told == [True, False, False, False]


async def test_an_erp_that_hangs_is_given_up(warehouse: Warehouse, erp: Erp) -> None:
    breaker = Trips(allowing=True)
    counter = Counter(warehouse, erp, breaker, timeout=0.01)
    running = asyncio.create_task(counter.desk.run())
    erp.answering.clear()
    assert (await counter.ask("A")).refused == {"A": Unconfirmed.ERP_DOWN}
    assert breaker.told == [False]
    running.cancel()
    await asyncio.wait({running})


async def test_what_cannot_be_written_is_not_confirmed(warehouse: Warehouse) -> None:
    erp = Erp()
    async with staffed(warehouse, erp) as counter:
        assert (await counter.ask("A")).refused == {"A": Unconfirmed.NOT_WRITTEN}
        await warehouse.register(STOCK)
        # Registered, but not loaded: one SKU of it is not the whole.
        assert (await counter.ask("A")).refused == {"A": Unconfirmed.NOT_WRITTEN}
        assert await warehouse.quantity("A") is None


async def test_a_mistake_of_ours_ends_no_desk(warehouse: Warehouse, erp: Erp) -> None:
    async with staffed(warehouse, erp) as counter:
        erp.mistake = ZeroDivisionError("a mistake")
        with capture_logs() as logs:
            assert (await counter.ask("A")).refused == {"A": Unconfirmed.ERP_DOWN}
        assert "feed.broken" in [log["action"] for log in logs]
        erp.mistake = None
        assert (await counter.ask("A")).read == {"A": ("W1",)}


async def test_a_call_is_for_so_many_skus_and_the_next_for_the_rest(
    warehouse: Warehouse, erp: Erp
) -> None:
    async with staffed(warehouse, erp) as counter:
        sets = [tuple(f"{name}-{number}" for number in range(MOST_SKUS // 2)) for name in "ABC"]
        for name, skus in zip("ABC", sets, strict=True):
            counter.desk.take(RefreshRequest(name, skus, 10_000))
        assert (await counter.next()).requests == ("A", "B")
        assert (await counter.next()).requests == ("C",)
    assert [len(skus) for skus in erp.calls] == [MOST_SKUS, MOST_SKUS // 2]


async def test_more_than_can_be_waited_for_is_refused(warehouse: Warehouse, erp: Erp) -> None:
    counter = Counter(warehouse, erp, NoBreaker())
    skus = tuple(f"S{number}" for number in range(MOST_SKUS))
    for number in range(11):
        counter.desk.take(RefreshRequest(str(number), skus, 10_000))
    told = counter.heard.get_nowait()
    assert (told.requests, set(told.refused.values())) == (("10",), {Unconfirmed.ERP_BUSY})
    assert counter.heard.empty()


async def test_those_who_have_gone_keep_no_room(warehouse: Warehouse, erp: Erp) -> None:
    counter = Counter(warehouse, erp, NoBreaker())
    skus = tuple(f"S{number}" for number in range(MOST_SKUS))
    for number in range(10):
        counter.desk.take(RefreshRequest(str(number), skus, 1))
    await asyncio.sleep(0.002)
    running = asyncio.create_task(counter.desk.run())
    assert (await counter.ask("A")).read == {"A": ("W1",)}
    assert erp.calls == [["A"]]
    running.cancel()
    await asyncio.wait({running})


async def test_for_whom_it_is_too_late_nobody_asks(warehouse: Warehouse, erp: Erp) -> None:
    counter = Counter(warehouse, erp, NoBreaker())
    counter.desk.take(RefreshRequest("late", ("A",), 1))
    # The desk opens after that.
    await asyncio.sleep(0.002)
    running = asyncio.create_task(counter.desk.run())
    assert (await counter.ask("B")).requests == ("mine",)
    running.cancel()
    await asyncio.wait({running})
    assert erp.calls == [["B"]]
