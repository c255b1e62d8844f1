"""Reconciles on a real PostgreSQL and Valkey: what deltas missed is counted and put right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import PostgresSource
from gateway.store.feeds import Drift
from loaders.errors import SourceError
from loaders.feedbook import Feed
from loaders.outcome import Outcome
from loaders.reading import NoLines, Reading
from loaders.release import release
from loaders.sources.postgres import PostgresReader
from tests.examples import examples

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK: Final = Feed("stock", "stock")
MIDWINTER: Final = datetime(2026, 1, 1, tzinfo=UTC)
OVERLAP: Final = timedelta(seconds=10)
LATE: Final = timedelta(seconds=60)
VERSIONED: Final = "SELECT sku, 'W1' AS location, amount AS quantity, moved_at AS updated_at FROM b"
BARE: Final = "SELECT sku, 'W1' AS location, amount AS quantity, moved_at FROM b"
MARKED: Final = BARE.replace("moved_at", 'moved_at, gone AS "delete"')


class Shop:
    """An ERP's table, a reader of it, and the store that is to follow it."""

    def __init__(
        self, warehouse: Warehouse, erp: asyncpg.Connection, dsn: str, query: str = VERSIONED
    ) -> None:
        self.warehouse = warehouse
        self.erp = erp
        self.now = MIDWINTER
        watermark = "updated_at" if query == VERSIONED else "moved_at"
        feed = FeedSettings(kind="stock", source="erp", query=query, watermark=watermark)
        source = PostgresSource(type="postgres", dsn=dsn)
        self.reader = PostgresReader("stock", feed, source, lambda: 0.0)

    def tick(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)
        self.warehouse.clock.now += int(seconds * 1000)

    async def write(self, sku: str, amount: int, at: datetime | None = None) -> None:
        self.tick()
        await self.erp.execute(
            "INSERT INTO b (sku, amount, moved_at) VALUES ($1, $2, $3) "
            "ON CONFLICT (sku) DO UPDATE SET amount = $2, moved_at = $3",
            sku,
            amount,
            at or self.now,
        )

    async def delete(self, sku: str) -> None:
        self.tick()
        await self.erp.execute("DELETE FROM b WHERE sku = $1", sku)

    async def snapshot(self) -> Outcome:
        self.tick()
        await self.warehouse.register(STOCK)
        async with self.reader.snapshot(None) as reading:
            return await self.warehouse.ingest.snapshot(STOCK, reading)

    async def delta(self) -> Outcome:
        self.tick()
        async with self.reader.delta((await self.warehouse.state(STOCK)).watermark) as reading:
            assert reading is not None
            return await self.warehouse.ingest.delta(STOCK, reading)

    async def reconcile(self) -> Drift | None:
        self.tick()
        watermark = (await self.warehouse.state(STOCK)).watermark
        async with self.reader.reconcile(watermark or "") as reading:
            assert reading is not None
            return (await self.warehouse.ingest.snapshot(STOCK, reading)).drift

    async def rows(self) -> dict[str, tuple[int, datetime]]:
        return {
            sku: (amount, at)
            for sku, amount, at in await self.erp.fetch("SELECT sku, amount, moved_at FROM b")
        }

    async def held(self) -> dict[str, int]:
        return {
            sku: stock.levels["W1"].quantity // 1000
            for sku, stock in (await self.warehouse.everything()).items()
            if stock is not None and "W1" in stock.levels
        }


@pytest.fixture
async def erp(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await connection.execute(
        "CREATE TABLE b (sku text PRIMARY KEY, amount int, moved_at timestamptz, "
        "gone boolean NOT NULL DEFAULT false)"
    )
    yield connection
    await connection.close()


@pytest.fixture
async def shop(warehouse: Warehouse, erp: asyncpg.Connection, database: str) -> AsyncIterator[Shop]:
    made = Shop(warehouse, erp, database)
    await made.write("anchor", 1)
    yield made
    await made.reader.close()


async def test_what_deltas_miss_is_found_and_repaired(shop: Shop) -> None:
    for sku in ("gone", "late", "same"):
        await shop.write(sku, 5)
    await shop.snapshot()
    shop.tick(100)
    await shop.write("new", 1)
    await shop.delta()
    await shop.delete("gone")
    await shop.write("late", 7, shop.now - LATE)
    await shop.write("late insert", 8, shop.now - LATE)
    await shop.delta()
    assert await shop.held() == {"anchor": 1, "gone": 5, "late": 5, "same": 5, "new": 1}
    before = await shop.warehouse.state(STOCK)
    with capture_logs() as logs:
        drift = await shop.reconcile()
    assert drift == Drift(shop.warehouse.clock.now, missing=1, extra=1, differing=1)
    expected = {"anchor": 1, "late": 7, "late insert": 8, "same": 5, "new": 1}
    assert await shop.held() == expected
    state = await shop.warehouse.state(STOCK)
    assert state.drift == drift
    # What is newer was left to the next delta: nothing is verified later for this.
    assert state.verified_through_ms == before.verified_through_ms
    assert state.watermark == before.watermark
    told = [log for log in logs if log["action"] == "feed.drift"]
    assert [(one["subject"], one["missing"], one["extra"], one["differing"]) for one in told] == [
        ("stock", 1, 1, 1)
    ]


async def test_that_the_store_agrees_again_is_told_once(shop: Shop) -> None:
    await shop.write("gone", 5)
    await shop.snapshot()
    await shop.delete("gone")
    with capture_logs() as logs:
        for _ in range(3):
            await shop.reconcile()
    told = [log["action"] for log in logs if log["action"] in {"feed.drift", "feed.steady"}]
    assert told == ["feed.drift", "feed.steady"]
    assert (await shop.warehouse.state(STOCK)).drift == Drift(shop.warehouse.clock.now)


async def test_a_reconcile_writes_only_what_differs(shop: Shop) -> None:
    for number in range(30):
        await shop.write(f"S{number}", 5)
    await shop.snapshot()
    shop.tick(100)
    await shop.write("new", 1)
    await shop.delta()
    held = await shop.warehouse.heads("S1")
    await shop.reconcile()
    assert await shop.warehouse.heads("S1") == held  # not even its round was written anew


async def test_what_was_learnt_of_sales_is_no_drift(shop: Shop) -> None:
    shop.warehouse.ingest.learning = True
    await shop.write("A", 5)
    await shop.snapshot()
    shop.tick(100)
    await shop.write("A", 3)
    await shop.delta()
    shop.tick(100)
    await shop.write("new", 1)
    await shop.delta()
    level = await shop.warehouse.level("A")
    assert level is not None
    assert level.rate.sold
    assert await shop.reconcile() == Drift(shop.warehouse.clock.now)
    assert await shop.warehouse.level("A") == level


async def test_a_mass_vanishing_is_held_back_and_can_be_released(shop: Shop) -> None:
    for number in range(80):
        await shop.write(f"S{number}", 5)
    await shop.snapshot()
    await shop.erp.execute("DELETE FROM b WHERE sku > 'S5'")
    assert await shop.reconcile() is None
    state = await shop.warehouse.state(STOCK)
    assert "would fall to zero or vanish" in (state.held_back or "")
    assert len(await shop.held()) == 81
    outcome = await release(shop.warehouse.ingest, "stock")
    assert outcome.removed == 81 - len(await shop.rows())
    assert (await shop.held()).keys() == (await shop.rows()).keys()
    released = await shop.warehouse.state(STOCK)
    assert released.verified_through_ms == state.verified_through_ms


async def test_a_rejected_row_is_no_drift_and_stays(shop: Shop) -> None:
    await shop.write("bad", 5)
    await shop.snapshot()
    shop.tick(100)
    await shop.write("new", 1)
    await shop.delta()
    await shop.write("bad", -1, shop.now - LATE)
    drift = await shop.reconcile()
    assert drift == Drift(shop.warehouse.clock.now)
    assert (await shop.held())["bad"] == 5
    # Once it is good again, it is as young as its feed.
    await shop.write("bad", 5, shop.now - LATE)
    await shop.reconcile()
    assert not (await shop.warehouse.heads("bad"))["W1"].flags


async def test_a_reading_that_is_cut_short_changes_nothing(shop: Shop) -> None:
    await shop.write("A", 5)
    await shop.snapshot()

    async def cut() -> AsyncIterator[bytes]:
        yield b'{"sku": "A", "location": "W1", "quantity": 9, "updated_at": "2026-03-01T00:00:00Z"}'
        raise SourceError("the connection broke")

    with pytest.raises(SourceError):
        await shop.warehouse.ingest.snapshot(STOCK, Reading(cut(), newer=NoLines()))
    assert await shop.held() == {"anchor": 1, "A": 5}
    state = await shop.warehouse.state(STOCK)
    assert (state.drift, state.error) == (None, "the connection broke")


async def test_a_row_without_a_key_may_be_any_so_nothing_is_removed(shop: Shop) -> None:
    await shop.write("gone", 5)
    await shop.snapshot()
    await shop.delete("gone")
    shop.tick(100)
    await shop.write("", 1)  # newer, so the next delta rejects it
    assert await shop.reconcile() == Drift(shop.warehouse.clock.now)
    assert (await shop.held())["gone"] == 5


async def test_what_is_only_marked_as_deleted_is_left_to_the_delta(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str
) -> None:
    shop = Shop(warehouse, erp, database, MARKED)
    for sku in ("anchor", "gone"):
        await shop.write(sku, 5)
    await shop.snapshot()
    shop.tick(100)
    await shop.delta()
    await erp.execute("UPDATE b SET gone = true, moved_at = $1 WHERE sku = 'gone'", shop.now)
    assert await shop.reconcile() == Drift(warehouse.clock.now)
    assert "gone" in await shop.held()
    await shop.delta()
    assert await shop.held() == {"anchor": 5}
    await shop.reader.close()


async def test_a_healthy_feed_shows_no_drift_under_writes(shop: Shop, database: str) -> None:
    """Rows change all the time, by transactions that end in another order than they began."""
    done, wrote = asyncio.Event(), asyncio.Event()
    written = 0

    async def writer(number: int) -> None:
        nonlocal written
        connection = await asyncpg.connect(database)
        while not done.is_set():
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO b (sku, amount, moved_at) VALUES ($1, $2, now()) "
                    "ON CONFLICT (sku) DO UPDATE SET amount = $2, moved_at = now()",
                    f"{number}-{written % 97}",
                    written,
                )
                # Others come in between.
                await connection.execute("SELECT count(*) FROM b")
            written += 1
            wrote.set()
        await connection.close()

    await shop.snapshot()
    writers = [asyncio.create_task(writer(number)) for number in range(3)]
    try:
        for _ in range(15):
            await shop.delta()
            wrote.clear()
            await wrote.wait()
            assert await shop.reconcile() == Drift(shop.warehouse.clock.now)
    finally:
        done.set()
        await asyncio.gather(*writers)
    await shop.delta()
    assert await shop.held() == {sku: amount for sku, (amount, _) in (await shop.rows()).items()}


ACTS: Final = st.lists(
    st.tuples(
        st.sampled_from(["write", "late", "delete", "delta", "rest"]),
        st.sampled_from("ABCDE"),
        st.integers(0, 3),
    ),
    max_size=20,
)


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS, st.booleans())
async def test_after_a_reconcile_the_store_is_the_erp(
    warehouse: Warehouse,
    erp: asyncpg.Connection,
    database: str,
    acts: list[tuple[str, str, int]],
    versioned: bool,
) -> None:
    """Whatever was written, deleted or committed too late; and as much is counted as was lost."""
    await warehouse.client.redis.flushall()
    await erp.execute("TRUNCATE b")
    shop = Shop(warehouse, erp, database, VERSIONED if versioned else BARE)
    try:
        await _played(shop, acts)
    finally:
        await shop.reader.close()


async def _played(shop: Shop, acts: list[tuple[str, str, int]]) -> None:
    await shop.write("anchor", 1)
    await shop.snapshot()
    for act, sku, amount in acts:
        await _act(shop, act, sku, amount)
    state, rows, held = await shop.warehouse.state(STOCK), await shop.rows(), await shop.held()
    mark = datetime.fromisoformat(state.watermark or "")
    settled = {sku: amount for sku, (amount, at) in rows.items() if at <= mark - OVERLAP}
    expected = Drift(
        shop.warehouse.clock.now + 1000,
        missing=len(settled.keys() - held.keys()),
        extra=len(held.keys() - rows.keys()),
        differing=sum(held.get(sku, amount) != amount for sku, amount in settled.items()),
    )
    assert await shop.reconcile() == expected
    assert await shop.reconcile() == Drift(shop.warehouse.clock.now)
    await shop.delta()
    assert await shop.held() == {sku: amount for sku, (amount, _) in rows.items()}


async def _act(shop: Shop, act: str, sku: str, amount: int) -> None:
    match act:
        case "write":
            await shop.write(sku, amount)
        case "late":
            at = shop.now - LATE
            # No row's own stamp goes back.
            if (await shop.rows()).get(sku, (0, MIDWINTER - 2 * LATE))[1] < at:
                await shop.write(sku, amount, at)
        case "delete":
            await shop.delete(sku)
        case "delta":
            await shop.delta()
        case _:
            shop.tick(30)


async def test_price_rows_are_compared_where_they_lie(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str
) -> None:
    """Rows of open lists lie with their SKUs, others in their list's hash, all for one too."""
    lists, prices = Feed("lists", "price_lists"), Feed("prices", "prices")
    await warehouse.register(lists, prices)
    contract: dict[str, Any] = {"price_list": "K", "currency": "EUR", "layer": "contract"}
    opened = {"price_list": "B", "currency": "EUR", "layer": "base"}
    await warehouse.snapshot(lists, [opened, contract | {"customers": ["c"]}])
    await erp.execute(
        "CREATE TABLE p (list text, sku text, price numeric, at timestamptz);"
        "INSERT INTO p SELECT l, s, 10, '2026-01-01T00:00:00Z' FROM unnest('{B,K}'::text[]) l, "
        "unnest('{X,Y,Z}'::text[]) s; "
        "INSERT INTO p VALUES ('K', 'new', 3, '2026-01-01T01:00:00Z')"
    )
    query = 'SELECT list AS price_list, sku, sku IS NULL AS "all", price AS unit_price, at FROM p'
    feed = FeedSettings(kind="prices", source="erp", query=query, watermark="at")
    source = PostgresSource(type="postgres", dsn=database)
    reader = PostgresReader("prices", feed, source, lambda: 0.0)
    async with reader.snapshot(None) as reading:
        await warehouse.ingest.snapshot(prices, reading)
    await erp.execute(
        "UPDATE p SET price = 12 WHERE sku = 'X'; DELETE FROM p WHERE sku = 'Y';"
        "INSERT INTO p VALUES ('B', NULL, 9, '2026-01-01T00:00:00Z')"
    )
    async with reader.reconcile((await warehouse.state(prices)).watermark or "") as compared:
        assert compared is not None
        outcome = await warehouse.ingest.snapshot(prices, compared)
    assert outcome.drift == Drift(warehouse.clock.now, missing=1, extra=2, differing=2)
    assert await warehouse.prices() == {
        ("B", "", 1): 9,
        ("B", "X", 1): 12,
        ("B", "Z", 1): 10,
        ("K", "X", 1): 12,
        ("K", "Z", 1): 10,
        ("K", "new", 1): 3,
    }
    await reader.close()
