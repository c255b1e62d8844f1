"""Takes events from whoever sees them: at once into the log, later into the journal.

To record is to append to a list: it neither waits nor fails, whatever is away. What the journal
cannot take yet is kept here with its own time; beyond a limit the oldest are lost, and counted.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Final

import structlog

from gateway.observability.events import MEANINGS, Event, EventKind, Severity, event

CAPACITY: Final = 1000
"""Events that wait for the journal at most."""

_TAKEN: Final = frozenset({"self", "event", "level", "action", "subject"})
"""What a log line has of its own."""

_LEVELS: Final[Mapping[Severity, int]] = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}

_log = structlog.get_logger(__name__)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def process_name(role: str) -> str:
    """What this process is called where events of many are read."""
    return f"{role} {socket.gethostname()}:{os.getpid()}"


class Recorder:
    """One process's events; `source` names the process.

    `listen` is told of each event as it is recorded: it must neither wait nor fail.
    """

    def __init__(
        self,
        source: str = "",
        clock_ms: Callable[[], int] = _now_ms,
        capacity: int = CAPACITY,
    ) -> None:
        self.source = source
        self.counts: Counter[EventKind] = Counter()
        self.lost = 0
        self._clock_ms = clock_ms
        self._capacity = capacity
        self._waiting: deque[Event] = deque()
        self._unsaid = 0
        self._listeners: list[Callable[[Event], None]] = []
        # Ids are this process's own, and of this run of it.
        self._run = secrets.token_hex(6)
        self._numbers = count(1)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Let the listener be told of every event from now on."""
        self._listeners.append(listener)

    def record(
        self, kind: EventKind, subject: str, /, *, once: str | None = None, **details: object
    ) -> None:
        """Something happened to `subject`.

        Several processes may see the same: under the same `once` it is journalled one time.
        """
        name = f"{self._run}-{next(self._numbers)}" if once is None else f"{kind}/{once}"
        self._say(kind, subject, details)
        self.counts[kind] += 1
        self._keep(event(name, kind, self._clock_ms(), subject, details, self.source))

    def waiting(self, most: int) -> Sequence[Event]:
        """The oldest events that are not in the journal yet."""
        return [self._waiting[place] for place in range(min(most, len(self._waiting)))]

    def written(self, events: Sequence[Event]) -> None:
        """These are in the journal; what was lost meanwhile is said there too."""
        names = {one.id for one in events}
        while self._waiting and self._waiting[0].id in names:
            self._waiting.popleft()
        if self._unsaid:
            unsaid, self._unsaid = self._unsaid, 0
            self.record(EventKind.JOURNAL_OVERFLOWED, "journal", lost=unsaid, process=self.source)

    def _keep(self, one: Event) -> None:
        if len(self._waiting) >= self._capacity:
            # The oldest: were it the newest, nobody would hear that what began has ended.
            self._waiting.popleft()
            self.lost += 1
            self._unsaid += 1
        self._waiting.append(one)
        for listener in self._listeners:
            listener(one)

    def _say(self, kind: EventKind, subject: str, details: Mapping[str, object]) -> None:
        meaning = MEANINGS[kind]
        told = {name: value for name, value in details.items() if name not in _TAKEN}
        level = _LEVELS[meaning.severity]
        _log.log(level, meaning.says, action=kind.value, subject=subject, **told)
