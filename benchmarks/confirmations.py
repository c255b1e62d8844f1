"""A checkout that has the ERP confirm its figures: what it costs the ERP, and who waits for it.

A real ERP database, a loader and two gateways, each its own process, with settings as shipped.

- `calls`: a thousand checkouts at once over fifty SKUs, at both gateways; the ERP counts its calls.
- `beyond`: one checkout at a time, in turns with the bare query on a connection of its own; what a
  caller waits beyond that round trip.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
import asyncpg

from benchmarks import erp
from benchmarks.figures import percentile, shown
from loaders.sources.query import described, narrowed
from stockspan.embedded.ports import free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey

KEY: Final = "benchmark"
MOST_CALLS: Final = 5
BOUND_MS: Final = 15.0
CALLERS: Final = 1_000
SKUS: Final = 50

# A call for some SKUs tells of itself, once; the one for all of them does not ask for ANY.
QUERY: Final = """
SELECT s.sku, s.location, s.quantity, s.version
  FROM (SELECT pg_notify('calls', (current_query() ~ 'AN[Y][(][$]1')::text)) told, stock s
"""
_MORE: Final = f"""
[keys.benchmark]
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
scopes = ["checkout"]
"""


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    bursts, turns = (2, 30) if quick else (5, 200)
    valkey = EmbeddedValkey(folder / "valkey", appendonly=False)
    postgres = EmbeddedPostgres(folder / "postgres")
    ports = [free_port(), free_port()]
    with valkey, postgres:
        erp.fill(postgres, 10_000)
        settings = erp.settings_file(folder, valkey, postgres, query=QUERY, more=_MORE)
        stockspan = [sys.executable, "-m", "stockspan"]
        # An audit's calls would be counted with the others.
        unaudited = {**os.environ, "STOCKSPAN_SOURCES__ERP__AUDIT_RATE": "0"}
        loaders = [*stockspan, "load", "--config", str(settings)]
        children = [subprocess.Popen(loaders, env=unaudited)]
        children += [
            subprocess.Popen(
                [*stockspan, "serve", "--config", str(settings)],
                env={
                    **os.environ,
                    "STOCKSPAN_GATEWAY__PORT": str(port),
                    # Five hundred requests at once hold a worker up for longer than as shipped.
                    "STOCKSPAN_STORE__TIMEOUT": "10s",
                },
            )
            for port in ports
        ]
        try:
            return asyncio.run(_measure(ports, postgres.dsn(), bursts, turns))
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait(timeout=30)


async def _measure(ports: Sequence[int], dsn: str, bursts: int, turns: int) -> dict[str, Any]:
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {KEY}"},
        connector=aiohttp.TCPConnector(limit=0),
    ) as session:
        shop = _Shop(session, ports)
        await shop.until_confirmed()
        calls = [await _burst(shop, dsn) for _ in range(bursts)]
        print(f"ERP calls for {CALLERS:,} checkouts at once over {SKUS} SKUs: {shown(calls, 0)}")
        beyond = await _in_turns(shop, dsn, turns)
    met = max(calls) <= MOST_CALLS and beyond["median_ms"] <= BOUND_MS
    print(f"bounds: {MOST_CALLS} calls, {BOUND_MS:.0f} ms: {'met' if met else 'NOT MET'}")
    return {"calls": calls, "most_calls": MOST_CALLS, "beyond": beyond, "bound_ms": BOUND_MS}


class _Shop:
    """The gateways, asked in turn."""

    def __init__(self, session: aiohttp.ClientSession, ports: Sequence[int]) -> None:
        self._session = session
        self._urls = [f"http://127.0.0.1:{port}/v1/checkout" for port in ports]

    async def look(self, number: int, confirm: str = "always") -> tuple[bool, float]:
        """Whether the ERP confirmed the figure, and the seconds it took."""
        line = {"sku": f"SKU-{number % SKUS:07d}", "quantity": 1}
        body = {"lines": [line], "confirm": confirm, "deadline_ms": 5_000}
        began = time.perf_counter()
        url = self._urls[number // SKUS % len(self._urls)]
        async with self._session.post(url, json=body) as answer:
            cart = await answer.json()
        return answer.ok and cart["lines"][0]["confirmed"], time.perf_counter() - began

    async def until_confirmed(self) -> None:
        """Wait until both gateways and the loader are there."""
        async with asyncio.timeout(60):
            for place in range(len(self._urls)):
                while not await self._is_confirmed(place * SKUS):  # noqa: ASYNC110 - others' processes
                    await asyncio.sleep(0.05)

    async def _is_confirmed(self, number: int) -> bool:
        try:
            return (await self.look(number))[0]
        except aiohttp.ClientConnectionError:
            return False


async def _burst(shop: _Shop, dsn: str) -> int:
    database = await asyncpg.connect(dsn)
    heard: list[str] = []
    await database.add_listener("calls", lambda *told: heard.append(str(told[3])))
    unasked = await asyncio.gather(*(shop.look(number, "never") for number in range(CALLERS)))
    answers = await asyncio.gather(*(shop.look(number) for number in range(CALLERS)))
    # What was told before comes before the answer to this.
    await database.execute("SELECT 1")
    await database.close()
    unconfirmed = sum(not confirmed for confirmed, _ in answers)
    if unconfirmed:
        raise RuntimeError(f"{unconfirmed} of {CALLERS} were not confirmed")
    calls = heard.count("true")
    waited, anyway = (median([took for _, took in some]) * 1000 for some in (answers, unasked))
    print(
        f"  {calls} calls; median to a caller {waited:.0f} ms, without confirming {anyway:.0f} ms"
    )
    return calls


async def _in_turns(shop: _Shop, dsn: str, turns: int) -> dict[str, float]:
    database = await asyncpg.connect(dsn)
    prepared = await database.prepare(described(QUERY))
    columns = {column.name: column.type.name for column in prepared.get_attributes()}
    statement = narrowed("stock", QUERY, columns)
    bare: list[float] = []
    checked: list[float] = []
    unasked: list[float] = []
    for number in range(turns):
        began = time.perf_counter()
        await database.fetch(statement, [f"SKU-{number % SKUS:07d}"])
        bare.append(time.perf_counter() - began)
        confirmed, seconds = await shop.look(number)
        if not confirmed:
            raise RuntimeError("a checkout was not confirmed")
        checked.append(seconds)
        unasked.append((await shop.look(number, "never"))[1])
        await asyncio.sleep(0.02)  # within the ERP's budget of calls as shipped
    await database.close()
    found = {
        "bare_ms": median(bare) * 1000,
        "never_ms": median(unasked) * 1000,
        "always_ms": median(checked) * 1000,
        "p99_ms": percentile(checked, 0.99) * 1000,
    }
    found["median_ms"] = found["always_ms"] - found["bare_ms"]
    print(
        f"one at a time, medians of {turns}: bare query {found['bare_ms']:.1f} ms, checkout "
        f"{found['never_ms']:.1f} ms, confirmed {found['always_ms']:.1f} ms "
        f"(p99 {found['p99_ms']:.1f}): {found['median_ms']:.1f} ms beyond the round trip"
    )
    return found
