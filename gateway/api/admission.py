"""How much is begun in a spell of the event loop, who waits, and who is refused.

A worker has one loop, and its queue is the loop itself: all that has begun has its part of a turn,
and whatever arrives meanwhile waits until the turn has ended, a refusal as well. So little is begun
at a time, and the others wait here, in lines, where they can be counted. See docs/adr/0025.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from gateway.api.ranks import Rank

SPELL: Final = 0.002
"""Seconds until more are begun, if those before wait for something else than the loop; else they
have to end first."""

_WORKING: Final = 0.5
"""Where the loop was busy for such a part of a spell, reading aside, those who have begun wait for
it, and so does the next."""

_TOO_LONG: Final = 0.003
"""A spell in which the loop was busy for so long, reading aside, had too much to do."""

_READING: Final = 0.008
"""Or for so long, if reading what arrived took as long."""

_FIRST_PACE: Final = 16.0
_GREATEST_PACE: Final = 1024.0
_SLOWER: Final = 0.75
_WEIGHT: Final = 0.1
"""Of the latest turn, in what the others have cost."""

FEW: Final = 64
"""So many may wait whatever they cost: a few who each ask for much are no crowd."""

_PERSISTING: Final = 8
"""A crowd that has waited for less than such a part of the patience is no overload yet."""

_AT_ONCE: Final = 4
"""So many times the room is there for a crowd that comes at once."""

_TOO_LATE: Final = 2
"""Who has waited so many times as long as the last of such a crowd is refused after all. A crowd
that was let in must not come to that: all of it would be late at once, and go for nothing."""

W = TypeVar("W")


class Admission(Generic[W]):
    """Lines of those who wait, by rank; all moments are those of one clock, in seconds.

    `patience`: who would wait for longer is refused, unless few wait; 0: nobody is.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lines: Sequence[deque[tuple[float, W]]] = tuple(deque() for _ in Rank)
        # Of each rank the lines that go first, its own included.
        self._before = [self._lines[: rank + 1] for rank in Rank]
        self.spell = 0
        """The number of the spell, which whoever begins in it hands back in the end."""
        self._begun = 0
        self._left = 0
        self._since = 0.0
        self._read = 0.0
        self._spent: float | None = None
        # Once one of a rank was refused, so are all of it and of those after it in the same turn.
        self._closed = len(Rank)
        self.waiting = 0
        self.coming = [0] * len(Rank)
        """How many of each rank were let in and are on their way here."""
        self.pace = _FIRST_PACE
        """How many are begun in a spell."""
        self.cost = 0.0
        """Seconds of a spell for each that was begun in it, lately."""
        self.admitted = [0] * len(Rank)
        self.shed = [0] * len(Rank)
        """How many of each rank."""

    @property
    def room(self) -> float:
        """How many may wait before the first is refused, as far as can be told."""
        return max(FEW, self._patience / self.cost) if self.cost else FEW

    @property
    def is_held(self) -> bool:
        """Whether some wait until those who have begun have ended, or until the spell has."""
        return self.waiting > 0 and self._left > 0

    def is_waited_before(self, rank: Rank) -> bool:
        """Whether anybody waits, or is about to, who goes before all of that rank."""
        return any(self._lines[:rank]) or any(self.coming[:rank])

    def begins(self, rank: Rank, now: float) -> bool:
        """Whether one that arrives begins at once; it is counted as begun then."""
        if self.waiting or self._begun >= int(self.pace):
            return False
        if not self._begun:
            self.spell += 1
            self._since, self._spent, self._left = now, None, 0
        # Not before the turn has ended is there room again: all of them may run in the same one.
        self._begun += 1
        self._left += 1
        self.admitted[rank] += 1
        return True

    def ended(self, spell: int) -> None:
        """One that began in that spell has ended."""
        if spell == self.spell:
            self._left -= 1

    def refuses(self, rank: Rank, now: float) -> bool:
        """Whether one that arrives would wait for too long; it is counted as refused then.

        Those of its own rank and of those before it go first. What they are going to cost is an
        estimate; that some have waited for a while is not.
        """
        if rank < self._closed:
            if not self._is_full(rank, now):
                return False
            self._closed = rank
        self.shed[rank] += 1
        return True

    def _is_full(self, rank: Rank, now: float) -> bool:
        ahead, since = sum(self.coming[: rank + 1]), now
        for line in self._before[rank]:
            if line:
                ahead += len(line)
                since = min(since, line[0][0])
        room = self.room
        if not self._patience or ahead < room:
            return False
        return now - since >= self._patience / _PERSISTING or ahead >= _AT_ONCE * room

    def wait(self, rank: Rank, who: W, now: float) -> None:
        """This one waits."""
        self._lines[rank].append((now, who))
        self.waiting += 1

    def turn(self, now: float, spent: float, reading: float) -> tuple[Sequence[W], Sequence[W]]:
        """Another turn of the loop: those who begin in it, and those for whom it is too late.

        `spent` are seconds of the core that all of it took so far, `reading` those that were needed
        to read what arrived, and to answer or refuse it at once. Whoever else has the core makes a
        spell longer, but nothing is gained by doing less then.
        """
        seconds = now - self._since
        if self.is_held and self._spent is None:
            # Who began it, when nobody waited, did not look what had been spent by then.
            self._spent, self._read = spent, reading
            return (), ()
        busy = seconds if self._spent is None else min(seconds, spent - self._spent)
        read = reading - self._read
        if self.is_held and (seconds < SPELL or busy - read > _WORKING * seconds):
            return (), ()
        if self._begun:
            self._learn(seconds, busy, read)
        late = [who for rank in Rank for who in self._late(rank, now)] if self._patience else []
        begun: list[W] = []
        for rank in Rank:
            line = self._lines[rank]
            count = min(len(line), int(self.pace) - len(begun))
            begun += [line.popleft()[1] for _ in range(count)]
            self.admitted[rank] += count
        self.waiting -= len(begun)
        self.spell += 1
        self._closed = len(Rank)
        self._begun = self._left = len(begun)
        self._since, self._spent, self._read = now, spent, reading
        return begun, late

    def _learn(self, seconds: float, busy: float, reading: float) -> None:
        """Fit the pace to how long a spell became, and how much of it was needed."""
        each = seconds / self._begun
        self.cost += (each - self.cost) * (_WEIGHT if self.cost else 1.0)
        # Whoever is answered while reading must not take the loop from those who wait. But a spell
        # that is longer has more to read: there is an end to it.
        worked, most = busy - reading, max(_TOO_LONG, min(reading, _READING))
        if worked > most:
            # At once as far as it has to be: each spell until then lets too many begin.
            self.pace = max(1.0, self.pace * min(_SLOWER, most / worked))
        elif self.waiting and self._begun >= int(self.pace):
            self.pace = min(_GREATEST_PACE, self.pace + 1)

    def _late(self, rank: Rank, now: float) -> list[W]:
        line = self._lines[rank]
        found: list[W] = []
        most = _TOO_LATE * _AT_ONCE * max(self._patience, FEW * self.cost)
        while line and now - line[0][0] > most:
            found.append(line.popleft()[1])
        self.waiting -= len(found)
        self.shed[rank] += len(found)
        return found
