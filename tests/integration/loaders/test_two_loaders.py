"""Two loaders as processes: one stands still in the middle of a snapshot, the other takes over.

The first one believes in its lease for as long as it lives, as if its clock stood still with it: it
learns from nothing but the fence that another leads.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from gateway.config.settings import Settings
from gateway.store.changes import ChangeListener
from gateway.store.keys import Change
from gateway.store.leadership import leader

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

SECONDS = 60
ROWS = 20_000
ROOT = Path(__file__).parents[3]
CHILD = """
import asyncio, sys
from gateway.config.settings import Settings
from gateway.observability.logs import configure_logs
from loaders import load
from loaders.leader import Pace
from stockspan.signals import stopping

async def main():
    settings = Settings.model_validate_json(sys.argv[1])
    keep_every, margin = map(float, sys.argv[2:])
    load.PACE = Pace(life=2.0, keep_every=keep_every, look_every=0.1, margin=margin)
    await load.load(settings, once=False, shutdown=stopping())

configure_logs()
asyncio.run(main())
"""
KEEPING = 0.2, 0.5
"""How often the lease is kept, and what is left of it when the work ends."""
CREDULOUS = 1000.0, -1000.0


class Changes:
    """Counts changes of SKUs, and waits for them."""

    def __init__(self) -> None:
        self.seen = 0
        self.listens = asyncio.Event()
        self._changed = asyncio.Event()

    def hear(self, change: Change | None) -> None:
        self.listens.set()
        self.seen += change is not None and change.kind.name == "SKU"
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


class Loader:
    """One of them, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = ""

    async def until_said(self, what: str) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS):
            while what not in self.said:
                line = await self.process.stdout.readline()
                assert line, self.said
                self.said += line.decode()

    async def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            rest, _ = await asyncio.wait_for(self.process.communicate(), SECONDS)
        except TimeoutError:
            self.process.kill()
            raise
        self.said += rest.decode()
        assert "Traceback" not in self.said


@asynccontextmanager
async def loading(settings: Settings, pace: tuple[float, float]) -> AsyncIterator[Loader]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        settings.model_dump_json(exclude_unset=True),
        *map(str, pace),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    loader = Loader(child)
    try:
        yield loader
    finally:
        await loader.end()


async def test_what_a_deposed_loader_writes_is_refused(
    warehouse: Warehouse, database: str, redis_url: str, tmp_path: Path
) -> None:
    erp = await asyncpg.connect(database)
    # Without a version what comes last counts: that of the first loader must not.
    await erp.execute(
        "CREATE TABLE bins AS SELECT 'S' || n AS sku, 'W1' AS location, 1 AS quantity "
        f"FROM generate_series(1, {ROWS}) n"
    )
    settings = Settings(
        store={"url": redis_url, "prefix": "t"},
        loaders={"spool_dir": tmp_path / "spool"},
        sources={"erp": {"type": "postgres", "dsn": database}},
        feeds={"stock": {"kind": "stock", "source": "erp", "query": "SELECT * FROM bins"}},
    )
    changes = Changes()
    listener = ChangeListener(warehouse.client, warehouse.keys, changes.hear)
    listening = asyncio.create_task(listener.run())
    await asyncio.wait_for(changes.listens.wait(), SECONDS)
    async with loading(settings, CREDULOUS) as first:
        await changes.until(lambda: changes.seen > 0)
        first.process.send_signal(signal.SIGSTOP)
        written = changes.seen
        assert written < ROWS
        await erp.execute("UPDATE bins SET quantity = 2")
        async with loading(settings, KEEPING):
            await verified(warehouse)
            await changes.until(lambda: changes.seen >= written + ROWS)
            before = await warehouse.everything()
            assert {held.levels["W1"].quantity for held in before.values() if held} == {2000}
            leads = await leader(warehouse.client, warehouse.keys)
            first.process.send_signal(signal.SIGCONT)
            await first.until_said("stands by")
            assert await leader(warehouse.client, warehouse.keys) == leads
            assert await warehouse.everything() == before
    listening.cancel()
    await erp.close()


async def verified(warehouse: Warehouse) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            state = (await warehouse.ingest.register.all()).get("stock")
            if state is not None and state.verified_through_ms is not None:
                return
            await asyncio.sleep(0.05)
