"""Loaders that are woken by the ERP's notices, as they run; notices that are lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.config.feed_sections import PostgresSource
from gateway.config.settings import Settings
from gateway.store.changes import ChangeListener
from loaders.sources.postgres_notices import Notices
from tests.noted_erp import KEY, QUERY, NotedErp
from tests.running_loaders import running_loaders

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

SECONDS = 30
SELDOM = "1h"
LISTENERS = "application_name = 'stockspan notices' AND datname = current_database()"


def configured(erp: NotedErp, redis_url: str, tmp_path: Path, every: str = SELDOM) -> Settings:
    outbox = {"tables": {"bins": KEY}}
    feed = {"kind": "stock", "source": "erp", "query": QUERY, "outbox": outbox}
    return Settings(
        store={"url": redis_url, "prefix": "t"},
        loaders={"spool_dir": tmp_path / "spool"},
        sources={"erp": {"type": "postgres", "dsn": erp.reader}},
        feeds={name: {**feed, "delta_every": every} for name in ("stock", "twin")},
    )


@pytest.fixture
async def clerk(erp: NotedErp) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(erp.clerk)
    yield connection
    await connection.close()


@pytest.fixture
async def owner(erp: NotedErp) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(erp.owner)
    yield connection
    await connection.close()


class Watched:
    """The store's changes, to wait for one after which something holds."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._changed = asyncio.Event()
        listener = ChangeListener(warehouse.client, warehouse.keys, lambda _: self._changed.set())
        self._listening = asyncio.create_task(listener.run())

    async def quantity(self, sku: str, expected: int | None) -> None:
        async with asyncio.timeout(SECONDS):
            while await self._warehouse.quantity(sku) != expected:
                await self._changed.wait()
                self._changed.clear()

    def close(self) -> None:
        self._listening.cancel()


@pytest.fixture
async def watched(warehouse: Warehouse) -> AsyncIterator[Watched]:
    watched = Watched(warehouse)
    yield watched
    watched.close()


async def test_a_notice_brings_a_change_and_a_lost_one_only_delays_it(
    erp: NotedErp,
    redis_url: str,
    tmp_path: Path,
    clerk: asyncpg.Connection,
    owner: asyncpg.Connection,
    watched: Watched,
) -> None:
    async with running_loaders(configured(erp, redis_url, tmp_path)):
        await watched.quantity("S1", 1)
        await clerk.execute("UPDATE bins SET amount = 71 WHERE sku = 'S1'")
        await watched.quantity("S1", 71)
        # Its connection broken, nobody hears the next: who connects anew looks by itself.
        await owner.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {LISTENERS}"
        )
        await clerk.execute("UPDATE bins SET amount = 72 WHERE sku = 'S1'")
        await watched.quantity("S1", 72)
        await clerk.execute("DELETE FROM bins WHERE sku = 'S2'")
        await watched.quantity("S2", None)
        # A burst is a few deltas, and its last word counts.
        for amount in range(100, 200):
            await clerk.execute("UPDATE bins SET amount = $1 WHERE sku = 'S3'", amount)
        await watched.quantity("S3", 199)


async def test_without_notices_it_looks_by_itself(
    erp: NotedErp, redis_url: str, tmp_path: Path, clerk: asyncpg.Connection, watched: Watched
) -> None:
    await erp.install(notify=False)
    async with running_loaders(configured(erp, redis_url, tmp_path, "50ms")):
        await watched.quantity("S1", 1)
        await clerk.execute("UPDATE bins SET amount = 71 WHERE sku = 'S1'")
        await watched.quantity("S1", 71)


async def test_what_waits_for_another_transaction_comes_when_it_ends_without_a_notice(
    erp: NotedErp,
    redis_url: str,
    tmp_path: Path,
    clerk: asyncpg.Connection,
    owner: asyncpg.Connection,
    watched: Watched,
) -> None:
    async with running_loaders(configured(erp, redis_url, tmp_path)):
        await watched.quantity("S1", 1)
        other = owner.transaction()
        await other.start()
        await owner.fetchval("SELECT pg_current_xact_id()")
        await clerk.execute("UPDATE bins SET amount = 71 WHERE sku = 'S1'")
        await other.commit()
        await watched.quantity("S1", 71)


async def test_what_all_feeds_have_read_is_deleted_but_for_one_row(
    erp: NotedErp, clerk: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    for amount in range(10):
        await clerk.execute("UPDATE bins SET amount = $1 WHERE sku = 'S3'", amount)
    rows = "SELECT xact::text::bigint FROM stockspan.outbox ORDER BY xact"
    xacts = [row[0] for row in await owner.fetch(rows)]
    through: list[int | None] = [None]

    async def read() -> int | None:
        return through[0]

    source = PostgresSource(type="postgres", dsn=erp.reader)
    notices = Notices("erp", source, (), read, Random())
    reader = await asyncpg.connect(erp.reader)
    # One feed has read nothing yet.
    await notices._tidy(reader)
    assert [row[0] for row in await owner.fetch(rows)] == xacts
    through[0] = xacts[5]
    await notices._tidy(reader)
    assert [row[0] for row in await owner.fetch(rows)] == xacts[4:]
    # Where it may not delete, it says so once and goes on.
    await erp.run(erp.installer, f"REVOKE DELETE ON stockspan.outbox FROM {user(erp.reader)}")
    with capture_logs() as logs:
        await notices._tidy(reader)
        await notices._tidy(reader)
    assert [log["action"] for log in logs] == ["feed.notices"]
    await reader.close()


def user(dsn: str) -> str:
    return urlsplit(dsn).username or ""
