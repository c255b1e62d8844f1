"""When the next delta is due: by its rhythm, or sooner when its source tells of a change.

Told of one change after another, a feed rests after each delta for as long as that took: the ERP is
asked for half of the time at most, and what came meanwhile is read together.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from loaders.resilience import Backoff

_IMPATIENT_SECONDS: Final = 0.01
_MOST_SECONDS: Final = 600.0
"""An ERP is read whole no more often, though its deltas tell nothing again and again."""


class DeltaPace:
    """When the next delta is due. `clock` gives seconds that only ever go up."""

    def __init__(self, clock: Callable[[], float], random: Random) -> None:
        self._clock = clock
        self._backoff = Backoff(random, _MOST_SECONDS)
        self.due = 0.0
        self._rested = 0.0
        self._began = 0.0
        self._told = False
        self._patience = _IMPATIENT_SECONDS

    def told(self) -> None:
        """Something has changed: one that runs already may not have seen it."""
        self._told = True
        self.due = min(self.due, max(self._rested, self._clock()))

    def begins(self) -> None:
        """A delta is about to be read."""
        self._began = self._clock()
        self._told = False

    def ended(self, every: float, *, waits: bool) -> None:
        """It was taken over; the next is due in `every` seconds.

        `waits`: the source has more, which it will soon let go of, but tells nobody when.
        """
        self._backoff.reset()
        now = self._clock()
        self._rested = now + (now - self._began)
        self.due = now + every
        if waits:
            self.due = min(self.due, max(self._rested, now + self._patience))
            self._patience *= 2
        else:
            self._patience = _IMPATIENT_SECONDS
        if self._told:
            self.due = min(self.due, self._rested)

    def whole_due(self) -> float:
        """The last one said that only a snapshot can tell: when that is due, and no delta before.

        Soon, but later and later if there is always one more.
        """
        self.not_before(self._clock() + self._backoff.wait())
        return self.due

    def not_before(self, moment: float) -> None:
        """Whatever is told, the next is due then."""
        self.due = self._rested = moment
