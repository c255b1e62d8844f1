"""Bounded copies of what the store holds, kept only while nothing said that they changed.

The race guard: a reply may be on its way while the change channel says that what it holds is
out of date. Whoever reads takes a ticket first; a copy is kept only when its key was not evicted
since. Eviction is then all that is needed: what is found here was right when it was last told.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_REMEMBERED: Final = 10_000
"""So many evictions are told apart; past that, every older ticket is void."""


class NearCache(Generic[K, V]):
    """At most `capacity` copies, in two generations: what is asked for again stays."""

    def __init__(self, capacity: int) -> None:
        self._most = max(1, capacity // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
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

    def ticket(self) -> int:
        """To be taken before reading what is to be kept."""
        return self._turn

    def keep(self, key: K, value: V, ticket: int) -> None:
        """Keep what was read with this ticket, unless it was evicted meanwhile."""
        if ticket > self._void and self._evicted.get(key, -1) < ticket:
            self._old.pop(key, None)
            self._put(key, value)

    def evict(self, key: K) -> None:
        """It changed, or may have."""
        self._young.pop(key, None)
        self._old.pop(key, None)
        if len(self._evicted) >= _REMEMBERED:
            self._void = self._turn
            self._evicted.clear()
        self._evicted[key] = self._turn
        self._turn += 1

    def clear(self) -> None:
        """Anything may have changed."""
        self._young.clear()
        self._old.clear()
        self._evicted.clear()
        self._void = self._turn
        self._turn += 1

    def _put(self, key: K, value: V) -> None:
        if len(self._young) >= self._most:
            self._old = self._young
            self._young = {}
        self._young[key] = value
