"""Whether a worker's event loop turns, as far as is heard of it."""

from __future__ import annotations

from typing import Final

LOOKS: Final = 10
"""Looks within the time after which a silent worker stands still."""

SLOWEST_LOOK: Final = 1.0
"""Seconds between two looks at most."""


class Pulse:
    """Counts the looks since a worker was heard.

    Looks are counted, not seconds: where the whole machine stood still, or had no time for anybody,
    whoever looks did so no more often than the worker could speak.
    """

    def __init__(self, stuck_after: float, at_first: float) -> None:
        """`stuck_after` seconds of silence are too many (0: none are), or `at_first` of a start."""
        self.every = min(stuck_after / LOOKS, SLOWEST_LOOK) if stuck_after else SLOWEST_LOOK
        self._most = round(stuck_after / self.every)
        self._most_at_first = round(max(at_first, stuck_after) / self.every)
        self._silent = 0
        self.begun = False

    def heard(self) -> None:
        """It said something."""
        self.begun = True
        self._silent = 0

    def look(self) -> bool:
        """Whether it stands still; to be called every `every` seconds."""
        self._silent += 1
        return bool(self._most) and self._silent > (
            self._most if self.begun else self._most_at_first
        )
