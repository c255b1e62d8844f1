"""How far a worker has heard of changes: what an answer that was kept may say of its age.

After each renewal of the directory the worker calls to itself over the link on which it hears of
changes. Once it hears its call, it has heard of every change that was made before the renewal: all
that it still keeps is right as of that directory. While no call comes back, nothing it keeps may be
told (docs/adr/0023).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.services.directory import Snapshot

TRUSTED_FOR: Final = 2.0
"""Seconds for which a call that was heard is enough: the directory is renewed every second, and one
renewal may be late."""


class Hearing:
    """Calls, and knows what was heard by when.

    `linked` says whether the change channel is heard; `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        call: Callable[[int], None],
        linked: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call = call
        self._linked = linked
        self._clock = clock
        self._number = 0
        self.proof = 0
        """The number of the last call that was heard."""
        self._called: deque[tuple[int, Snapshot, float]] = deque(maxlen=16)
        self._until = 0.0
        self._proved = Snapshot()
        self._through: dict[tuple[int, ...], int | None] = {}

    @property
    def is_close(self) -> bool:
        """Whether so little may have gone unheard that what is kept may be told."""
        return self._clock() < self._until and self._linked()

    def on_renewed(self, directory: Snapshot | None) -> None:
        """The directory is this now; None: the store did not answer."""
        if directory is None or directory.epoch is None or not directory.is_ready:
            self.on_break()
            return
        if directory.epoch != self._proved.epoch:
            # Nothing that was heard of another content says anything of this one.
            self.on_break()
        self._number += 1
        self._called.append((self._number, directory, self._clock()))
        self._call(self._number)

    def on_echo(self, number: int) -> None:
        """The call of that number was heard."""
        while self._called and self._called[0][0] <= number:
            called, directory, at = self._called.popleft()
            if called == number:
                self._proved, self._until = directory, at + TRUSTED_FOR
                self.proof = number
                self._through.clear()

    def on_break(self) -> None:
        """Something may go unheard from now on."""
        self._called.clear()
        self._until = 0.0

    def through_ms(self, feeds: tuple[int, ...]) -> int | None:
        """Through when these feeds are verified, so far as all changes since were heard of.

        None where one of them is not; 0 for no feeds.
        """
        try:
            return self._through[feeds]
        except KeyError:
            times = [self._proved.verified_through(feed) for feed in feeds]
            known = [time_ms for time_ms in times if time_ms is not None]
            through_ms = min(known, default=0) if len(known) == len(times) else None
            self._through[feeds] = through_ms
            return through_ms
