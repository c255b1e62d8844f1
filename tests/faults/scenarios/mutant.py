"""One mutant before a small crowd: is its missing guard seen?"""

from __future__ import annotations

import asyncio
from typing import Final

from tests.faults.mutants import MUTANTS, born
from tests.faults.plays import Stage, play
from tests.faults.reports import Report
from tests.faults.shoppers import Habits
from tests.faults.violations import Limits
from tests.faults.world import Shape

_LIMITS: Final = Limits(lingering=4.0, staleness=0.3)
"""Nothing disturbs the way to the store here: what is read is what is there."""
_HABITS: Final = Habits(pause=0.02, ttls=(1, 2), reads=0.5, reserves=0.3, hangs_up=0.0)


async def mutant(
    stage: Stage, name: str, *, rounds: int = 8, seconds: float = 1.5, clients: int = 12
) -> Report:
    """What the checker says of it: trade, a look in silence, and again until it is caught."""
    package = born(name, stage.folder / "mutant")
    shape = Shape(gateways=1, package=package)
    async with play(
        stage, name, shape=shape, skus=5, most=14, habits=_HABITS, limits=_LIMITS
    ) as ours:
        for _ in range(rounds if MUTANTS[name].breaks else 2):
            async with ours.trade(clients):
                await asyncio.sleep(seconds)
            # So long a figure may be stale: what is read then can be nothing but what is there.
            await asyncio.sleep(_LIMITS.staleness)
            await ours.rest.look()
            if is_caught(ours.judge(), name) and MUTANTS[name].breaks:
                break
        return ours.report


def is_caught(report: Report, name: str) -> bool:
    """Whether it was seen for what it is; of the whole one, whether nothing was seen."""
    breaks = MUTANTS[name].breaks
    seen = {violation.invariant for violation in report.violations}
    return bool(seen & breaks) if breaks else not report.wrong
