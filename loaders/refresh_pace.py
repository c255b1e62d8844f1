"""For how long refresh requests are gathered before they become a call."""

from __future__ import annotations

from typing import Final

_MOMENT: Final = 0.003
_WHILE: Final = 0.25
_REMEMBERED: Final = 0.5
# So many callers for one call are a crowd; so few, gathered for a while, are none any more.
_CROWD: Final = 8
_THINNED: Final = 40


class RefreshPace:
    """Some milliseconds while few ask; longer while a crowd does, so that a call serves more of it.

    A crowd keeps the gateways busy for longer than that; what it must not do is to become one at
    the ERP. Moments and times are in seconds.
    """

    def __init__(self) -> None:
        self._crowded_until = float("-inf")

    def seconds(self, patience: float, now: float) -> float:
        """How long to gather now; `patience` is what the first who asked has left of theirs."""
        wished = _WHILE if now < self._crowded_until else _MOMENT
        return max(0.0, min(wished, patience / 2))

    def called(self, callers: int, now: float) -> None:
        """A call was made for so many."""
        is_crowd = callers >= (_THINNED if now < self._crowded_until else _CROWD)
        self._crowded_until = now + _REMEMBERED if is_crowd else float("-inf")
