"""From the ERP's commit to the gateway's changed answer, by an outbox and its notices.

A real ERP database, loader and gateway, each its own process. A figure is changed in PostgreSQL; as
soon as the loader has told of it the gateway is asked, until its public answer is another. In turns
with each change: how long a bare NOTIFY takes from one asyncpg connection to another. Both count
from the moment at which the commit is sent.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import uvloop

from benchmarks import erp
from benchmarks.figures import percentile
from benchmarks.programs import running
from benchmarks.watching import Shopper, seconds_until
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
    shopper = Shopper(port)
    await shopper.until_ready("SKU-0000000")
    for number in range(changes):
        bare.append(await seconds_until(heard, lambda: database.execute("NOTIFY bare")))
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


def _shown(bare: list[float], written: list[float], told: list[float]) -> dict[str, Any]:
    unit, far = median(bare), percentile(bare, 0.99)
    figures = {
        "changes": len(told),
        "bound": BOUND,
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
