"""The PostgreSQL source against a real server: types, columns, watermarks, failures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import PostgresSource
from loaders.errors import SourceError
from loaders.feedbook import Feed
from loaders.outcome import Outcome
from loaders.sources.postgres import PostgresReader

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")
QUERY = "SELECT sku, place AS location, amount AS quantity, moved_at AS updated_at FROM bins"
TABLE = """
CREATE TABLE bins (sku text, place text, amount numeric(12,3), moved_at timestamptz, rev bigint);
INSERT INTO bins SELECT 'S' || n, 'W1', n + 0.125, '2026-01-01T00:00:00Z', n
FROM generate_series(1, 20) n;
"""


@pytest.fixture
async def erp(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await connection.execute(TABLE)
    yield connection
    await connection.close()


class Ticks:
    """Seconds that go up when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
async def make(database: str, ticks: Ticks) -> AsyncIterator[Any]:
    readers: list[PostgresReader] = []

    def reader(query: str = QUERY, kind: str = "stock", **more: Any) -> PostgresReader:
        feed = FeedSettings(kind=kind, source="erp", query=query, **more)
        source = PostgresSource(type="postgres", dsn=database, query_timeout=5.0)
        readers.append(PostgresReader("stock", feed, source, ticks))
        return readers[-1]

    yield reader
    for made in readers:
        await made.close()


async def take(warehouse: Warehouse, reader: PostgresReader, feed: Feed = STOCK) -> Outcome:
    await warehouse.register(feed)
    async with reader.snapshot(None) as reading:
        return await warehouse.ingest.snapshot(feed, reading)


async def follow(warehouse: Warehouse, reader: PostgresReader, feed: Feed = STOCK) -> Outcome:
    state = await warehouse.state(feed)
    async with reader.delta(state.watermark) as reading:
        assert reading is not None
        return await warehouse.ingest.delta(feed, reading)


async def test_a_snapshot_is_exact(
    warehouse: Warehouse, erp: asyncpg.Connection, make: Any
) -> None:
    outcome = await take(warehouse, make())
    assert (outcome.accepted, outcome.quarantined, outcome.unknown_fields) == (20, 0, {})
    level = await warehouse.level("S7")
    assert level is not None
    assert (level.quantity, level.stamp_ms) == (7125, 1_767_225_600_000)
    await erp.execute("DELETE FROM bins WHERE sku = 'S7'")
    assert (await take(warehouse, make())).removed == 1


async def test_every_type_arrives_as_what_it_is(
    warehouse: Warehouse, erp: asyncpg.Connection, make: Any
) -> None:
    await erp.execute(
        """CREATE TABLE t (id int, loc char(4), note varchar(9), made date, at timestamptz,
             coming jsonb, raw json, tags text[], rate numeric, flag boolean, days smallint);
           INSERT INTO t VALUES (12, 'W1', NULL, '2026-05-01', '2026-05-01T12:00:00+02:00',
             '[{"quantity": 2.5, "date": "2026-06-01"}]',
             E'[\\n  {"quantity": 1, "date": "2026-06-02"}\\n]',
             '{a,b}', 0.2500, true, 5)"""
    )
    stock = make("SELECT id AS sku, loc AS location, 0 AS quantity, coming AS incoming FROM t")
    await take(warehouse, stock)
    level = await warehouse.level("12")
    assert level is not None
    assert [(s.quantity, str(s.date)) for s in level.incoming] == [(2500, "2026-06-01")]
    raw = make("SELECT id AS sku, loc AS location, 0 AS quantity, raw AS incoming FROM t")
    await take(warehouse, raw)
    level = await warehouse.level("12")
    assert level is not None
    assert [(s.quantity, str(s.date)) for s in level.incoming] == [(1000, "2026-06-02")]
    products = Feed("products", "products")
    await take(
        warehouse,
        make(
            "SELECT id AS sku, note AS name, 'preorder' AS status, at AS available_from, "
            "rate AS tax_rate, flag AS backorder, days AS lead_time_days, tags AS assortments, "
            "id AS product_group FROM t",
            "products",
        ),
        products,
    )
    product = await warehouse.product("12")
    assert product is not None
    assert (product.name, product.available_from) == ("", "2026-05-01T10:00:00Z")
    assert (product.tax_rate, product.backorder, product.lead_time_days) == ("0.25", True, 5)
    assert (product.assortments, product.product_group) == (("a", "b"), "12")


async def test_a_row_that_is_wrong_is_rejected_alone(
    warehouse: Warehouse, erp: asyncpg.Connection, make: Any
) -> None:
    await erp.execute(
        "INSERT INTO bins VALUES ('N1', 'W1', NULL), ('N2', 'W1', 'NaN'), ('N3', 'W1', -1), "
        "(NULL, 'W1', 1)"
    )
    outcome = await take(warehouse, make())
    assert (outcome.accepted, outcome.quarantined) == (20, 4)
    assert [r.field for r in outcome.rejections] == ["quantity", "quantity", "quantity", "sku"]


async def test_a_time_without_an_offset_is_rejected_and_check_says_so_before(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection
) -> None:
    reader = make(
        "SELECT sku, place AS location, amount AS quantity, moved_at::timestamp AS updated_at "
        "FROM bins"
    )
    (told,) = await reader.check()
    assert "AT TIME ZONE" in told
    outcome = await take(warehouse, reader)
    assert outcome.quarantined == 20
    assert outcome.rejections[0].reason == "needs an offset, e.g. Z"


async def test_columns_that_mean_nothing_are_told_once(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection
) -> None:
    reader = make(QUERY.replace(" FROM", ", 1 AS colour, rev FROM"), watermark="rev")
    outcome = await take(warehouse, reader)
    assert outcome.unknown_fields == {"colour": 1}
    with capture_logs() as logs:
        assert await reader.check() == []
    assert logs[0]["columns"] == "colour"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT sku, place AS location FROM bins", "no column quantity"),
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELEKT 1", "syntax error"),
        ("DELETE FROM bins RETURNING sku", "syntax error"),
        ("SELECT 1; DROP TABLE bins", "syntax error"),
        ("SELECT 1/0 AS quantity, sku, place AS location FROM bins", "division by zero"),
        ("SELECT pg_sleep(9), sku, place AS location, 1 AS quantity FROM bins", "query_timeout"),
        (
            "SELECT sku, place AS location, 1 AS quantity, nextval('s') FROM bins",
            "read-only transaction",
        ),
    ],
)
async def test_a_query_that_cannot_be_run_is_one_line(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection, query: str, told: str
) -> None:
    await erp.execute("CREATE SEQUENCE s")
    reader = make(query)
    reader._source = reader._source.model_copy(update={"query_timeout": 0.2})
    if "read-only" in told:
        reader._query = query
    with pytest.raises(SourceError) as caught:
        await take(warehouse, reader)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "feed stock" in str(caught.value)
    # It is thrown away with its connection, and the next reading is a new one.
    assert reader._connection is None
    assert await erp.fetchval("SELECT count(*) FROM bins") == 20


async def test_no_password_in_what_is_told(make: Any, database: str) -> None:
    password = database.split(":")[2].split("@", maxsplit=1)[0]
    for dsn in (
        database.replace(password, "se%20cret"),
        database.replace("127.0.0.1", "127.0.0.2").replace(password, "se%20cret"),
        "postgresql://u:se%20cret@127.0.0.1:notaport/x",
        "postgresql://u:se%20cret@127.0.0.1:1/x",
    ):
        reader = make()
        reader._source = reader._source.model_copy(update={"dsn": dsn})
        (told,) = await reader.check()
        assert "cret" not in told
        assert told.startswith("feed stock: ")


async def test_semicolons_and_comments_after_a_query_do_no_harm(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection
) -> None:
    assert (await take(warehouse, make(QUERY + "; -- that is all"))).accepted == 20


async def test_a_watermark_of_time_is_followed_with_overlap(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection
) -> None:
    reader = make(QUERY, watermark="updated_at", overlap=10.0)
    await take(warehouse, reader)
    assert (await warehouse.state(STOCK)).watermark == "2026-01-01T00:00:00+00:00"
    await erp.execute(
        "UPDATE bins SET amount = 99, moved_at = '2026-01-01T01:00:00.5Z' WHERE sku = 'S1'"
    )
    assert (await follow(warehouse, reader)).accepted == 1
    assert await warehouse.quantity("S1") == 99
    assert (await warehouse.state(STOCK)).watermark == "2026-01-01T01:00:00.5+00:00"
    # One that was stamped before it, but committed after it.
    await erp.execute(
        "UPDATE bins SET amount = 88, moved_at = '2026-01-01T00:59:51Z' WHERE sku = 'S2'"
    )
    outcome = await follow(warehouse, reader)
    assert (outcome.accepted, outcome.ignored) == (1, 1)
    assert await warehouse.quantity("S2") == 88


async def test_a_watermark_that_stands_still_is_not_read_again_for_ever(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection, ticks: Ticks
) -> None:
    reader = make(QUERY, watermark="updated_at", overlap=10.0)
    await take(warehouse, reader)

    async def rows_read() -> int:
        outcome = await follow(warehouse, reader)
        return outcome.accepted + outcome.ignored

    assert await rows_read() == 20
    ticks.now += 9
    assert await rows_read() == 20
    ticks.now += 1
    assert await rows_read() == 20
    assert await rows_read() == 0
    await erp.execute("UPDATE bins SET moved_at = '2026-01-01T00:00:05Z' WHERE sku = 'S1'")
    assert await rows_read() == 1
    assert await rows_read() == 20


async def test_a_watermark_of_numbers_survives_a_restart(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection
) -> None:
    query = QUERY.replace("moved_at AS updated_at", "rev AS version")
    await take(warehouse, make(query, watermark="version"))
    assert (await warehouse.state(STOCK)).watermark == "20"
    await erp.execute("UPDATE bins SET amount = 5, rev = 100 WHERE sku = 'S1'")
    await erp.execute("UPDATE bins SET amount = 6, rev = 9 WHERE sku = 'S2'")
    restarted = make(query, watermark="version")
    outcome = await follow(warehouse, restarted)
    assert (outcome.accepted, outcome.ignored) == (1, 0)
    assert (await warehouse.state(STOCK)).watermark == "100"
    assert (await follow(warehouse, restarted)).accepted == 0


async def test_a_table_without_times_yet_is_followed_from_its_first(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection
) -> None:
    await erp.execute("UPDATE bins SET moved_at = NULL")
    reader = make(QUERY, watermark="updated_at")
    await take(warehouse, reader)
    assert (await warehouse.state(STOCK)).watermark is None
    await erp.execute("UPDATE bins SET moved_at = now() WHERE sku = 'S3'")
    assert (await follow(warehouse, reader)).accepted == 1
    assert (await warehouse.state(STOCK)).watermark is not None


async def test_what_is_marked_deleted_is_deleted_by_deltas_and_absent_from_snapshots(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection
) -> None:
    reader = make(
        "SELECT sku, place AS location, amount AS quantity, rev AS version, "
        "amount > 100 AS delete FROM bins",
        watermark="version",
    )
    await take(warehouse, reader)
    await erp.execute("UPDATE bins SET amount = 101, rev = 50 WHERE sku = 'S1'")
    assert (await follow(warehouse, reader)).accepted == 1
    assert await warehouse.level("S1") is None
    outcome = await take(warehouse, reader)
    assert (outcome.quarantined, outcome.removed) == (0, 0)
    assert await warehouse.level("S1") is None


async def test_a_server_that_goes_away_and_comes_back(
    warehouse: Warehouse, make: Any, erp: asyncpg.Connection
) -> None:
    reader = make(QUERY, watermark="updated_at")
    await take(warehouse, reader)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"
    await erp.execute("INSERT INTO bins SELECT 'T' || n, 'W1', n FROM generate_series(1, 9000) n")

    async def ended_on_the_way() -> Outcome:
        async with reader.snapshot(None) as reading:
            await erp.fetch(end, "stockspan")
            return await warehouse.ingest.snapshot(STOCK, reading)

    with pytest.raises(SourceError, match="feed stock: "):
        await ended_on_the_way()
    assert await warehouse.level("T1") is None
    await take(warehouse, reader)


async def test_an_unmarked_feed_has_no_deltas(make: Any, erp: asyncpg.Connection) -> None:
    async with make().delta(None) as reading:
        assert reading is None


async def test_the_erp_sees_who_reads(make: Any, erp: asyncpg.Connection) -> None:
    async with make().snapshot(None):
        seen = await erp.fetchrow(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'stockspan'"
        )
        assert seen is not None
        assert seen["n"] >= 1


@pytest.mark.parametrize("stamp", ["now() + interval '1 hour'", "'infinity'"])
async def test_one_row_of_tomorrow_hides_no_change_of_today(
    warehouse: Warehouse, erp: asyncpg.Connection, make: Any, stamp: str
) -> None:
    reader = make(watermark="updated_at", overlap="1s")
    await take(warehouse, reader)
    await erp.execute(f"UPDATE bins SET moved_at = {stamp}, amount = 99 WHERE sku = 'S1'")
    await follow(warehouse, reader)
    await erp.execute("UPDATE bins SET moved_at = now(), amount = 50 WHERE sku = 'S2'")
    await follow(warehouse, reader)
    assert await warehouse.quantity("S2") == 50
    # Nor after a snapshot, which begins at the greatest stamp there is.
    await take(warehouse, reader)
    await erp.execute("UPDATE bins SET moved_at = now(), amount = 51 WHERE sku = 'S2'")
    await follow(warehouse, reader)
    assert await warehouse.quantity("S2") == 51


async def test_the_erp_is_let_go_with_its_last_row(
    warehouse: Warehouse, erp: asyncpg.Connection, make: Any
) -> None:
    open_then = "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> $1"
    own = await erp.fetchval("SELECT pg_backend_pid()")
    reader = make()
    async with reader.snapshot(None) as reading:
        assert [lines async for lines in reading.lines]
        others = f"{open_then} AND application_name = 'stockspan' AND datname = current_database()"
        assert await erp.fetchval(others, own) == 0
