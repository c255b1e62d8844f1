"""From the ERP's commit to the gateway's changed answer, by a delta feed.

A real ERP database, loader and gateway, each its own process. A figure is changed in PostgreSQL;
the gateway is asked for it again and again until it says so. The poll interval is the only large
part: a change waits half of it on average, whatever the rest does.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from benchmarks import erp
from benchmarks.figures import percentile
from benchmarks.programs import running
from stockspan.embedded.ports import free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

KEY = "benchmark"
INTERVAL_MS = 200
MANY = 1_000_000
"""More than any SKU has: the answer that tells so many can only be the new one."""

FEED = f"""
watermark = "changed_at"
overlap = "1s"
delta_every = "{INTERVAL_MS}ms"
[keys.benchmark]
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
scopes = ["stock:exact"]
[gateway]
port = """


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    changes = 20 if quick else 100
    valkey = EmbeddedValkey(folder / "valkey", appendonly=False)
    postgres = EmbeddedPostgres(folder / "postgres")
    port = free_port()
    with valkey, postgres:
        erp.fill(postgres, 10_000)
        settings = erp.settings_file(
            folder,
            valkey,
            postgres,
            query="SELECT sku, location, quantity, version, changed_at FROM stock",
            more=f"{FEED}{port}\n",
        )
        with running(settings):
            times = asyncio.run(_measure(f"http://127.0.0.1:{port}", postgres.dsn(), changes))
    p50, p99 = percentile(times, 0.5) * 1000, percentile(times, 0.99) * 1000
    print(f"commit to changed answer, {changes} changes, polled every {INTERVAL_MS} ms:")
    print(f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {max(times) * 1000:.0f} ms")
    return {"changes": changes, "interval_ms": INTERVAL_MS, "p50_ms": p50, "p99_ms": p99}


async def _measure(gateway: str, dsn: str, changes: int) -> list[float]:
    chance = random.Random(1)
    database = await asyncpg.connect(dsn)
    headers = {"Authorization": f"Bearer {KEY}"}
    times: list[float] = []
    async with aiohttp.ClientSession(gateway, headers=headers) as session:
        await _until_ready(session)
        for number in range(changes):
            sku = f"SKU-{chance.randrange(10_000):07d}"
            quantity = MANY + number
            await database.execute(
                "UPDATE stock SET quantity = $2, version = version + 100000, "
                "changed_at = clock_timestamp() WHERE sku = $1 AND location = 'W1'",
                sku,
                quantity,
            )
            began = time.perf_counter()
            await _until_told(session, sku, quantity)
            times.append(time.perf_counter() - began)
            # Not in step with the poll, else every change would wait the same.
            await asyncio.sleep(chance.random() * INTERVAL_MS / 1000)
    await database.close()
    return times


async def _until_ready(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get("/readyz") as answer:
                    if answer.ok:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)


async def _until_told(session: aiohttp.ClientSession, sku: str, least: int) -> None:
    async with asyncio.timeout(60):
        while True:
            async with session.get("/v1/stock", params={"sku": sku}) as answer:
                item = (await answer.json())["items"][0] if answer.ok else {}
            if item.get("salable", 0) >= least:
                return
            await asyncio.sleep(0.002)
