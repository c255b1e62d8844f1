"""The store's clock: by it, and no other, holds live and end."""

from __future__ import annotations

from collections.abc import Callable


class StoreClock:
    """The store's clock, as last heard; never ahead of it.

    `local_ms` is a clock of this process that only ever goes up, in milliseconds.
    """

    def __init__(self, local_ms: Callable[[], int], wall_ms: Callable[[], int]) -> None:
        self._local_ms = local_ms
        self._offset = wall_ms() - local_ms()
        self.known = False

    def hear(self, moment_ms: int) -> None:
        """The store's clock stood there a moment ago."""
        self._offset = moment_ms - self._local_ms()
        self.known = True

    def now_ms(self) -> int:
        """Milliseconds since the epoch; before anything was heard, by the clock of this machine."""
        return self._local_ms() + self._offset
