"""Rest: when nothing is under way any more, everything is looked at once more."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from tests.faults.erp import Erp
from tests.faults.history import Kind, Outcome
from tests.faults.shoppers import Mine, Shopper
from tests.faults.violations import Limits
from tests.faults.world import World

_SECONDS: Final = 60.0
_APPLIED_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05
_TOGETHER: Final = 16


class Rest:
    """Brings a world to rest and takes down what is there then."""

    def __init__(self, world: World, erp: Erp, limits: Limits, looker: Shopper) -> None:
        self._world = world
        self._erp = erp
        self._limits = limits
        self._looker = looker

    async def come(self) -> None:
        """Wait until all has arrived, look; wait until nothing unknown is left, look again."""
        self._world.heal()
        await self._world.ready()
        await self._erp.finish()
        async with asyncio.timeout(_SECONDS):
            while await self._world.waits_in_inbox() is not False:  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(_POLL_SECONDS)
        await self._words_applied()
        self._world.recorder.at_rest()
        await self.look()
        pause = self._over() - self._world.now()
        if pause > 0:
            # Nothing can be awaited: that something is gone by now is the promise.
            await asyncio.sleep(pause)
        await self.look()

    async def look(self) -> None:
        """Every figure at every location, and every reservation."""
        history = self._world.recorder.history()
        granted = {
            str(op.answer["reservation"])
            for op in history.of(Kind.RESERVE)
            if op.outcome is Outcome.OK
        }
        places = [(sku, place) for sku, places in self._erp.stocked.items() for place in places]
        jobs = [self._looker.read_at(*place) for place in places]
        jobs += [self._looker.take_step(Kind.GET, Mine(name, (), "")) for name in sorted(granted)]
        for first in range(0, len(jobs), _TOGETHER):
            await asyncio.gather(*jobs[first : first + _TOGETHER])

    async def _words_applied(self) -> None:
        """Until orders and words that crossed each other have met; the checker judges who waits."""
        history = self._world.recorder.history()
        told = {op.target for op in history.of(Kind.ERP_ACK) if op.outcome is Outcome.OK}
        waiting = {
            op.target
            for op in history.of(Kind.CONFIRM)
            if op.outcome is Outcome.OK and op.body["order_ref"] in told
        }
        end = time.monotonic() + _APPLIED_SECONDS
        while waiting and time.monotonic() < end:
            for name in sorted(waiting):
                op = await self._looker.take_step(Kind.GET, Mine(name, (), ""))
                if op.answer.get("state") not in {"held", "confirmed"}:
                    waiting.discard(name)

    def _over(self) -> float:
        """When nothing can be left of what got no answer."""
        history = self._world.recorder.history()
        grace = self._limits.unknown_grace
        ends = [
            min(history.rest, op.ended + self._limits.lingering) + op.body["ttl_seconds"] + grace
            for op in history.of(Kind.RESERVE)
            if op.outcome is Outcome.UNKNOWN
        ]
        return max(ends, default=0.0) + self._limits.slack
