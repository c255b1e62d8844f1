"""Memory: the store has none left. Nothing is promised, half written or lost."""

from __future__ import annotations

import asyncio

from tests.faults.history import Kind
from tests.faults.plays import Stage, play, reserved
from tests.faults.reports import Report
from tests.faults.shoppers import Habits


async def memory(
    stage: Stage, *, rounds: int = 2, seconds: float = 1.5, clients: int = 16, skus: int = 20
) -> Report:
    """Full and free again so often."""
    async with play(stage, "memory", skus=skus, habits=Habits(pause=0.03)) as ours:
        valkey = ours.world.valkey
        async with ours.trade(clients):
            for _ in range(rounds):
                await asyncio.sleep(seconds / 2)
                valkey.command("CONFIG", "SET", "maxmemory", "1mb")
                ours.report.faults["full"] += 1
                since = ours.world.now()
                await asyncio.sleep(seconds)
                asked = ours.between(since, ours.world.now(), Kind.RESERVE)
                ours.require("no promises when full", asked, lambda op: not reserved(op), 1.0)
                valkey.command("CONFIG", "SET", "maxmemory", "0")
                await ours.recovered()
        await ours.rest.come()
        return ours.judge()
