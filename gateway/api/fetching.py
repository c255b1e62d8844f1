"""What plain requests ask and is not at hand: looked up for all who asked in a turn of the loop.

On the ordinary way each request has a task, a deadline and a reading of its own, which cost more
than the looking up. Here a lot of them shares one of each, and their SKUs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway.api.showing import Item, Question, Showing
from gateway.gathering import Gathering
from gateway.services.stock_answers import StockContext

_MOST: Final = 64
"""So many requests are looked up at once: what else there is to do must not wait for long."""

_ROOM: Final = 256
"""So many wait here; whoever comes then goes the ordinary way, where there is an order in which to
wait, and an end to it."""


class Fetching:
    """Of one worker; to be ended before the store is let go."""

    def __init__(self, showing: Showing) -> None:
        self._gathering = Gathering[Question, Sequence[Item]](showing.looked_up, most=_MOST)
        self._under_way = 0

    @property
    def has_room(self) -> bool:
        """Whether one more may come."""
        return self._under_way < _ROOM

    def send(self, skus: Sequence[str], context: StockContext) -> asyncio.Future[Sequence[Item]]:
        """One item for each SKU, to come; errors as of `Showing.items`."""
        coming = self._gathering.send(Question(skus, context))
        self._under_way += 1
        coming.add_done_callback(self._came)
        return coming

    async def end(self) -> None:
        """Give up what is under way."""
        await self._gathering.end()

    def _came(self, _: asyncio.Future[Sequence[Item]]) -> None:
        self._under_way -= 1
