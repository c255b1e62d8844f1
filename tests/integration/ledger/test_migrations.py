"""The schema is brought up to date once, whoever comes first, and never guessed about."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from gateway.ledger.client import _SESSION, _STATEMENTS, LedgerClient
from gateway.ledger.journal import Journal
from gateway.ledger.migrations import LedgerSchemaError, Migration, shipped
from stockspan.embedded.postgres import EmbeddedPostgres
from tests.integration.ledger.promises import a_connection, a_journal, held, look

APPLIED = "SELECT number, name FROM ledger_migration ORDER BY number"
FIRST = Migration(1, "0001_first.sql", "CREATE TABLE first (n integer)")
SECOND = Migration(2, "0002_second.sql", "ALTER TABLE first ADD COLUMN m integer")

FEW = ("reservation_confirmed", "reservation_counted", "order_ack_cancelled")
"""Indexes that hold only what is waited for, or rare: they may be read from end to end."""


async def ready(dsn: str, *migrations: Migration) -> None:
    client = LedgerClient(dsn, 20, migrations)
    try:
        async with client.using():
            pass
    finally:
        await client.close()


async def test_many_workers_start_at_once(database: str) -> None:
    async with AsyncExitStack() as stack:
        journals = [await stack.enter_async_context(a_journal(database)) for _ in range(8)]
        await asyncio.gather(*[journal.open(held(), None) for journal in journals])
    assert await look(database, APPLIED) == [
        (migration.number, migration.name) for migration in shipped()
    ]
    assert await look(database, "SELECT count(*) FROM reservation") == [(8,)]


async def test_only_what_is_new_is_applied(database: str) -> None:
    await ready(database, FIRST)
    await asyncio.gather(*[ready(database, FIRST, SECOND) for _ in range(4)])
    await ready(database, FIRST, SECOND)
    assert await look(database, APPLIED) == [(1, "0001_first.sql"), (2, "0002_second.sql")]
    assert await look(database, "SELECT n, m FROM first") == []


async def test_a_file_that_was_changed_is_refused(database: str) -> None:
    await ready(database, FIRST)
    changed = Migration(1, FIRST.name, FIRST.text + " -- better")
    with pytest.raises(LedgerSchemaError, match=r"0001_first\.sql was changed"):
        await ready(database, changed, SECOND)
    assert await look(database, APPLIED) == [(1, "0001_first.sql")]


async def test_a_database_that_is_newer_is_refused(database: str) -> None:
    await ready(database, FIRST, SECOND)
    with pytest.raises(LedgerSchemaError, match="newer than this code: it has migration 2"):
        await ready(database, FIRST)


async def test_all_or_none_is_applied_and_tried_again(database: str) -> None:
    broken = Migration(2, "0002_broken.sql", "CREATE TABLE second (n integer); SELECT 1/0")
    with pytest.raises(Exception, match=r"division by zero|argument"):
        await ready(database, FIRST, broken)
    assert await look(database, "SELECT to_regclass('stockspan.first')") == [(None,)]
    await ready(database, FIRST, SECOND)


async def test_one_process_tries_again_after_a_failure(database: str) -> None:
    async with a_connection(database) as by_hand:
        # Somebody's table stands where the schema wants to be.
        await by_hand.execute("CREATE SCHEMA stockspan; CREATE TABLE stockspan.reservation ()")
        async with a_journal(database) as journal:
            for _ in range(2):
                with pytest.raises(Exception, match="already exists"):
                    await journal.ping()
            await by_hand.execute("DROP TABLE stockspan.reservation")
            await journal.ping()


async def test_who_gives_up_leaves_the_schema_to_the_others(database: str) -> None:
    client = LedgerClient(database, 20)
    journal = Journal(client)
    async with a_connection(database) as by_hand:
        await by_hand.execute("SELECT pg_advisory_lock($1)", 0x53746F636B7370)
        first, second = (asyncio.create_task(journal.ping()) for _ in range(2))
        while not await by_hand.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            pass
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        await by_hand.execute("SELECT pg_advisory_unlock_all()")
        await second
    await journal.close()


async def test_a_database_that_was_made_anew_gets_its_schema(database: str) -> None:
    async with a_journal(database) as journal:
        await journal.open(held(), None)
        async with a_connection(database) as by_hand:
            await by_hand.execute("DROP SCHEMA stockspan CASCADE")
        with pytest.raises(Exception, match="does not exist"):
            await journal.open(held(), None)
        reservation = held()
        await journal.open(reservation, None)
        assert await journal.find([reservation.reservation]) != {}


async def test_no_statement_reads_a_whole_table(database: str, postgres: EmbeddedPostgres) -> None:
    """Not even where all tables are empty: a plan that was made then is kept while they grow."""
    async with a_journal(database) as journal:
        await journal.ping()
    session = "".join(
        f"SET {name} = '{value}';" for name, value in _SESSION.items() if name != "jit"
    )
    for path in sorted(_STATEMENTS.glob("*.sql")):
        sql = f"{session} EXPLAIN (GENERIC_PLAN) {path.read_text('utf-8')}"
        plan = postgres.psql(sql, database.rsplit("/", 1)[1])
        assert "(cost=" in plan, path.name
        assert "Seq Scan" not in plan, f"{path.name}\n{plan}"
        assert "Hash Join" not in plan, f"{path.name}\n{plan}"
        lines = [*plan.splitlines(), ""]
        walks = [
            line
            for line, after in pairwise(lines)
            if "Index Scan" in line and "Index Cond" not in after
        ]
        assert all(any(few in walk for few in FEW) for walk in walks), f"{path.name}\n{plan}"
