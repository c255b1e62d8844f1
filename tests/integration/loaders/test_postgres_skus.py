"""Some SKUs from PostgreSQL: those asked for, whatever the type, by the ERP's own index."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from gateway.config.feed_sections import Feed, PostgresSource
from loaders.errors import SourceError
from loaders.sources.postgres_skus import PostgresSkus
from loaders.sources.query import narrowed

QUERY = "SELECT item AS sku, 'W1' AS location, amount AS quantity FROM bins -- as in the feed;"

SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name = 'stockspan' AND datname = current_database()"
)
SECONDS = 20


@pytest.fixture
async def erp(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def make(database: str) -> AsyncIterator[Any]:
    made: list[PostgresSkus] = []

    def reader(
        query: str = QUERY, timeout: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> PostgresSkus:
        feed = Feed(kind="stock", source="erp", query=query)
        source = PostgresSource(type="postgres", dsn=database, refresh_timeout=timeout)
        made.append(PostgresSkus("stock", feed, source, clock))
        return made[-1]

    yield reader
    for one in made:
        await one.close()


async def some(reader: PostgresSkus, *skus: str) -> dict[str, Any]:
    reading = await reader.some(skus)
    rows = [json.loads(line) async for chunk in reading.lines for line in chunk.split(b"\n")]
    return {row["sku"]: row["quantity"] for row in rows}


@pytest.mark.parametrize("type_", ["text", "varchar(20)", "char(12)", "name"])
async def test_text_is_found_as_it_is_written(
    erp: asyncpg.Connection, make: Any, type_: str
) -> None:
    odd = ["A", "a", "Ärm-42", "%", "x' OR '1'='1", "007", "a}{b"]
    await erp.execute(f"CREATE TABLE bins (item {type_}, amount numeric(9,3))")
    await erp.executemany("INSERT INTO bins VALUES ($1, $2)", [(sku, 1) for sku in [*odd, "B"]])
    reader = make()
    assert await some(reader, *odd) == dict.fromkeys(odd, 1)
    assert await some(reader, "a", "B", "C", "7") == {"a": 1, "B": 1}
    assert await some(reader, "C") == {}


@pytest.mark.parametrize("type_", ["smallint", "int", "bigint", "numeric"])
async def test_numbers_are_found_by_their_digits(
    erp: asyncpg.Connection, make: Any, type_: str
) -> None:
    await erp.execute(f"CREATE TABLE bins (item {type_}, amount int)")
    await erp.execute("INSERT INTO bins VALUES (0, 1), (7, 2), (-12, 3), (9999, 4)")
    none = ["007", "7.0", "1e2", " 7", "", "seven", "9" * 60, "--1", "7;"]
    assert await some(make(), "0", "7", "-12", "8", *none) == {"0": 1, "7": 2, "-12": 3}


@pytest.mark.parametrize("type_", ["text", "varchar", "int", "bigint"])
async def test_the_erps_index_serves(erp: asyncpg.Connection, make: Any, type_: str) -> None:
    await erp.execute(f"CREATE TABLE bins (item {type_} PRIMARY KEY, amount int)")
    columns = {"sku": {"int": "int4", "bigint": "int8"}.get(type_, type_), "location": "text"}
    statement = narrowed("stock", QUERY, {**columns, "quantity": "int4"})
    await erp.execute("SET enable_seqscan = off")
    rows: Sequence[Any] = await erp.fetch(f"EXPLAIN {statement}", ["1", "2"])
    assert any("Index Cond" in row[0] for row in rows), rows


async def test_what_goes_wrong_is_said_and_the_next_call_begins_anew(
    erp: asyncpg.Connection, make: Any
) -> None:
    reader = make()
    with pytest.raises(SourceError, match="feed stock: the database says: relation"):
        await reader.some(["A"])
    await erp.execute("CREATE TABLE bins (item text, amount int)")
    await erp.execute("INSERT INTO bins VALUES ('A', 1)")
    assert await some(reader, "A") == {"A": 1}
    # A column becomes another: what was read of it before is forgotten.
    await erp.execute("ALTER TABLE bins ALTER item TYPE int USING 5")
    with pytest.raises(SourceError):
        await reader.some(["5"])
    assert await some(reader, "5") == {"5": 1}
    await erp.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'stockspan' AND datname = current_database()"
    )
    # The end may be noticed before the next call, or by it.
    with suppress(SourceError):
        await reader.some(["5"])
    assert await some(reader, "5") == {"5": 1}


async def test_a_query_that_takes_too_long_is_ended_at_the_erp(
    erp: asyncpg.Connection, make: Any
) -> None:
    await erp.execute("CREATE TABLE bins (item text, amount int)")
    slow = f"SELECT '1' AS sku, 'W1' AS location, 1 AS quantity FROM pg_sleep({SECONDS})"
    with pytest.raises(SourceError, match="took longer than refresh_timeout"):
        await make(slow, timeout=0.5).some(["1"])
    assert await erp.fetchval(f"{SESSIONS} AND state = 'active'") == 0


async def test_the_erp_is_only_read(erp: asyncpg.Connection, make: Any) -> None:
    await erp.execute(
        "CREATE TABLE bins (item text); CREATE FUNCTION sell() RETURNS int LANGUAGE sql AS "
        "'INSERT INTO bins VALUES (1) RETURNING 1'"
    )
    with pytest.raises(SourceError, match="read-only transaction"):
        await make("SELECT '1' AS sku, 'W1' AS location, sell() AS quantity").some(["1"])


async def test_a_connection_that_lay_idle_is_not_trusted(
    erp: asyncpg.Connection, make: Any
) -> None:
    await erp.execute("CREATE TABLE bins (item text, amount int)")
    now = [0.0]
    reader = make(clock=lambda: now[0])

    async def session() -> int:
        await reader.some(["A"])
        found: int = await erp.fetchval(SESSIONS.replace("count(*)", "max(pid)"))
        return found

    first = await session()
    now[0] = 59.0
    assert await session() == first
    now[0] = 120.0
    assert await session() != first


async def test_a_query_without_a_sku_is_refused(erp: asyncpg.Connection, make: Any) -> None:
    with pytest.raises(SourceError, match="has no column sku"):
        await make("SELECT 'W1' AS location, 1 AS quantity").some(["A"])
