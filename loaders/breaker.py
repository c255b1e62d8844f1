"""A circuit breaker: who asks a source that fails again and again is told to wait.

| state | success | failure | too many failures | the pause is over |
|---|---|---|---|---|
| closed: everybody may ask | closed | closed | open | closed |
| open: nobody may | open | open | open | half-open |
| half-open: one a second may | closed | open | open | half-open |

A success while it is open is that of a call from before, and says nothing of now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, StrEnum, auto
from typing import Final

from loaders.errors import SourceError

PAUSE: Final = 5.0
"""Seconds from the last call that was allowed until one may try again."""

PROBE_EVERY: Final = 1.0
MOST_FAILURES: Final = 3
"""So many in a row are too many."""


class State(StrEnum):
    """What a breaker lets through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Sign(Enum):
    """What moves it."""

    SUCCESS = auto()
    FAILURE = auto()
    TOO_MANY_FAILURES = auto()
    PAUSE_OVER = auto()


_NEXT: Final[Mapping[State, Mapping[Sign, State]]] = {
    State.CLOSED: {
        Sign.SUCCESS: State.CLOSED,
        Sign.FAILURE: State.CLOSED,
        Sign.TOO_MANY_FAILURES: State.OPEN,
        Sign.PAUSE_OVER: State.CLOSED,
    },
    State.OPEN: {
        Sign.SUCCESS: State.OPEN,
        Sign.FAILURE: State.OPEN,
        Sign.TOO_MANY_FAILURES: State.OPEN,
        Sign.PAUSE_OVER: State.HALF_OPEN,
    },
    State.HALF_OPEN: {
        Sign.SUCCESS: State.CLOSED,
        Sign.FAILURE: State.OPEN,
        Sign.TOO_MANY_FAILURES: State.OPEN,
        Sign.PAUSE_OVER: State.HALF_OPEN,
    },
}


def after(state: State, sign: Sign) -> State:
    """The state that follows."""
    return _NEXT[state][sign]


class Breaker:
    """The breaker of one feed's source; shared by all who ask it."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self._failures = 0
        self._allowed = 0.0

    def allows(self, now: float) -> bool:
        """Whether the source may be asked now (seconds by a clock that only goes up).

        Who is allowed to, does so, and says how it went.
        """
        if self.state is not State.CLOSED:
            pause = PAUSE if self.state is State.OPEN else PROBE_EVERY
            if now < self._allowed + pause:
                return False
            self._see(Sign.PAUSE_OVER)
        self._allowed = now
        return True

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Note how the source fared within."""
        try:
            yield
        except SourceError:
            self.failed()
            raise
        self.succeeded()

    def succeeded(self) -> None:
        """The source was asked, and answered."""
        self._failures = 0
        self._see(Sign.SUCCESS)

    def failed(self) -> None:
        """The source was asked, and failed."""
        self._failures += 1
        too_many = self._failures >= MOST_FAILURES
        self._see(Sign.TOO_MANY_FAILURES if too_many else Sign.FAILURE)

    def _see(self, sign: Sign) -> None:
        self.state = after(self.state, sign)
