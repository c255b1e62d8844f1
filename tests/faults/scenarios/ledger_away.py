"""The ledger is away: stopped, frozen, unreachable. Nothing is promised, everything is read."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from typing import Final

from tests.faults.history import Kind
from tests.faults.plays import LIMITS, Play, Stage, play, reserved
from tests.faults.reports import Report
from tests.faults.shoppers import Habits
from tests.running_demo import descendants

_MOST: Final = 0.9
"""The machine may be busy: of so many reads each must be answered, not of all."""
_PATIENCE_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05
_NOTICED_SECONDS: Final = 1.5
"""A gateway waits so long for the ledger at most, and a moment for those that wait already."""


async def ledger_away(
    stage: Stage, *, rounds: int = 1, seconds: float = 2.0, clients: int = 10, skus: int = 20
) -> Report:
    """Each way of being away so often."""
    habits = Habits(pause=0.04, ttls=(1, 2))
    # What came to nothing because the ledger was away can only be settled once it is back: it is
    # stopped or away for so long, and takes a while to start.
    limits = replace(LIMITS, unknown_grace=LIMITS.unknown_grace + 2 * seconds)
    async with play(stage, "ledger_away", skus=skus, habits=habits, limits=limits) as ours:
        async with ours.trade(clients):
            for _ in range(rounds):
                for away in (_stopped, _frozen, _unreachable):
                    await asyncio.sleep(seconds / 3)
                    await away(ours, seconds)
                    await ours.recovered()
        await ours.rest.come()
        return ours.judge()


async def _stopped(ours: Play, seconds: float) -> None:
    await asyncio.to_thread(ours.world.postgres.stop)
    await _away(ours, "stopped", seconds)
    ours.world.postgres.launch()
    await asyncio.to_thread(ours.world.postgres.wait_ready)


async def _frozen(ours: Play, seconds: float) -> None:
    postmaster = ours.world.postgres.pid
    frozen = [postmaster, *descendants(postmaster)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        await _away(ours, "frozen", seconds)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)


async def _unreachable(ours: Play, seconds: float) -> None:
    for gateway in ours.world.gateways:
        gateway.ledger.black_hole()
    await _away(ours, "unreachable", seconds)
    for gateway in ours.world.gateways:
        gateway.ledger.heal()


async def _away(ours: Play, how: str, seconds: float) -> None:
    ours.report.faults[how] += 1
    since = ours.world.now()
    await asyncio.sleep(seconds)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        # For a while all may wait for what is not there, and nobody reads.
        while not ours.between(since, ours.world.now(), Kind.STOCK):  # noqa: ASYNC110 - elsewhere
            await asyncio.sleep(_POLL_SECONDS)
    until = ours.world.now()
    reads = ours.between(since, until, Kind.STOCK)
    ours.require(f"reads while {how}", reads, lambda op: op.status == 200, _MOST)
    asked = ours.between(since + _NOTICED_SECONDS, until, Kind.RESERVE)
    ours.require(f"no promises while {how}", asked, lambda op: not reserved(op), 1.0)
