"""How often an ERP may be called: so many times at once, and so many times a second."""

from __future__ import annotations


class CallBudget:
    """A bucket of `burst` calls that fills up at `rate` calls a second; moments are in seconds."""

    def __init__(self, rate: float, burst: int) -> None:
        self._each = 1 / rate
        self._room = (burst - 1) / rate
        self._full_at = float("-inf")

    def free_at(self, now: float) -> float:
        """The moment from which the next call may be made; not before `now`."""
        return max(now, self._full_at - self._room)

    def is_idle(self, now: float) -> bool:
        """Whether nobody has called lately: then a call more keeps nobody waiting."""
        return now >= self._full_at

    def take(self, now: float) -> None:
        """A call is made now."""
        self._full_at = max(self._full_at, now) + self._each
