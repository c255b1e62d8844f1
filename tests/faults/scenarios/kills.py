"""Kills: gateways die (-9) while they reserve; others go on, and soon they are back."""

from __future__ import annotations

import asyncio
from typing import Final

from tests.faults.plays import Play, Stage, play
from tests.faults.programs import GatewayProgram
from tests.faults.reports import Report
from tests.faults.shoppers import Habits
from tests.faults.world import Shape

_GATEWAYS: Final = 3
_AT_LEAST: Final = 2
"""So many serve when one is killed."""
_WITHIN_SECONDS: Final = 0.2
"""At any moment of so long a time, of whatever it is doing then."""


async def kills(stage: Stage, *, times: int = 10, clients: int = 10, skus: int = 16) -> Report:
    """Kill so often; afterwards every key is asked for once more, and all is compared."""
    habits = Habits(pause=0.03, ttls=(1, 2), reserves=0.75, reads=0.1, tries=10)
    shape = Shape(gateways=_GATEWAYS)
    async with play(stage, "kills", shape=shape, skus=skus, habits=habits) as ours:
        async with ours.trade(clients), asyncio.TaskGroup() as births:
            back: asyncio.Queue[None] = asyncio.Queue()
            for _ in range(times):
                while len(ours.world.serving) < _AT_LEAST:
                    await back.get()
                await asyncio.sleep(ours.world.chance.uniform(0, _WITHIN_SECONDS))
                gateway = ours.world.chance.choice(ours.world.serving)
                gateway.kill()
                ours.world.serving.remove(gateway)
                ours.report.faults["kills"] += 1
                births.create_task(_born_again(ours, gateway, back))
        await ours.replay()
        await ours.rest.come()
        return ours.judge()


async def _born_again(ours: Play, gateway: GatewayProgram, back: asyncio.Queue[None]) -> None:
    gateway.launch()
    ours.report.recoveries.append(await gateway.ready(ours.world.session))
    ours.world.serving.append(gateway)
    back.put_nowait(None)
