"""How many reservations there are, and for how long orders wait: counted every few seconds."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from gateway.domain.errors import LedgerUnavailableError
from gateway.domain.reservations import State
from gateway.services.journal import Journal

_EVERY_MS: Final = 4_000
_OLDEST: Final = 1_000
"""So many are looked at, the oldest first: those beyond are younger than these."""

AGES: Final[Sequence[int]] = (60, 600, 3_600, 86_400)
"""Seconds: how long orders have waited is told in classes between these."""


class Waiting(msgspec.Struct, frozen=True):
    """So many orders have waited for less than so many seconds, and not less than those before."""

    below: int | None
    orders: int


class Tally(msgspec.Struct, frozen=True):
    """Reservations that take units, by state; orders without a word from the ERP, by age."""

    states: Mapping[State, int]
    unacknowledged: int
    oldest_age: int | None
    waiting: Sequence[Waiting]
    at_ms: int


class PromiseTally:
    """Counts what is promised; whoever asks meanwhile is told the last count."""

    def __init__(self, journal: Journal, clock_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._clock_ms = clock_ms
        self._counting = asyncio.Lock()
        self._last: Tally | None = None

    async def count(self) -> Tally | None:
        """The last count, a new one where it is some seconds old; None where there was never any.

        While the ledger is away the last one stays, and says of when it is.
        """
        async with self._counting:
            now_ms = self._clock_ms()
            if self._last is None or abs(now_ms - self._last.at_ms) >= _EVERY_MS:
                try:
                    self._last = await self._counted(now_ms)
                except LedgerUnavailableError:
                    return self._last
            return self._last

    async def _counted(self, now_ms: int) -> Tally:
        states = await self._journal.tally()
        count, oldest = await self._journal.awaiting()
        found = await self._journal.unacknowledged(None, _OLDEST)
        ages = [now_ms / 1000 - confirmed.timestamp() for _, confirmed in found]
        # What was not looked at is younger than all that was: at most as old as the youngest.
        ages += [min(ages, default=0.0)] * (count - len(found))
        counted = [0] * (len(AGES) + 1)
        for age in ages:
            counted[bisect_right(AGES, age)] += 1
        waiting = [Waiting(*pair) for pair in zip((*AGES, None), counted, strict=True)]
        oldest_age = None if oldest is None else int(max(0, now_ms / 1000 - oldest.timestamp()))
        return Tally(states, count, oldest_age, waiting, now_ms)
