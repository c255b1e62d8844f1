"""When each sync of one feed is due: moments in seconds of a clock that only ever goes up."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

from loaders.delta_pace import DeltaPace
from loaders.resilience import Backoff
from loaders.timetable import Daily

_SPREAD: Final = 0.1
_LOOK_SECONDS: Final = 60.0
"""The time of day may be set, which ends no sleep: it is looked at so often at least."""


class Rhythm(msgspec.Struct, frozen=True):
    """Seconds between two snapshots, two deltas and two reconciles (None: no such)."""

    snapshot_every: float
    delta_every: float | None = None
    reconcile_every: float | None = None


class Agenda:
    """What is due, and when the next is; a `daily` snapshot comes besides."""

    def __init__(
        self,
        rhythm: Rhythm,
        clock: Callable[[], float],
        random: Random,
        daily: Daily | None = None,
    ) -> None:
        self._rhythm = rhythm
        self._clock = clock
        self._random = random
        self._daily = daily
        self._snapshot_backoff = Backoff(random)
        self._reconcile_backoff = Backoff(random)
        self._snapshot = 0.0
        self._deltas = DeltaPace(clock, random)
        self._reconcile = math.inf

    @property
    def has_deltas(self) -> bool:
        """Whether deltas are read between the snapshots."""
        return self._rhythm.delta_every is not None

    def snapshot_now(self) -> None:
        """A snapshot is due from now on."""
        self._snapshot = 0.0

    def snapshot_is_due(self) -> bool:
        """Whether it is time for one."""
        return self._clock() >= self._snapshot or (
            self._daily is not None and self._daily.has_come()
        )

    def snapshot_begins(self) -> None:
        """Whatever becomes of it, deltas go on before it is tried again."""
        if self._daily is not None and self._daily.has_come():
            self._daily.taken()
        self._snapshot = self._clock() + self._snapshot_backoff.wait()

    def snapshot_ended(self, *, good: bool) -> None:
        """It was read and judged; one that is not `good` is to be read again soon."""
        if good:
            self._snapshot_backoff.reset()
            wait = self.jittered(self._rhythm.snapshot_every)
        else:
            wait = self._snapshot_backoff.wait()
        self._snapshot = self._clock() + wait
        self._deltas.not_before(self._clock())
        self._plan_reconcile()

    def reconcile_is_due(self) -> bool:
        """Whether it is time for one; some while after the last, or after a snapshot."""
        return self._clock() >= self._reconcile

    def reconcile_begins(self) -> None:
        """As of a snapshot: should it fail, deltas go on."""
        self._reconcile = self._clock() + self._reconcile_backoff.wait()

    def reconcile_ended(self) -> None:
        """It was read and judged."""
        self._reconcile_backoff.reset()
        self._plan_reconcile()

    def changed(self) -> None:
        """The source tells of something new."""
        self._deltas.told()

    def delta_begins(self) -> None:
        """One is about to be read."""
        self._deltas.begins()

    def delta_ended(self, *, waits: bool = False) -> None:
        """It was read; `waits`: there is more, which could not be told yet."""
        if self._rhythm.delta_every is not None:
            self._deltas.ended(self.jittered(self._rhythm.delta_every), waits=waits)

    def delta_waits(self) -> None:
        """None can be read before there is a whole."""
        self._deltas.not_before(self._snapshot)

    def whole_needed(self) -> None:
        """The last one could tell nothing: a snapshot comes first, soon."""
        self._snapshot = min(self._snapshot, self._deltas.whole_due())

    def seconds_left(self) -> float:
        """Until something is due, or is to be looked at again."""
        due = self._snapshot
        if self.has_deltas:
            due = min(due, self._deltas.due, self._reconcile)
        left = max(0.0, due - self._clock())
        if self._daily is not None:
            left = min(left, self._daily.seconds_left(), _LOOK_SECONDS)
        return left

    def jittered(self, seconds: float) -> float:
        """So long, a little more or less by chance: not all come at once."""
        return seconds * self._random.uniform(1 - _SPREAD, 1 + _SPREAD)

    def _plan_reconcile(self) -> None:
        every = self._rhythm.reconcile_every
        if every is not None:
            self._reconcile = self._clock() + self.jittered(every)
