"""A feed with an outbox, from the ERP's write to the store, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from gateway.config.feed_sections import PostgresSource
from loaders.errors import SourceError, WholeNeededError
from loaders.feedbook import Feed
from loaders.outcome import Outcome
from loaders.reading import Reading
from loaders.sources.outbox_mark import decoded
from loaders.sources.postgres import PostgresReader
from tests.noted_erp import NotedErp, noted_feed

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")


@pytest.fixture
async def clerk(erp: NotedErp) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(erp.clerk)
    yield connection
    await connection.close()


@pytest.fixture
async def reader(erp: NotedErp) -> AsyncIterator[PostgresReader]:
    reader = reading(erp)
    yield reader
    await reader.close()


def reading(erp: NotedErp, **outbox: Any) -> PostgresReader:
    source = PostgresSource(type="postgres", dsn=erp.reader, query_timeout=10.0)
    return PostgresReader("stock", noted_feed(**outbox), source, lambda: 0.0)


async def take(warehouse: Warehouse, reader: PostgresReader) -> Outcome:
    await warehouse.register(STOCK)
    async with reader.snapshot(None) as reading:
        return await warehouse.ingest.snapshot(STOCK, reading)


async def follow(warehouse: Warehouse, reader: PostgresReader) -> Outcome:
    state = await warehouse.state(STOCK)
    async with reader.delta(state.watermark) as reading:
        assert isinstance(reading, Reading)
        return await warehouse.ingest.delta(STOCK, reading)


async def test_what_changes_is_taken_over_and_nothing_else_is_read(
    warehouse: Warehouse, reader: PostgresReader, clerk: asyncpg.Connection
) -> None:
    assert (await take(warehouse, reader)).accepted == 20
    await clerk.execute("UPDATE bins SET amount = 99 WHERE sku IN ('S1', 'S2')")
    await clerk.execute("INSERT INTO bins VALUES ('N', 'W1', 5)")
    await clerk.execute("UPDATE bins SET amount = 98 WHERE sku = 'nowhere'")
    outcome = await follow(warehouse, reader)
    assert (outcome.accepted, outcome.ignored) == (3, 0)
    assert await warehouse.quantity("S2") == 99
    assert await warehouse.quantity("N") == 5
    again = await follow(warehouse, reader)
    assert (again.accepted, again.ignored) == (0, 0)


async def test_what_is_deleted_is_gone_and_comes_back_with_the_version_it_had(
    warehouse: Warehouse, reader: PostgresReader, clerk: asyncpg.Connection, erp: NotedErp
) -> None:
    await take(warehouse, reader)
    await clerk.execute("DELETE FROM bins WHERE sku = 'S3'")
    await follow(warehouse, reader)
    assert await warehouse.level("S3") is None
    # Nothing late rises from what was deleted.
    late = {"sku": "S3", "location": "W1", "quantity": 7, "version": 3}
    await warehouse.delta(STOCK, late)
    assert await warehouse.level("S3") is None
    # Put back as it was, version and all.
    await erp.run(erp.owner, "ALTER TABLE bins DISABLE TRIGGER stamp")
    await clerk.execute("INSERT INTO bins VALUES ('S3', 'W1', 3, 3)")
    await follow(warehouse, reader)
    assert await warehouse.quantity("S3") == 3


async def test_a_key_that_moves_is_deleted_where_it_was(
    warehouse: Warehouse, reader: PostgresReader, clerk: asyncpg.Connection
) -> None:
    await take(warehouse, reader)
    await clerk.execute("UPDATE bins SET place = 'W2' WHERE sku = 'S4'")
    await follow(warehouse, reader)
    assert await warehouse.level("S4", "W1") is None
    assert await warehouse.quantity("S4", "W2") == 4


async def test_nothing_beyond_the_oldest_running_transaction_is_read(
    warehouse: Warehouse, reader: PostgresReader, clerk: asyncpg.Connection, erp: NotedErp
) -> None:
    await take(warehouse, reader)
    slow = await asyncpg.connect(erp.clerk)
    open_ = slow.transaction()
    await open_.start()
    await slow.execute("UPDATE bins SET amount = 50 WHERE sku = 'S5'")
    await clerk.execute("UPDATE bins SET amount = 60 WHERE sku = 'S6'")
    async with reader.delta((await warehouse.state(STOCK)).watermark) as told:
        assert told is not None
        assert told.waits
        await warehouse.ingest.delta(STOCK, told)
    assert await warehouse.quantity("S6") == 6
    await open_.commit()
    await slow.close()
    outcome = await follow(warehouse, reader)
    assert outcome.accepted == 2
    assert (await warehouse.quantity("S5"), await warehouse.quantity("S6")) == (50, 60)


async def test_what_was_undone_is_not_told(
    warehouse: Warehouse, reader: PostgresReader, clerk: asyncpg.Connection
) -> None:
    await take(warehouse, reader)
    undone = clerk.transaction()
    await undone.start()
    await clerk.execute("UPDATE bins SET amount = 50")
    await undone.rollback()
    outcome = await follow(warehouse, reader)
    assert (outcome.accepted, outcome.ignored) == (0, 0)


async def test_a_long_backlog_comes_in_chunks(
    warehouse: Warehouse, reader: PostgresReader, clerk: asyncpg.Connection
) -> None:
    await take(warehouse, reader)
    for start in range(0, 50_000, 12_500):
        await clerk.execute(
            "INSERT INTO bins SELECT 'T' || n, 'W1', n FROM generate_series($1::int, $2::int) n",
            start,
            start + 12_499,
        )
    async with reader.delta((await warehouse.state(STOCK)).watermark) as told:
        assert told is not None
        sizes = [chunk.count(b"\n") + 1 async for chunk in told.lines]
    assert (sum(sizes), max(sizes)) == (50_000, 1000)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("TRUNCATE bins", "emptied or changed at large"),
        ("INSERT INTO bins SELECT n, 'W9', 1 FROM generate_series(1, 20001) n", "at large"),
        ("DELETE FROM bins", "more than 5 records have vanished"),
        ("INSERT INTO bins SELECT n, 'W9', 1 FROM generate_series(1, 1600) n", "than 1500 keys"),
    ],
)
async def test_what_no_delta_can_tell_asks_for_a_snapshot(
    warehouse: Warehouse, erp: NotedErp, clerk: asyncpg.Connection, statement: str, why: str
) -> None:
    reader = reading(erp, most_deleted=5, most_keys=1500)
    await take(warehouse, reader)
    await clerk.execute(statement)
    with pytest.raises(WholeNeededError, match=why):
        await follow(warehouse, reader)
    assert await warehouse.quantity("S7") == 7
    await reader.close()


@pytest.mark.parametrize(
    "lost",
    [
        "DELETE FROM stockspan.outbox",
        "TRUNCATE stockspan.outbox",
        "DROP SCHEMA stockspan CASCADE; INSTALL",
        "SELECT; INSTALL",
    ],
)
async def test_a_mark_that_tells_nothing_any_more_is_noticed(
    warehouse: Warehouse,
    reader: PostgresReader,
    erp: NotedErp,
    clerk: asyncpg.Connection,
    lost: str,
) -> None:
    await take(warehouse, reader)
    await follow(warehouse, reader)
    await clerk.execute("UPDATE bins SET amount = 50 WHERE sku = 'S5'")
    await erp.run(erp.installer, lost.removesuffix("INSTALL"))
    if "INSTALL" in lost:
        await erp.install()
    await clerk.execute("UPDATE bins SET amount = 60 WHERE sku = 'S6'")
    with pytest.raises(WholeNeededError, match=r"emptied|made anew|watched anew"):
        await follow(warehouse, reader)
    await take(warehouse, reader)
    assert await warehouse.quantity("S5") == 50
    await follow(warehouse, reader)


@pytest.mark.parametrize("watermark", [None, "2026-01-01T00:00:00Z", "17", "{}"])
async def test_a_mark_of_another_kind_is_none(reader: PostgresReader, watermark: str) -> None:
    with pytest.raises(WholeNeededError, match="how far"):
        async with reader.delta(watermark):
            pass


async def test_a_database_that_was_put_back_is_noticed(
    warehouse: Warehouse, reader: PostgresReader
) -> None:
    await take(warehouse, reader)
    mark = decoded((await warehouse.state(STOCK)).watermark)
    assert mark is not None
    for wrong in ({"xact": mark.xact + 10**6}, {"timeline": "000000FF"}):
        told = type(mark)(**{**{f: getattr(mark, f) for f in mark.__struct_fields__}, **wrong})
        with pytest.raises(WholeNeededError, match="put back"):
            async with reader.delta(told.text):
                pass


async def test_without_an_outbox_there_are_snapshots_and_check_says_what_to_run(
    warehouse: Warehouse, reader: PostgresReader, erp: NotedErp
) -> None:
    assert await reader.check() == []
    await erp.run(erp.installer, "REVOKE DELETE ON stockspan.outbox FROM " + user(erp.reader))
    (told,) = await reader.check()
    assert "prune" in told
    await erp.run(erp.owner, "ALTER TABLE bins DISABLE TRIGGER stockspan_update")
    assert "bins lacks triggers" in (await reader.check())[1]
    await erp.run(erp.installer, "DROP TABLE stockspan.outbox")
    (told,) = await reader.check()
    assert "feed stock: its outbox is missing" in told
    assert "stockspan feed trigger" in told
    assert (await take(warehouse, reader)).accepted == 20
    with pytest.raises(SourceError, match="outbox is missing"):
        await follow(warehouse, reader)


def user(dsn: str) -> str:
    return urlsplit(dsn).username or ""
