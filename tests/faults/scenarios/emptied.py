"""Emptied: the store loses everything, or dies and comes back with it."""

from __future__ import annotations

import asyncio
import shutil
from typing import Final

import aiohttp

from tests.faults.plays import Play, Stage, play
from tests.faults.reports import Report
from tests.faults.shoppers import Habits

_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02


async def emptied(
    stage: Stage, *, rounds: int = 1, seconds: float = 1.2, clients: int = 16, skus: int = 20
) -> Report:
    """Each loss so often, with trade before and after it."""
    habits = Habits(pause=0.03, ttls=(2, 3, 4), steps=(4, 1, 1, 0.5, 3))
    async with play(stage, "emptied", skus=skus, habits=habits) as ours:
        async with ours.trade(clients):
            for _ in range(rounds):
                for loss in (_flush, _die, _die_and_lose):
                    await asyncio.sleep(seconds)
                    await loss(ours)
                    await ours.recovered()
            await asyncio.sleep(seconds)
        await ours.rest.come()
        return ours.judge()


async def _flush(ours: Play) -> None:
    ours.report.faults["flushed"] += 1
    ours.erp.lost()
    ours.world.valkey.flush()
    await _until_unready(ours)
    await ours.erp.open()


async def _die(ours: Play) -> None:
    ours.report.faults["killed"] += 1
    ours.world.valkey.kill()
    await _start(ours)


async def _die_and_lose(ours: Play) -> None:
    ours.report.faults["killed and wiped"] += 1
    ours.erp.lost()
    ours.world.valkey.kill()
    shutil.rmtree(ours.world.valkey.data_dir)
    await _start(ours)
    await _until_unready(ours)
    await ours.erp.open()


async def _start(ours: Play) -> None:
    ours.world.valkey.launch()  # from this thread: it is tied to it
    await asyncio.to_thread(ours.world.valkey.wait_ready)


async def _until_unready(ours: Play) -> None:
    """A gateway that is ready for ever, with a store that has nothing, fails here."""
    async with asyncio.timeout(_SECONDS):
        for gateway in ours.world.gateways:
            while await _is_ready(ours.world.session, gateway.url):  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(_POLL_SECONDS)


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    async with session.get(f"{url}/readyz") as response:
        return response.status == 200
