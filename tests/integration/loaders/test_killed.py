"""A loader killed in the middle of a snapshot leaves a valid state; the next one finishes."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from gateway.config.settings import Settings
from loaders.load import load
from tests.unmeasured import unmeasured

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

ROWS = 20_000
ROOT = Path(__file__).parents[3]
# It kills itself where it is to be killed: whoever watched from outside could come too late.
CHILD = """
import asyncio, os, signal, sys
from gateway.config.settings import Settings
from gateway.store.bulk import BulkWriter
from loaders.load import load
settings, blocks = Settings.model_validate_json(sys.argv[1]), int(sys.argv[2])
write = BulkWriter.write

async def until_killed(staged):
    left = blocks
    async for block in staged:
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        yield block

BulkWriter.write = lambda writer, staged: write(writer, until_killed(staged))
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


async def killed_after(blocks: int, settings: Settings, warehouse: Warehouse) -> None:
    """Start a loader that is killed once so many blocks are on their way."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        settings.model_dump_json(exclude_unset=True),
        str(blocks),
        cwd=ROOT,
        env=unmeasured(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await child.wait() == -signal.SIGKILL
    # Its lease would end by itself; what the next one finds is not about that.
    await warehouse.client.redis.delete(warehouse.keys.lease)


@pytest.mark.parametrize("blocks", [2, 9])
async def test_a_loader_killed_while_it_writes(
    warehouse: Warehouse, database: str, redis_url: str, tmp_path: Path, blocks: int
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
    await killed_after(blocks, settings, warehouse)

    # Every level is the old one or the new one, nothing is gone, nothing is called verified.
    found = await warehouse.everything()
    assert len(found) == ROWS
    figures = {held.levels["W1"].quantity for held in found.values() if held is not None}
    assert figures == {1000, 2000}
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
