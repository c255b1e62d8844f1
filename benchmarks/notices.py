"""From the ERP's commit to the gateway's changed answer, by an outbox and its notices.

A real ERP database, loader and gateway, each its own process. A figure is changed in PostgreSQL; as
soon as the loader has told of it the gateway is asked, until its public answer is another. In turns
with each change: how long a bare NOTIFY takes from one asyncpg connection to another. Both count
from the moment at which the commit is sent.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import uvloop

from benchmarks import erp
from benchmarks.figures import percentile
from benchmarks.programs import running
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace
from loaders.sources.outbox_sql import installation
from stockspan.embedded.ports import free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

SKUS = 10_000
BOUND = 5.0
"""Bare round trips that a change may take, at the median."""

FEED = """
delta_every = "1h"
outbox.tables.stock = { sku = "sku", location = "location" }
[gateway]
port = """


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    changes = 100 if quick else 1_000
    valkey = EmbeddedValkey(folder / "valkey", appendonly=False)
    postgres = EmbeddedPostgres(folder / "postgres")
    port = free_port()
    with valkey, postgres:
        erp.fill(postgres, SKUS)
        postgres.psql(installation({"stock": ("sku", "location")}, None))
        settings = erp.settings_file(folder, valkey, postgres, more=f"{FEED}{port}\n")
        with running(settings), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            work = _measure(port, postgres.dsn(), valkey.url, changes)
            bare, written, told = runner.run(work)
    return _shown(bare, written, told)


async def _measure(
    port: int, dsn: str, valkey: str, changes: int
) -> tuple[list[float], list[float], list[float]]:
    chance = random.Random(1)
    database, other = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    heard, changed = asyncio.Event(), asyncio.Event()
    await other.add_listener("bare", lambda *_: heard.set())
    client = StoreClient.connect(valkey, deadline=10.0)
    listener = ChangeListener(client, Keyspace("ss"), lambda _: changed.set())
    listening = asyncio.create_task(listener.run())
    bare: list[float] = []
    written: list[float] = []
    told: list[float] = []
    shopper = _Shopper(port)
    await shopper.until_ready()
    for number in range(changes):
        bare.append(await _after(lambda: database.execute("NOTIFY bare"), heard))
        sku = f"SKU-{chance.randrange(SKUS):07d}"
        before = await shopper.public(sku)
        async with database.transaction():
            # Sold out at every place, or plenty of it.
            await database.execute(
                "UPDATE stock SET quantity = $2, version = version + 100000 WHERE sku = $1",
                sku,
                0 if b"in_stock" in before else 100_000 + number,
            )
            changed.clear()
            began = time.perf_counter()
        await changed.wait()
        written.append(time.perf_counter() - began)
        while await shopper.public(sku) == before:
            pass
        told.append(time.perf_counter() - began)
        # A loader that was just told something rests for as long as that took.
        await asyncio.sleep(0.01 + chance.random() * 0.01)
    shopper.close()
    listening.cancel()
    await client.close()
    await database.close()
    await other.close()
    return bare, written, told


async def _after(act: Callable[[], Awaitable[object]], heard: asyncio.Event) -> float:
    heard.clear()
    began = time.perf_counter()
    acting = asyncio.ensure_future(act())
    await heard.wait()
    took = time.perf_counter() - began
    await acting
    return took


class _Shopper:
    """One kept connection to the gateway, by as little code as tells its answers apart."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def public(self, sku: str) -> bytes:
        """Status and span of a SKU, as a stranger sees them."""
        body = await self._get(f"/v1/stock?sku={sku}")
        if b'"items"' not in body:
            raise RuntimeError(body.decode())
        item = json.loads(body)["items"][0]
        return json.dumps([item["status"], item["span"]]).encode()

    async def until_ready(self) -> None:
        async with asyncio.timeout(60):
            while True:
                try:
                    if b'"items"' in await self._get("/v1/stock?sku=SKU-0000000"):
                        return
                except OSError:
                    self._writer = None
                await asyncio.sleep(0.05)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def _get(self, target: str) -> bytes:
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(f"GET {target} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return await self._reader.readexactly(length)


def _shown(bare: list[float], written: list[float], told: list[float]) -> dict[str, Any]:
    unit, far = median(bare), percentile(bare, 0.99)
    figures = {
        "changes": len(told),
        "bare_p50_ms": unit * 1000,
        "bare_p99_ms": far * 1000,
        "written_p50_ms": median(written) * 1000,
        "told_p50_ms": median(told) * 1000,
        "told_p99_ms": percentile(told, 0.99) * 1000,
        "p50_ratio": median(told) / unit,
        "p99_ratio": percentile(told, 0.99) / far,
    }
    print(
        f"{len(told)} changes, in turns with a bare NOTIFY: p50 {unit * 1000:.2f} ms, "
        f"p99 {far * 1000:.2f} ms"
    )
    print(
        f"commit to changed answer: p50 {figures['told_p50_ms']:.2f} ms, "
        f"p99 {figures['told_p99_ms']:.2f} ms (in the store: {figures['written_p50_ms']:.2f} ms)"
    )
    print(
        f"in bare NOTIFYs: p50 {figures['p50_ratio']:.1f} (aim {BOUND:g}), "
        f"p99 {figures['p99_ratio']:.1f}"
    )
    return figures
