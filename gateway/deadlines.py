"""Deadlines for answers that come over the network, fair to those that come while the loop is busy.

`asyncio.timeout` counts from the clock alone: where one turn of the loop takes longer than the
deadline, it ends a call whose answer has lain in the socket for most of that time, since timers are
looked at before the answer has gone from the socket to whoever waits for it.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Final

_LATE: Final = 0.005
"""A timer that fires so much too late, in seconds, was held up by the loop."""

_AGAIN: Final = 0.001
"""Not at once: between two looks the loop has to look at its sockets."""

_TURNS: Final = 3
"""So many turns an answer that is there needs at most until whoever waits for it has it: the socket
is read, its reader wakes, and those who asked together are told."""


class within:  # noqa: N801 - used as `asyncio.timeout` is
    """`asyncio.timeout(seconds)`, but for a few turns more where the loop was held up.

    Raises:
        TimeoutError: the time is over, and the loop had a chance to see an answer.
    """

    __slots__ = ("_ends", "_loop", "_seconds", "_timeout", "_timer", "_turns")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> None:
        self._turns = 0
        self._timeout = asyncio.timeout(None)
        await self._timeout.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._set(self._seconds)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _set(self, seconds: float) -> None:
        # The loop's own clock may stand still for the whole of a turn.
        self._ends = time.monotonic() + seconds
        self._timer = self._loop.call_later(seconds, self._over)

    def _over(self) -> None:
        if self._turns < _TURNS and (self._turns or time.monotonic() - self._ends > _LATE):
            self._turns += 1
            self._set(_AGAIN)
        else:
            self._timeout.reschedule(self._loop.time())
