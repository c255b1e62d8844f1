"""Two loaders: one stands still in the midst of a snapshot, and wakes when another leads.

The one that stands still believes in its lease for as long as it lives (`CREDULOUS`), as if its
clock had stood still with it: nothing but the fence tells it. Its rows have no versions: what comes
last would count. What it had sent lies on its way to the store meanwhile, and comes when it wakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.store.feed_requests import Act
from gateway.store.leadership import leader
from stockspan.embedded.ports import HOST, free_port
from tests.faults.generations import Generations
from tests.faults.hearing import hearing
from tests.faults.mutants import Edit, copied
from tests.faults.programs import Program
from tests.faults.proxy import FaultProxy
from tests.faults.supply import FILES, Supply
from tests.faults.world import through

TAKEN_OVER_SECONDS: Final = 10.0
CREDULOUS: Final = (
    Edit(
        "loaders/leader.py",
        "PACE: Final = Pace()",
        "PACE: Final = Pace(keep_every=1000.0, margin=-1000.0)",
    ),
)
"""What a loader is changed by that believes in its lease for as long as it lives."""

_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02
_STANDS_BY: Final = "leader.ended"
_BYTES_A_SECOND: Final = 1_000_000
_ON_ITS_WAY: Final = 10_000
"""So many bytes, which are rows and no mere sign of life."""


async def two_loaders(
    ours: Supply,
    *,
    times: int = 1,
    skus: int = 20_000,
    within: float | None = None,
    sleeper: Sequence[Edit] = CREDULOUS,
) -> str:
    """So often; a takeover must be `within` so many seconds. `sleeper`: how it is changed."""
    package = copied("sleeper", sleeper, ours.stage.folder / "sleeper")
    erp = Generations("G", skus, versions=False)
    ours.folder.write(erp.next())
    await ours.feeds.forced(FILES)
    applied = 0
    async with FaultProxy(HOST, ours.world.valkey.port) as way:
        for number in range(times):
            first = await _takes_over(ours, package, f"sleeper-{number}", way)
            try:
                applied += await _sleeps(ours, first, way, erp, within)
            finally:
                first.kill()
            ours.report.faults["stood still"] += 1
    ours.require("writes of a deposed loader", not applied, f"{applied} applied")
    worst = max(ours.report.recoveries)
    return f"{applied} applied; taken over within {worst:.1f} s"


async def _takes_over(ours: Supply, package: Path, name: str, way: FaultProxy) -> Program:
    """A loader of that package, which leads instead of the world's own."""
    ours.world.loaders.stop()
    folder = ours.stage.folder
    first = Program(name, folder, package, "load", "--config", str(ours.world.config))
    first.env["STOCKSPAN_PUSH__PORT"] = str(free_port())
    first.env["STOCKSPAN_STORE__URL"] = through(ours.world.valkey.url, way)
    first.launch()
    await _led(ours, other_than=None)
    return first


async def _sleeps(
    ours: Supply, first: Program, way: FaultProxy, erp: Generations, within: float | None
) -> int:
    """How many levels it wrote after it woke."""
    loop = asyncio.get_running_loop()
    before = await ours.feeds.verified_ms(FILES)
    async with hearing(ours.feeds) as heard:
        ours.folder.write(erp.next())
        there = way.to_server
        # Slow enough that it is in the midst of its rows when we hear of the first.
        there.bandwidth = _BYTES_A_SECOND
        await ours.feeds.ask(Act.SYNC, FILES)
        await heard.until(1)
        there.stalled = True
        await way.until(lambda: there.arrived - there.bytes > _ON_ITS_WAY, _SECONDS)
        first.freeze()
        held = erp.seen(await ours.feeds.levels())
        ours.require("it was not in the midst of it", held[erp.now - 1], dict(held))
        began = loop.time()
        deposed = await leader(ours.feeds.client, ours.feeds.keys)
        ours.folder.write(erp.next())
        ours.world.loaders.launch()
        leads = await _led(ours, other_than=deposed)
        ours.report.recoveries.append(loop.time() - began)
        if within is not None:
            ours.require(
                "taken over", loop.time() - began <= within, f"{loop.time() - began:.1f} s"
            )
        await ours.feeds.until_verified(FILES, after_ms=before)
        ours.require("taken over, not whole", erp.whole(await ours.feeds.levels()) == erp.now)
        sent = there.arrived
        way.heal()
        await way.until(lambda: there.bytes >= sent)
        first.thaw()
        await _said(first, _STANDS_BY)
        ours.require("it leads again", await leader(ours.feeds.client, ours.feeds.keys) == leads)
        seen = erp.seen(await ours.feeds.levels())
    return sum(seen.values()) - seen[erp.now]


async def _led(ours: Supply, *, other_than: str | None) -> str:
    async with asyncio.timeout(_SECONDS):
        while True:
            name = await leader(ours.feeds.client, ours.feeds.keys)
            if name is not None and name != other_than:
                return name
            await asyncio.sleep(_POLL_SECONDS)


async def _said(program: Program, what: str) -> None:
    async with asyncio.timeout(_SECONDS):
        while not any(what in line for line in program.lines()):
            program.require_alive()
            await asyncio.sleep(_POLL_SECONDS)
