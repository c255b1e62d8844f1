"""A loader killed in the middle of a snapshot leaves a valid state; the next one finishes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from gateway.config.settings import Settings
from gateway.store.changes import ChangeListener
from gateway.store.keys import Change
from loaders.load import load
from tests.unmeasured import unmeasured

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

ROWS = 60_000
ROOT = Path(__file__).parents[3]
CHILD = """
import asyncio, sys
from pathlib import Path
from gateway.config.settings import Settings
from loaders.load import load
settings = Settings.model_validate_json(sys.argv[1])
asyncio.run(load(settings, once=True, shutdown=asyncio.Event()))
"""


def configured(database: str, redis_url: str, tmp_path: Path) -> Settings:
    query = "SELECT sku, place AS location, amount AS quantity, rev AS version FROM bins"
    return Settings(
        store={"url": redis_url, "prefix": "t"},
        loaders={"spool_dir": tmp_path / "spool"},
        sources={"erp": {"type": "postgres", "dsn": database}},
        feeds={"stock": {"kind": "stock", "source": "erp", "query": query}},
    )


async def killed_after(changes: int, settings: Settings, warehouse: Warehouse) -> int:
    """Start a loader, kill it once so many SKUs have changed, and say how many had."""
    seen = 0
    enough = asyncio.Event()
    listens = asyncio.Event()

    def hear(change: Change | None) -> None:
        nonlocal seen
        listens.set()
        seen += change is not None and change.kind.name == "SKU"
        if seen >= changes:
            enough.set()

    listener = ChangeListener(warehouse.client, warehouse.keys, hear)
    listening = asyncio.create_task(listener.run())
    await asyncio.wait_for(listens.wait(), 30)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        settings.model_dump_json(exclude_unset=True),
        cwd=ROOT,
        env=unmeasured(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await asyncio.wait_for(enough.wait(), 60)
    os.kill(child.pid, signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    # Its lease would end by itself; what the next one finds is not about that.
    await warehouse.client.redis.delete(warehouse.keys.lease)
    listening.cancel()
    return seen


@pytest.mark.parametrize("changes", [1, 500])
async def test_a_loader_killed_while_it_writes(
    warehouse: Warehouse, database: str, redis_url: str, tmp_path: Path, changes: int
) -> None:
    erp = await asyncpg.connect(database)
    await erp.execute(
        "CREATE TABLE bins AS SELECT 'S' || n AS sku, 'W1' AS place, 1 AS amount, 1 AS rev "
        f"FROM generate_series(1, {ROWS}) n"
    )
    settings = configured(database, redis_url, tmp_path)
    assert await load(settings, once=True, shutdown=asyncio.Event()) == 0
    verified = (await warehouse.ingest.register.all())["stock"].verified_through_ms
    await erp.execute(
        f"UPDATE bins SET amount = 2, rev = 2; DELETE FROM bins WHERE sku = 'S{ROWS}'"
    )
    await killed_after(changes, settings, warehouse)

    # Every level is the old one or the new one, nothing is gone, nothing is called verified.
    found = await warehouse.everything()
    assert len(found) == ROWS
    figures = {held.levels["W1"].quantity for held in found.values() if held is not None}
    assert figures <= {1000, 2000}
    assert None not in found.values()
    state = (await warehouse.ingest.register.all())["stock"]
    assert state.verified_through_ms == verified
    assert list((tmp_path / "spool").iterdir()) == []

    assert await load(settings, once=True, shutdown=asyncio.Event()) == 0
    found = await warehouse.everything()
    assert found.pop(f"S{ROWS}") is None
    levels = [held.levels["W1"].quantity for held in found.values() if held is not None]
    assert levels == [2000] * (ROWS - 1)
    await erp.close()
