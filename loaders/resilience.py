"""Trying again: how long to wait, and how often to speak of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder

STORE: Final = "store"

_FIRST_SECONDS: Final = 0.5
_MOST_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.5
_ENDS: Final[Mapping[EventKind, EventKind]] = {
    EventKind.FEED_FAILED: EventKind.FEED_RECOVERED,
    EventKind.FEED_QUARANTINED: EventKind.FEED_RELEASED,
    EventKind.FEED_WAITS: EventKind.FEED_CAUGHT_UP,
    EventKind.REFRESH_FAILED: EventKind.REFRESH_RECOVERED,
    EventKind.STORE_UNREACHABLE: EventKind.STORE_BACK,
    EventKind.BREAKER_OPENED: EventKind.BREAKER_CLOSED,
}


class Backoff:
    """Waits that double up to `most` seconds, each shortened by chance: not all come at once."""

    def __init__(self, random: Random, most: float = _MOST_SECONDS) -> None:
        self._random = random
        self._most = most
        self._next = _FIRST_SECONDS

    def wait(self) -> float:
        """Seconds to wait now; the next wait will be longer."""
        wait, self._next = self._next, min(self._next * 2, self._most)
        return wait * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """All is well again."""
        self._next = _FIRST_SECONDS


class Outages:
    """Records once that something fails, and once that it works again."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._away: dict[tuple[EventKind, str], str] = {}

    def away(self, kind: EventKind, what: str, reason: str) -> None:
        """`what` fails; recorded when it begins, and again only for another reason."""
        if self._away.get((kind, what)) != reason:
            self._recorder.record(kind, what, reason=reason)
        self._away[kind, what] = reason

    def back(self, kind: EventKind, what: str, *, was_away: bool = False) -> None:
        """`what` works, which is the end of `kind`; recorded when it did not before.

        `was_away`: it did not, though another process may have seen that.
        """
        if self._away.pop((kind, what), None) is not None or was_away:
            self._recorder.record(_ENDS[kind], what)


async def ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel these and wait until they are gone."""
    pending = set(tasks)
    while pending:
        # More than once: the `wait_for` of Python 3.11, which libraries use, loses a cancellation
        # that comes in the moment in which it is done.
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
