"""A crowd: many clients, few things, an ERP that never rests, and a slow way to the store."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from tests.faults.plays import Play, Stage, play
from tests.faults.reports import Report
from tests.faults.shoppers import Habits
from tests.faults.world import Shape

_SHAPE: Final = Shape(deadline="250ms")
"""The slow way brings some answers in the last moment, and some too late."""
_DELAYS: Final = (0.0, 0.0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08)


async def crowd(
    stage: Stage,
    *,
    seconds: float = 6.0,
    clients: int = 64,
    skus: int = 40,
    shape: Shape = _SHAPE,
    slow: bool = True,
) -> Report:
    """Let them all at it, then compare everything."""
    habits = Habits(pause=clients / 1000)
    async with play(stage, "crowd", skus=skus, habits=habits, shape=shape) as ours:
        async with ours.trade(clients):
            weather = asyncio.create_task(_slow_way(ours)) if slow else None
            await asyncio.sleep(seconds)
            if weather is not None:
                weather.cancel()
                with suppress(asyncio.CancelledError):
                    await weather
        await ours.rest.come()
        return ours.judge()


async def _slow_way(ours: Play) -> None:
    """0 to 80 ms there and back, in slices at times."""
    chance = ours.world.chance
    while True:
        for gateway in ours.world.gateways:
            there_and_back = chance.choice(_DELAYS)
            for way in (gateway.store.to_server, gateway.store.to_client):
                way.latency = there_and_back / 2
                way.slices = chance.choice((None, None, 700, 64))
            ours.report.faults["delays"] += 1
        await asyncio.sleep(chance.uniform(0.1, 0.4))
