"""Single flight: all who want the same work done share one doing of it.

The work goes on when a waiter, even the one who began it, gives up; all who wait are told how it
ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class SingleFlight:
    """Does one piece of work at a time."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._flight: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    @property
    def under_way(self) -> bool:
        """Whether it is being done now."""
        return self._flight is not None and not self._flight.done()

    async def join(self) -> None:
        """Wait until it is done: the doing under way, or a new one.

        Raises:
            Exception: what the work raises.
        """
        await asyncio.shield(self._flying() or self._begin())

    async def fresh(self) -> None:
        """Wait for a doing that begins from now on; who waits for it meanwhile shares it.

        Raises:
            Exception: what the work raises.
        """
        flight = self._flying()
        if flight is None:
            await self.join()
            return
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._after(flight))
            self._next.add_done_callback(_told)
        await asyncio.shield(self._next)

    async def end(self) -> None:
        """Give up whatever is under way; for when nobody will wait any more."""
        for flight in (self._next, self._flight):
            if flight is not None and not flight.done():
                flight.cancel()
                await asyncio.wait({flight})

    def _flying(self) -> asyncio.Task[None] | None:
        return self._flight if self.under_way else None

    def _begin(self) -> asyncio.Task[None]:
        self._flight = asyncio.create_task(self._work())
        self._flight.add_done_callback(_told)
        return self._flight

    async def _after(self, flight: asyncio.Task[None]) -> None:
        await asyncio.wait({flight})
        # From here on whoever comes waits for the one after.
        self._next = None
        await asyncio.shield(self._flying() or self._begin())


def _told(flight: asyncio.Task[None]) -> None:
    """Whoever waited knows how it ended; nobody need have waited."""
    if not flight.cancelled():
        flight.exception()
