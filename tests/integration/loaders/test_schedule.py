"""The loader as it runs: cold start, following the ERP, a store that loses everything, outages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.config.settings import Settings
from gateway.domain.errors import StoreUnavailableError
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from loaders.errors import NotLeadingError, SourceError, SpoolError
from loaders.findings import Findings
from loaders.load import check, load
from stockspan import feeds
from stockspan.embedded.ports import free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey
from tests.running_loaders import running_loaders

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

SECONDS = 30
STOCK = "SELECT sku, place AS location, amount AS quantity, rev AS version FROM bins"


def configured(database: str, redis_url: str, tmp_path: Path, **more: Any) -> Settings:
    feed = {"kind": "stock", "source": "erp", "query": STOCK, "watermark": "version"}
    return Settings(
        store={"url": redis_url, "prefix": "t"},
        loaders={"spool_dir": tmp_path / "spool"},
        sources={"erp": {"type": "postgres", "dsn": database, "connect_timeout": "2s"}},
        feeds={"stock": {**feed, "delta_every": "20ms"}},
        **more,
    )


@pytest.fixture
async def erp(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await connection.execute(
        "CREATE TABLE bins (sku text, place text, amount numeric, rev bigserial);"
        "INSERT INTO bins (sku, place, amount) VALUES ('A', 'W1', 5), ('B', 'W1', 6)"
    )
    yield connection
    await connection.close()


async def until(warehouse: Warehouse, condition: Callable[[], Awaitable[object]]) -> None:
    """Wait for a change in the store after which the condition holds."""
    changed = asyncio.Event()
    listener = ChangeListener(warehouse.client, warehouse.keys, lambda _: changed.set())
    listening = asyncio.create_task(listener.run())
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                changed.clear()
                if await condition():
                    return
                await changed.wait()
    finally:
        listening.cancel()


async def test_it_starts_follows_and_stops(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    async with running_loaders(configured(database, redis_url, tmp_path)):
        await until(warehouse, lambda: holds(warehouse, "A", 5))
        await erp.execute("UPDATE bins SET amount = 4, rev = 100 WHERE sku = 'A'")
        await until(warehouse, lambda: holds(warehouse, "A", 4))
    assert list((tmp_path / "spool").iterdir()) == []


async def holds(warehouse: Warehouse, sku: str, quantity: int) -> bool:
    return await warehouse.quantity(sku) == quantity


async def test_a_store_that_lost_everything_is_filled_again_at_once(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    async with running_loaders(configured(database, redis_url, tmp_path)):
        await until(warehouse, lambda: holds(warehouse, "B", 6))
        await warehouse.client.redis.flushall()
        await until(warehouse, lambda: holds(warehouse, "B", 6))


async def test_feeds_no_longer_configured_are_retired_but_not_pushes(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    await warehouse.ingest.register.register("gone", "stock")
    await warehouse.ingest.register.register("push:stock", "stock")

    async def retired() -> bool:
        return set(await warehouse.ingest.register.all()) == {"stock", "push:stock"}

    async with running_loaders(configured(database, redis_url, tmp_path)):
        await until(warehouse, retired)


async def test_an_erp_that_comes_later_is_waited_for(
    warehouse: Warehouse, redis_url: str, tmp_path: Path
) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", settings={"fsync": "off"})
    await asyncio.to_thread(server.prepare)
    settings = configured(server.dsn(), redis_url, tmp_path)

    async def failing() -> bool:
        state = (await warehouse.ingest.register.all()).get("stock")
        return state is not None and "no connection" in (state.error or "")

    verified: set[int | None] = {None}

    async def followed() -> bool:
        """Verified more than once: what there was to say of the first time has been said."""
        state = (await warehouse.ingest.register.all())["stock"]
        verified.add(state.verified_through_ms)
        return len(verified) > 2

    with capture_logs() as logs:
        async with running_loaders(settings):
            await until(warehouse, failing)
            server.start()
            try:
                connection = await asyncpg.connect(server.dsn())
                await connection.execute(
                    "CREATE TABLE bins AS SELECT 'A' AS sku, 'W1' AS place, 5 AS amount, 1 AS rev"
                )
                await connection.close()
                await until(warehouse, followed)
            finally:
                await asyncio.to_thread(server.stop)
    actions = [log["action"] for log in logs]
    assert "feed.failed" in actions
    assert "feed.recovered" in actions


async def test_a_store_that_comes_later_is_waited_for(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, tmp_path: Path
) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", appendonly=False)
    settings = configured(database, server.url, tmp_path)
    shutdown = asyncio.Event()
    with capture_logs() as logs:
        with pytest.raises(StoreUnavailableError):
            await load(settings, once=True, shutdown=shutdown)
        assert logs == []
        task = asyncio.create_task(load(settings, once=False, shutdown=shutdown))
        server.start()
        try:
            client = StoreClient.connect(server.url, deadline=2.0)
            warehouse = replace(warehouse, client=client)
            await until(warehouse, lambda: holds(warehouse, "A", 5))
            shutdown.set()
            assert await asyncio.wait_for(task, SECONDS) == 0
            await client.close()
        finally:
            server.stop()


async def test_once_takes_a_snapshot_of_each_feed(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    settings = configured(database, redis_url, tmp_path)
    assert await load(settings, once=True, shutdown=asyncio.Event()) == 0
    assert await warehouse.quantity("A") == 5
    await erp.execute("DELETE FROM bins")
    assert await load(settings, once=True, shutdown=asyncio.Event()) == 1
    assert await warehouse.quantity("A") == 5


async def test_once_leaves_a_loader_that_leads_alone(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    settings = configured(database, redis_url, tmp_path)
    async with running_loaders(settings):
        await until(warehouse, lambda: holds(warehouse, "A", 5))
        state = (await warehouse.ingest.register.all())["stock"]
        with pytest.raises(NotLeadingError, match="another loader leads: "):
            await load(settings, once=True, shutdown=asyncio.Event())
        assert (await warehouse.ingest.register.all())["stock"].round == state.round


async def test_pushes_are_taken_beside_the_feeds(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    secret = "s"
    key = {"sha256": "043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89"}
    port = free_port()
    settings = configured(
        database,
        redis_url,
        tmp_path,
        push={"port": port},
        keys={"erp": {**key, "scopes": ["ingest"]}},
    )
    async with running_loaders(settings), aiohttp.ClientSession() as http:
        await until(warehouse, lambda: holds(warehouse, "A", 5))
        data = json.dumps({"sku": "P", "location": "W1", "quantity": 3}).encode()
        async with http.post(
            f"http://127.0.0.1:{port}/ingest/stock",
            data=data,
            headers={"Authorization": f"Bearer {secret}"},
        ) as response:
            assert (await response.json())["accepted"] == 1
        with pytest.raises(SourceError, match=rf"push: 127.0.0.1:{port} cannot be opened"):
            await load(settings, once=False, shutdown=asyncio.Event())


async def test_no_place_to_stage_is_said_at_the_start(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    settings = configured("postgresql://127.0.0.1:1/x", redis_url, tmp_path)
    with pytest.raises(SpoolError):
        await load(settings, once=False, shutdown=asyncio.Event())


async def test_check_says_what_is_wrong(
    erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    settings = configured(database, redis_url, tmp_path)
    assert await check(settings) == Findings([], [])
    wrong = configured(database + "_not", "redis://127.0.0.1:1/0", tmp_path)
    store, feed = (await check(wrong)).problems
    assert store == "store.url: 127.0.0.1:1 cannot be used: no connection"
    assert "does not exist" in feed


LISTS = """SELECT 'P' AS price_list, 'SEK' AS currency, 'base' AS layer FROM pg_sleep(0.2)"""
PRICES = "SELECT 'P' AS price_list, sku, 10 AS unit_price FROM bins"


def with_prices(database: str, redis_url: str, tmp_path: Path, lists: str, **more: Any) -> Settings:
    # Prices come first here: it must not be the order of the file that helps.
    feeds = {"prices": ("prices", PRICES), "lists": ("price_lists", lists)} | more
    return Settings(
        store={"url": redis_url, "prefix": "t"},
        loaders={"spool_dir": tmp_path / "spool"},
        sources={"erp": {"type": "postgres", "dsn": database, "connect_timeout": "2s"}},
        feeds={
            name: {"kind": kind, "source": "erp", "query": query}
            for name, (kind, query) in feeds.items()
        },
    )


async def test_prices_wait_for_the_heads_of_their_lists(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    settings = with_prices(database, redis_url, tmp_path, LISTS)

    async def lie_with_skus() -> bool:
        return await warehouse.with_skus() == {"A", "B"}

    async with running_loaders(settings):
        await until(warehouse, lie_with_skus)
        # So they do again in a store that lost everything.
        await warehouse.client.redis.flushall()
        await until(warehouse, lie_with_skus)
    await warehouse.client.redis.flushall()
    assert await load(settings, once=True, shutdown=asyncio.Event()) == 0
    assert await lie_with_skus()


@pytest.mark.parametrize("lists", ["SELECT 1 / (sku = '')::int AS price_list FROM bins", None])
async def test_prices_do_not_wait_for_ever(
    warehouse: Warehouse,
    erp: asyncpg.Connection,
    database: str,
    redis_url: str,
    tmp_path: Path,
    lists: str | None,
) -> None:
    settings = with_prices(database, redis_url, tmp_path, lists or LISTS)
    if lists is None:
        settings = settings.model_copy(update={"feeds": {"prices": settings.feeds["prices"]}})

    async def priced() -> bool:
        return set(await warehouse.prices()) == {("P", "A", 1), ("P", "B", 1)}

    async with running_loaders(settings):
        await until(warehouse, priced)


async def test_check_remarks_on_prices_that_only_the_list_id_tells_apart(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    heads = (
        "SELECT id AS price_list, 'SEK' AS currency, layer, buyers AS customers FROM (VALUES "
        "('P', 'base', NULL::text[]), ('Q', 'base', NULL), ('K', 'contract', '{c1}'), "
        "('M', 'contract', NULL)) AS lists (id, layer, buyers)"
    )
    rows = (
        "SELECT id AS price_list, sku, 10 AS unit_price FROM bins, "
        "(VALUES ('P'), ('Q'), ('K'), ('M')) AS lists (id) WHERE sku = 'A' OR id <> 'P'"
    )
    buyers = """SELECT 'c1' AS customer, '{M}'::text[] AS price_lists"""
    settings = with_prices(
        database,
        redis_url,
        tmp_path,
        heads,
        prices=("prices", rows),
        buyers=("customers", buyers),
    )
    assert await load(settings, once=True, shutdown=asyncio.Event()) == 0
    found = await check(settings)
    assert found.problems == []
    assert sorted(found.remarks) == [
        f"price lists {pair} ({layer}, SEK, priority 0) both say 10.00 for sku {sku} from 1: "
        "only the smaller id decides"
        for pair, layer, sku in (
            ("K and M", "contract", "A"),
            ("K and M", "contract", "B"),
            ("P and Q", "base", "A"),
        )
    ]


async def test_what_deltas_miss_is_found_while_it_runs(
    warehouse: Warehouse, erp: asyncpg.Connection, database: str, redis_url: str, tmp_path: Path
) -> None:
    """A deleted row leaves nothing for a delta; an audit tells how right the rest is."""
    settings = configured(database, redis_url, tmp_path)
    quick = settings.feeds["stock"].model_copy(update={"reconcile_every": 0.05})
    asked = settings.sources["erp"].model_copy(update={"audit_rate": 6_000.0})
    settings = settings.model_copy(update={"feeds": {"stock": quick}, "sources": {"erp": asked}})

    async def steady() -> bool:
        state = (await warehouse.ingest.register.all())["stock"]
        told = {log["action"] for log in logs} >= {"feed.drift", "feed.steady"}
        return told and state.accuracy is not None

    with capture_logs() as logs:
        async with running_loaders(settings):
            await until(warehouse, lambda: holds(warehouse, "A", 5))
            await erp.execute("DELETE FROM bins WHERE sku = 'B'")
            await until(warehouse, steady)
    assert await warehouse.quantity("B") is None
    found = [log for log in logs if log["action"] == "feed.drift"]
    assert [(log["missing"], log["extra"], log["differing"]) for log in found] == [(0, 1, 0)]
    table, _ = await feeds.status(settings)
    cells = {column.header: next(iter(column.cells)) for column in table.columns}
    drift, accuracy = cells["drift"], cells["accuracy"]
    assert str(drift).startswith("none, ")
    assert "% of " in str(accuracy)
