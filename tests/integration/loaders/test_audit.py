"""Audits of a feed against a real PostgreSQL: what is looked at, judged, written and published."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import TYPE_CHECKING, Final

import asyncpg
import pytest

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import PostgresSource
from gateway.domain.accuracy import Accuracy
from gateway.store.sampling import random_skus
from loaders.audit import Audit, Sampling
from loaders.breaker import MOST_FAILURES, Breaker, State
from loaders.budgets import CallBudget
from loaders.errors import SourceError
from loaders.feedbook import Feed
from loaders.refresh_desk import Asking
from loaders.samples import Samples
from loaders.sources.postgres import PostgresReader
from loaders.sources.postgres_skus import PostgresSkus

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK: Final = Feed("stock", "stock")
QUERY: Final = "SELECT sku, place AS location, amount AS quantity, moved_at FROM b"
OLD, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


class Audited:
    """A feed that was read from the ERP's table, and its audit."""

    def __init__(self, warehouse: Warehouse, erp: asyncpg.Connection, dsn: str) -> None:
        self.warehouse = warehouse
        self.erp = erp
        self.now = 0.0
        feed = FeedSettings(kind="stock", source="erp", query=QUERY, watermark="moved_at")
        source = PostgresSource(type="postgres", dsn=dsn)
        self.reader = PostgresReader("stock", feed, source, lambda: self.now)
        self.skus = PostgresSkus("stock", feed, source, lambda: self.now)
        self.budget = CallBudget(10, 5)
        self.breaker = Breaker()
        self.audit = Audit(
            STOCK,
            Asking(self.skus, self.budget, self.breaker, 20.0),
            Sampling(60.0, 10, "moved_at", 10.0),
            Samples(warehouse.client, warehouse.keys, warehouse.clock),
            warehouse.ingest,
            lambda: self.now,
            Random(1),
        )

    async def load(self, *skus: str) -> None:
        await self.erp.executemany(
            "INSERT INTO b VALUES ($1, 'W1', 5, $2::text::timestamptz)", [(s, OLD) for s in skus]
        )
        await self.warehouse.register(STOCK)
        async with self.reader.snapshot(None) as reading:
            await self.warehouse.ingest.snapshot(STOCK, reading)

    async def look(self) -> Accuracy | None:
        self.now += 60
        self.warehouse.clock.now += 60_000
        return await self.audit.look()


@pytest.fixture
async def erp(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await connection.execute(
        "CREATE TABLE b (sku text, place text, amount int, moved_at timestamptz)"
    )
    yield connection
    await connection.close()


@pytest.fixture
async def audited(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str
) -> AsyncIterator[Audited]:
    made = Audited(warehouse, erp, database)
    yield made
    await made.reader.close()
    await made.skus.close()


async def test_what_is_right_is_published_with_its_bounds(audited: Audited) -> None:
    await audited.load("A", "B", "C")
    accuracy = await audited.look()
    assert accuracy == Accuracy(3, 3, audited.warehouse.clock.now)
    state = await audited.warehouse.state(STOCK)
    assert state.accuracy == accuracy
    assert await audited.look() == Accuracy(6, 6, audited.warehouse.clock.now)


async def test_what_deltas_lost_is_wrong_and_only_looked_at(audited: Audited) -> None:
    await audited.load("A", "B", "C", "D")
    await audited.erp.execute(f"INSERT INTO b VALUES ('new', 'W1', 1, '{LATER}')")
    async with audited.reader.delta((await audited.warehouse.state(STOCK)).watermark) as reading:
        assert reading is not None
        await audited.warehouse.ingest.delta(STOCK, reading)
    # Of one the change came too late for any delta, of one a place was opened so, one is gone.
    await audited.erp.execute(
        "UPDATE b SET amount = 9 WHERE sku = 'A'; DELETE FROM b WHERE sku = 'C';"
        f"INSERT INTO b VALUES ('B', 'W2', 2, '{OLD}')"
    )
    assert await audited.look() == Accuracy(5, 2, audited.warehouse.clock.now)
    # To put it right is the next reconcile's, which the guard judges.
    assert await audited.warehouse.quantity("A") == 5
    assert await audited.warehouse.level("B", "W2") is None
    assert await audited.warehouse.quantity("C") == 5
    assert await audited.look() == Accuracy(10, 4, audited.warehouse.clock.now)


async def test_what_the_next_delta_brings_is_right(audited: Audited) -> None:
    await audited.load("A", "B")
    await audited.erp.execute(f"UPDATE b SET amount = 9, moved_at = '{LATER}' WHERE sku = 'A'")
    assert await audited.look() == Accuracy(2, 2, audited.warehouse.clock.now)
    # It is no audit's to bring.
    assert await audited.warehouse.quantity("A") == 5


async def test_a_rejected_row_says_nothing_of_its_sku(audited: Audited) -> None:
    await audited.load("A", "B")
    await audited.erp.execute("UPDATE b SET amount = -1 WHERE sku = 'A'")
    assert await audited.look() == Accuracy(1, 1, audited.warehouse.clock.now)
    assert await audited.warehouse.quantity("A") == 5


async def test_an_erp_that_others_ask_is_not_asked(audited: Audited) -> None:
    await audited.load("A")
    audited.budget.take(audited.now)
    assert await audited.audit.look() is None
    assert await audited.look() is not None


async def test_nothing_is_looked_at_before_there_is_a_whole(audited: Audited) -> None:
    await audited.warehouse.register(STOCK)
    assert await audited.look() is None


async def test_an_erp_that_fails_is_left_alone(audited: Audited) -> None:
    await audited.load("A")
    await audited.erp.execute("ALTER TABLE b RENAME TO elsewhere")
    for _ in range(MOST_FAILURES):
        with pytest.raises(SourceError):
            await audited.look()
    assert audited.breaker.state is State.OPEN
    assert (await audited.warehouse.state(STOCK)).failing_since_ms is None
    assert await audited.audit.look() is None


async def test_other_feeds_and_products_are_no_sample(audited: Audited) -> None:
    other = Feed("other", "stock")
    products = Feed("products", "products")
    await audited.warehouse.register(other, products)
    await audited.load("A")
    row = {"location": "W1", "quantity": 1}
    await audited.warehouse.snapshot(other, [{"sku": f"O{n}", **row} for n in range(50)])
    await audited.warehouse.snapshot(products, [{"sku": "A"}, {"sku": "P"}])
    seen: set[str] = set()
    while not seen:
        seen |= (await draw(audited)).keys()
    assert seen == {"A"}


async def draw(audited: Audited) -> dict[str, object]:
    number = (await audited.warehouse.state(STOCK)).number
    samples = Samples(audited.warehouse.client, audited.warehouse.keys, audited.warehouse.clock)
    return dict(await samples.draw(number, 10))


async def test_every_sku_has_its_turn(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    skus = {f"S{number}" for number in range(40)} | {"a}{b", "ä %7D"}
    rows = [{"sku": sku, "location": "W1", "quantity": 1} for sku in skus]
    await warehouse.snapshot(STOCK, rows)
    seen: set[str] = set()
    async with asyncio.timeout(20):
        while seen != skus:
            seen |= set(await random_skus(warehouse.client, warehouse.keys, 10))
