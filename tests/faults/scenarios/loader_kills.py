"""Loaders that die (-9) in the midst of a snapshot: what is held is valid, the next one ends it."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.store.feed_requests import Act
from tests.faults.generations import Generations
from tests.faults.hearing import hearing
from tests.faults.supply import FILES, Supply
from tests.faults.world import Shape

MADE_OF: Final = Shape(gateways=1, loading_way=True)
"""The world that it needs."""


async def loader_kills(
    ours: Supply, *, times: int = 3, skus: int = 20_000, within: float | None = None
) -> str:
    """Kill so often, each time somewhere else in the snapshot; whole again `within` some seconds.

    Where that is not asked for nobody waits for the lease of the dead.
    """
    erp = Generations("G", skus, versions=False)
    loop = asyncio.get_running_loop()
    front = ours.front()
    ours.folder.write(erp.next())
    await ours.feeds.forced(FILES)
    inside = 0
    for _ in range(times):
        before = await ours.feeds.verified_ms(FILES)
        async with hearing(ours.feeds) as heard:
            ours.folder.write(erp.next())
            await ours.feeds.ask(Act.SYNC, FILES)
            await heard.until(ours.world.chance.randrange(1, skus // 4))
            # Nothing goes on while it dies: however late we hear, it is in the midst of it.
            ours.world.loading_way.to_server.stalled = True
            ours.world.loaders.kill()
            ours.world.loading_way.reset()
            ours.world.loading_way.heal()
        ours.report.faults["killed"] += 1
        verified = await ours.feeds.verified_ms(FILES)
        ours.require("half a snapshot is called verified", verified == before)
        seen = erp.seen(await ours.feeds.levels())
        inside += 0 < seen[erp.now] < skus - 1
        odd = {
            generation: seen[generation]
            for generation in seen
            if erp.now - generation not in {0, 1}
        }
        ours.require("neither old nor new", not odd, odd)
        status, items = await front.stock(*erp.names(erp.now)[:20])
        told = {item.get("salable") for item in items.values()}
        ours.require("told meanwhile", status == 200 and told <= {erp.now, erp.now - 1}, told)
        if within is None:
            await ours.feeds.client.redis.delete(ours.feeds.keys.lease)
        began = loop.time()
        ours.world.loaders.launch()
        await ours.feeds.until_verified(FILES, after_ms=before)
        ours.report.recoveries.append(loop.time() - began)
        found = erp.whole(await ours.feeds.levels())
        ours.require("not whole again", found == erp.now, f"{found} instead of {erp.now}")
    ours.require("no kill was in the midst of a snapshot", inside)
    worst = max(ours.report.recoveries)
    if within is not None:
        ours.require("whole again too late", worst <= within, f"{worst:.1f} s")
    return f"{times} kills, {inside} while it was written; whole again within {worst:.1f} s"
