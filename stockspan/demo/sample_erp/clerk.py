"""A clerk who works on the sample ERP's orders, so that one can watch where a figure goes.

An order is accepted some seconds after it was received, and its units leave the shelf half a minute
later, which in life takes days.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE
from stockspan.demo.sample_erp.orders import AHEAD, SalesOrders

# Seconds from when the clerk sees an order; it is accepted from `AHEAD` after that on.
_ACCEPTS_AFTER: Final = (1.0, 3.0)
_DISPATCHES_AFTER: Final = (20.0, 40.0)
_LOOKS_EVERY: Final = 0.4
_PAUSE_AFTER_TROUBLE: Final = 1.0


class Clerk:
    """Works on `orders` until told to stop; at a `pace` of 0.1 everything takes a tenth."""

    def __init__(self, orders: SalesOrders, chance: random.Random, pace: float = 1.0) -> None:
        self._orders = orders
        self._chance = chance
        self._pace = pace
        self._to_accept: dict[str, float] = {}
        self._to_dispatch: dict[str, float] = {}

    async def run(self, shutdown: asyncio.Event) -> None:
        """Work until `shutdown` is set; a database that is away is waited for."""
        while not shutdown.is_set():
            pause = _LOOKS_EVERY * self._pace
            try:
                await self.look()
            except ERP_UNREACHABLE:
                pause = _PAUSE_AFTER_TROUBLE
            with suppress(TimeoutError):
                await asyncio.wait_for(shutdown.wait(), pause)

    async def look(self) -> None:
        """Do what is due."""
        for number in self._due(self._to_accept, await self._orders.received(), _ACCEPTS_AFTER):
            await self._orders.accept(number, AHEAD * self._pace)
        await self._orders.book_accepted()
        waiting = await self._orders.dispatchable()
        for number in self._due(self._to_dispatch, waiting, _DISPATCHES_AFTER):
            await self._orders.dispatch(number)

    def _due(
        self, moments: dict[str, float], seen: Collection[str], after: tuple[float, float]
    ) -> list[str]:
        """Those of the orders seen whose time has come; what is seen no more is forgotten."""
        now = asyncio.get_running_loop().time()
        for number in moments.keys() - set(seen):
            del moments[number]
        for number in seen:
            if number not in moments:
                moments[number] = now + self._chance.uniform(*after) * self._pace
        return [number for number in seen if moments[number] <= now]
