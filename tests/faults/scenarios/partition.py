"""Partitions: a gateway and its store, or its ledger, lose sight of one another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from tests.faults.plays import Stage, play
from tests.faults.proxy import FaultProxy
from tests.faults.reports import Report
from tests.faults.shoppers import Habits

_CUTS: Final[Mapping[str, Callable[[FaultProxy], None]]] = {
    "reset": FaultProxy.reset,
    "black hole": FaultProxy.black_hole,
    "replies dropped": FaultProxy.drop_replies,
    "half open": FaultProxy.half_open,
}


async def partition(
    stage: Stage, *, rounds: int = 1, seconds: float = 0.7, clients: int = 16, skus: int = 20
) -> Report:
    """Each cut of each way, of one gateway or of all of them, so often."""
    habits = Habits(pause=0.03)
    async with play(stage, "partition", skus=skus, habits=habits) as ours:
        chance = ours.world.chance
        async with ours.trade(clients):
            for _ in range(rounds):
                for name, cut in _CUTS.items():
                    for side in ("store", "ledger"):
                        everyone = ours.world.gateways
                        some = everyone if chance.random() < 0.5 else [chance.choice(everyone)]
                        ways = [getattr(gateway, side) for gateway in some]
                        for way in ways:
                            cut(way)
                        ours.report.faults[f"{side}: {name}"] += 1
                        await asyncio.sleep(seconds)
                        for way in ways:
                            way.heal()
                            if name == "half open":
                                way.reset()
                        await ours.recovered(some)
        await ours.rest.come()
        return ours.judge()
