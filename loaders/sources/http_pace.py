"""How often an ERP may be called: so many times a second, a burst ahead, and not while it rests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Pace:
    """Spreads the calls of all feeds of one source.

    Each call moves the time at which all calls so far would have been made one by one; a call
    may come a burst ahead of that. `clock` gives seconds that only ever go up.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._interval = 1 / rate
        self._ahead = (burst - 1) / rate
        self._clock = clock
        self._sleep = sleep
        self._even = 0.0
        self._rests_until = 0.0

    async def turn(self) -> None:
        """Return when it is this call's turn."""
        now = self._clock()
        self._even = max(self._even, now) + self._interval
        due = self._even - self._interval - self._ahead
        # It may be told to rest while this one waits.
        while (wait := max(due, self._rests_until) - self._clock()) > 0:
            await self._sleep(wait)

    def rest(self, seconds: float) -> None:
        """Call nobody for so long: the ERP asked for it."""
        self._rests_until = max(self._rests_until, self._clock() + seconds)

    @property
    def rests(self) -> float:
        """Seconds until the ERP may be called again; 0 when it may."""
        return max(0.0, self._rests_until - self._clock())
