"""Shows how far a snapshot is: bars in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Protocol

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_EVERY_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class Meter(Protocol):
    """Counts one snapshot: rows while it is read, commands while it is written."""

    def read(self, rows: int) -> None: ...

    def to_write(self, commands: int) -> None: ...

    def written(self, commands: int) -> None: ...


class Meters(Protocol):
    """Opens a meter for a snapshot of this feed."""

    def __call__(self, feed: str, /) -> AbstractContextManager[Meter]: ...


class _Unmetered:
    def read(self, rows: int) -> None:
        del rows

    def to_write(self, commands: int) -> None:
        del commands

    def written(self, commands: int) -> None:
        del commands


def unmetered(_feed: str) -> AbstractContextManager[Meter]:
    """Shows nothing."""
    return nullcontext(_Unmetered())


@contextmanager
def shown(console: Console) -> Iterator[Meters]:
    """Meters for this console: bars where it is a terminal, log lines where it is not."""
    if not console.is_terminal:
        yield log_meters(time.monotonic)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[doing]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield lambda feed: _bar(progress, feed)


def log_meters(clock: Callable[[], float]) -> Meters:
    """Meters that write a line every five seconds by this clock (in seconds)."""

    @contextmanager
    def open_meter(feed: str) -> Iterator[Meter]:
        yield _LogMeter(feed, clock)

    return open_meter


@contextmanager
def _bar(progress: Progress, feed: str) -> Iterator[Meter]:
    meter = _BarMeter(progress, feed)
    try:
        yield meter
    finally:
        progress.remove_task(meter.task)


class _BarMeter:
    def __init__(self, progress: Progress, feed: str) -> None:
        self._progress = progress
        self.task = progress.add_task(feed, total=None, doing="reading")

    def read(self, rows: int) -> None:
        self._progress.update(self.task, doing=f"{rows:,} rows read")

    def to_write(self, commands: int) -> None:
        self._progress.update(self.task, total=commands, completed=0, doing="writing")

    def written(self, commands: int) -> None:
        self._progress.advance(self.task, commands)


class _LogMeter:
    def __init__(self, feed: str, clock: Callable[[], float]) -> None:
        self._feed = feed
        self._clock = clock
        self._next = clock() + _EVERY_SECONDS
        self._written = self._total = 0

    def read(self, rows: int) -> None:
        if self._due():
            _log.info("reading", action="feed.reading", feed=self._feed, rows=rows)

    def to_write(self, commands: int) -> None:
        self._total = commands

    def written(self, commands: int) -> None:
        self._written += commands
        if self._due():
            done = f"{self._written / max(self._total, 1):.0%}"
            _log.info("writing", action="feed.writing", feed=self._feed, done=done)

    def _due(self) -> bool:
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + _EVERY_SECONDS
        return True
