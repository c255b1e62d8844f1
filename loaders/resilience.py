"""Trying again: how long to wait, and how often to speak of it."""

from __future__ import annotations

from random import Random
from typing import Final

import structlog

_FIRST_SECONDS: Final = 0.5
_MOST_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


class Backoff:
    """Waits that double up to ten seconds, each shortened by chance: not all come at once."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._next = _FIRST_SECONDS

    def wait(self) -> float:
        """Seconds to wait now; the next wait will be longer."""
        wait, self._next = self._next, min(self._next * 2, _MOST_SECONDS)
        return wait * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """All is well again."""
        self._next = _FIRST_SECONDS


class Outages:
    """Says once that something is away, and once that it is back."""

    def __init__(self) -> None:
        self._away: dict[str, str] = {}

    def away(self, what: str, reason: str) -> None:
        """`what` failed; said when it begins, and again only for another reason."""
        if self._away.get(what) != reason:
            _log.warning(f"{what} fails", action="outage.began", what=what, reason=reason)
        self._away[what] = reason

    def back(self, what: str) -> None:
        """`what` works; said when it did not before."""
        if self._away.pop(what, None) is not None:
            _log.info(f"{what} works again", action="outage.ended", what=what)
