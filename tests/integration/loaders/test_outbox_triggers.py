"""The triggers of an outbox: whatever befalls them, the ERP's own writes go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from gateway.config.feed_sections import PostgresSource
from loaders.errors import WholeNeededError
from loaders.feedbook import Feed
from loaders.sources.outbox_sql import installation, removal
from loaders.sources.postgres import PostgresReader
from tests.noted_erp import NotedErp, noted_feed

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")
BROKEN = """
CREATE FUNCTION stockspan.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE disk_full USING MESSAGE = 'no space left on device'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON stockspan.outbox
    FOR EACH ROW EXECUTE FUNCTION stockspan.full_disk();
"""


@pytest.fixture
async def clerk(erp: NotedErp) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(erp.clerk)
    yield connection
    await connection.close()


async def noted(erp: NotedErp) -> list[Any]:
    owner = await asyncpg.connect(erp.owner)
    rows = await owner.fetch(
        "SELECT key->>'sku' AS sku, key->>'place' AS place FROM stockspan.outbox "
        "WHERE source_table <> '' ORDER BY 1, 2"
    )
    await owner.close()
    return [tuple(row) for row in rows]


async def book(clerk: asyncpg.Connection) -> None:
    """One of every kind of write; each must take effect."""
    await clerk.execute("INSERT INTO bins VALUES ('N', 'W1', 5)")
    assert await clerk.execute("UPDATE bins SET amount = 7 WHERE sku = 'S1'") == "UPDATE 1"
    assert await clerk.execute("DELETE FROM bins WHERE sku = 'S2'") == "DELETE 1"
    assert await clerk.fetchval("SELECT count(*) FROM bins") == 20
    await clerk.execute("TRUNCATE bins")


async def test_every_statement_is_noted_once_by_who_has_no_right_to_the_outbox(
    erp: NotedErp, clerk: asyncpg.Connection
) -> None:
    await clerk.execute("INSERT INTO bins VALUES ('N', 'W1', 5), ('N', 'W2', 6)")
    await clerk.execute("UPDATE bins SET place = 'W3' WHERE sku = 'S1'")
    await clerk.execute("UPDATE bins SET amount = 1 WHERE sku = 'nowhere'")
    await clerk.execute("DELETE FROM bins WHERE sku = 'S2'")
    assert await noted(erp) == [
        ("N", "W1"),
        ("N", "W2"),
        ("S1", "W1"),
        ("S1", "W3"),
        ("S2", "W1"),
    ]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await clerk.execute("SELECT FROM stockspan.outbox")


@pytest.mark.parametrize(
    "broken",
    [
        "DROP TABLE stockspan.outbox",
        "DROP TABLE stockspan.outbox; DROP SEQUENCE stockspan.missed",
        "REVOKE INSERT ON stockspan.outbox FROM CURRENT_USER",
        "REVOKE ALL ON SCHEMA stockspan FROM CURRENT_USER",
        BROKEN,
        "ALTER TABLE stockspan.outbox DROP COLUMN key",
    ],
)
async def test_no_failure_of_the_outbox_is_one_of_the_erp(
    erp: NotedErp, clerk: asyncpg.Connection, broken: str
) -> None:
    await erp.run(erp.installer, broken)
    await book(clerk)


async def test_a_column_that_the_erp_gives_up_breaks_nothing(
    erp: NotedErp, clerk: asyncpg.Connection
) -> None:
    await erp.run(erp.owner, "ALTER TABLE bins RENAME COLUMN place TO shelf")
    try:
        await book(clerk)
    finally:
        await erp.run(erp.owner, "ALTER TABLE bins RENAME COLUMN shelf TO place")


async def test_who_locks_the_outbox_holds_up_nobody(
    erp: NotedErp, clerk: asyncpg.Connection
) -> None:
    installer = await asyncpg.connect(erp.installer)
    async with installer.transaction():
        await installer.execute("LOCK TABLE stockspan.outbox IN ACCESS EXCLUSIVE MODE")
        await asyncio.wait_for(book(clerk), 30)
    await installer.close()


async def test_what_was_missed_is_read_whole_once_its_transaction_is_over(
    warehouse: Warehouse, erp: NotedErp, clerk: asyncpg.Connection
) -> None:
    reader = PostgresReader(
        "stock", noted_feed(), PostgresSource(type="postgres", dsn=erp.reader), lambda: 0.0
    )

    async def take() -> None:
        await warehouse.register(STOCK)
        async with reader.snapshot(None) as whole:
            await warehouse.ingest.snapshot(STOCK, whole)

    async def follow() -> None:
        async with reader.delta((await warehouse.state(STOCK)).watermark) as told:
            assert told is not None
            await warehouse.ingest.delta(STOCK, told)

    await take()
    await erp.run(erp.installer, BROKEN)
    async with clerk.transaction():
        await clerk.execute("UPDATE bins SET amount = 99 WHERE sku = 'S1'")
        # Its count is seen at once, what it wrote is not: a snapshot now would settle nothing.
        await follow()
        await take()
    with pytest.raises(WholeNeededError, match="failed to note"):
        await follow()
    await take()
    assert await warehouse.quantity("S1") == 99
    await follow()
    await reader.close()


async def test_it_may_be_installed_again_and_is_removed_without_a_trace(
    erp: NotedErp, clerk: asyncpg.Connection
) -> None:
    await erp.install(notify=False)
    await clerk.execute("UPDATE bins SET amount = 7 WHERE sku = 'S1'")
    assert await noted(erp) == [("S1", "W1")]
    await erp.run(erp.installer, removal())
    await book(clerk)
    owner = await asyncpg.connect(erp.owner)
    left = await owner.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname ~ 'stockspan'")
    await owner.close()
    assert left == 0


async def test_names_are_quoted_whatever_they_are(erp: NotedErp) -> None:
    table, column = 'Odd "table"', "it's; a {column}"
    quoted = 'CREATE TABLE public."Odd ""table""" ("it\'s; a {column}" int, found text)'
    await erp.run(erp.owner, quoted)
    tables = {f"public.{table}": (column, "found")}
    await erp.run(erp.owner, installation(tables, None))
    await erp.run(erp.owner, 'INSERT INTO public."Odd ""table""" VALUES (7, NULL)')
    owner = await asyncpg.connect(erp.owner)
    key = await owner.fetchval("SELECT key::text FROM stockspan.outbox WHERE source_table ~ 'Odd'")
    await owner.execute('DROP TABLE public."Odd ""table"""')
    await owner.close()
    assert key == '{"found": null, "it\'s; a {column}": "7"}'
