"""Bounded copies of what the store holds, kept only while nothing said that they changed.

The race guard: a reply may be on its way while the change channel says that what it holds is
out of date. Whoever reads takes a ticket first; a copy is kept only when its key was not evicted
since. Eviction is then all that is needed: what is found here was right when it was last told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_REMEMBERED: Final = 10_000
"""So many evictions are told apart; past that, every older ticket is void."""

_ON_TRIAL: Final = 10
"""One part in so many of the room is for what was asked for once."""


def _one(_: object, __: object) -> int:
    return 1


class NearCache(Generic[K, V]):
    """Copies that weigh some `capacity` in all, in two generations: what is asked for again stays.

    A copy weighs 1, or as `weigh` says, which must not change while it is kept.
    """

    def __init__(self, capacity: int, weigh: Callable[[K, V], int] = _one) -> None:
        self._most = max(1, capacity // 2)
        self._weigh = weigh
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._room = self._most
        self._turn = 0
        self._void = -1
        self._evicted: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """The copy of it, if there is one."""
        found = self._young.get(key)
        if found is None and self._old:
            found = self._old.pop(key, None)
            if found is not None:
                self._put(key, found)
        return found

    def glance(self, keys: Sequence[K]) -> list[V | None]:
        """The copies of those of these that were asked for lately: of most, as a rule."""
        return list(map(self._young.get, keys))

    def __contains__(self, key: K) -> bool:
        return key in self._young or key in self._old

    def ticket(self) -> int:
        """To be taken before reading what is to be kept."""
        return self._turn

    def keep(self, key: K, value: V, ticket: int) -> None:
        """Keep what was read with this ticket, unless it was evicted meanwhile."""
        if ticket > self._void and self._evicted.get(key, -1) < ticket:
            self.put(key, value)

    def put(self, key: K, value: V) -> None:
        """Keep what is known to be right now."""
        self.take(key)
        self._put(key, value)

    def take(self, key: K) -> V | None:
        """The copy of it, which is kept here no longer."""
        found = self._young.pop(key, None)
        if found is None:
            return self._old.pop(key, None)
        self._room += self._weigh(key, found)
        return found

    def evict(self, key: K) -> None:
        """It changed, or may have."""
        self.take(key)
        if len(self._evicted) >= _REMEMBERED:
            self._void = self._turn
            self._evicted.clear()
        self._evicted[key] = self._turn
        self._turn += 1

    def clear(self) -> None:
        """Anything may have changed."""
        self._young, self._old = {}, {}
        self._room = self._most
        self._evicted.clear()
        self._void = self._turn
        self._turn += 1

    def _put(self, key: K, value: V) -> None:
        if self._room <= 0:
            self._old = self._young
            self._young = {}
            self._room = self._most
        self._young[key] = value
        self._room -= self._weigh(key, value)


class AdmittingCache(Generic[K, V]):
    """Copies of which those that were asked for again cannot be pushed out by those that were not.

    What is new is on trial, in a tenth of the room, until it is asked for a second time: whoever
    walks through a million SKUs once pushes out nothing but what else is on trial.
    """

    def __init__(self, capacity: int, weigh: Callable[[K, V], int] = _one) -> None:
        self._proven: NearCache[K, V] = NearCache(capacity - capacity // _ON_TRIAL, weigh)
        # Both are told of the same changes, so a ticket of one is a ticket of the other.
        self._trial: NearCache[K, V] = NearCache(capacity // _ON_TRIAL, weigh)

    def __len__(self) -> int:
        return len(self._proven) + len(self._trial)

    def get(self, key: K) -> V | None:
        """The copy of it, if there is one."""
        found = self._proven.get(key)
        if found is None:
            found = self._trial.take(key)
            if found is not None:
                self._proven.put(key, found)
        return found

    def get_all(self, keys: Sequence[K]) -> list[V | None]:
        """The copies of these."""
        found = self._proven.glance(keys)
        if None in found:
            for at, key in enumerate(keys):
                if found[at] is None:
                    found[at] = self.get(key)
        return found

    def ticket(self) -> int:
        """To be taken before reading what is to be kept."""
        return self._trial.ticket()

    def keep(self, key: K, value: V, ticket: int) -> None:
        """Keep what was read with this ticket, unless it was evicted meanwhile."""
        room = self._proven if key in self._proven else self._trial
        room.keep(key, value, ticket)

    def evict(self, key: K) -> None:
        """It changed, or may have."""
        self._proven.evict(key)
        self._trial.evict(key)

    def clear(self) -> None:
        """Anything may have changed."""
        self._proven.clear()
        self._trial.clear()
