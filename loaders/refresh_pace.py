"""For how long refresh requests are gathered before they become a call."""

from __future__ import annotations

from typing import Final

_FIRST: Final = 0.005
_MOST: Final = 0.2
_WIDER: Final = 6
_CROWD: Final = 8
"""So many callers for one call are a crowd."""


class RefreshPace:
    """Some milliseconds while few ask, longer while a crowd does: the next call serves more of it.

    A crowd keeps the gateways busy anyway; what it would not forgive is an ERP that goes down.
    """

    def __init__(self) -> None:
        self._seconds = _FIRST

    def seconds(self, patience: float) -> float:
        """How long to gather now; `patience` is what the first who asked has left of theirs."""
        return max(0.0, min(self._seconds, patience / 2))

    def called(self, callers: int) -> None:
        """A call was made for so many."""
        self._seconds = _FIRST if callers < _CROWD else min(self._seconds * _WIDER, _MOST)
