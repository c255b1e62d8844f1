"""Times of a day in a zone, as moments: what must be read anew at midnight is, every night.

The moments are found from the calendar each time, never by adding up: a year on, they are where
they were. A time that a change to summer time leaves out comes that much later; one that the change
back has twice comes once, the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

_SPREAD_MS: Final = 60_000
_AHEAD_MS: Final = 50 * 3_600_000
"""Further ahead none can be: of a calendar, a day may be missing."""


class Timetable(msgspec.Struct, frozen=True):
    """Some times of every day, at least one, in a zone by its name (`Europe/Stockholm`)."""

    times: tuple[time, ...]
    zone: str

    def after(self, moment_ms: int) -> int:
        """The first of its moments after this one; milliseconds since the epoch."""
        zone = ZoneInfo(self.zone)
        moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
        today = moment.astimezone(zone).date()
        return min(
            at_ms
            for days in range(-1, 4)
            for at in self.times
            if (at_ms := _ms(datetime.combine(today + timedelta(days), at, zone))) > moment_ms
        )


class Daily:
    """Whether a moment of the timetable has come; each is put off a little, by chance.

    `now_ms` is a clock that people set: a moment that it passes twice counts once.
    """

    def __init__(self, timetable: Timetable, now_ms: Callable[[], int], random: Random) -> None:
        self._timetable = timetable
        self._now_ms = now_ms
        self._random = random
        self._plan(now_ms())

    def has_come(self) -> bool:
        """Whether it is time; until `taken` is called."""
        now_ms = self._now_ms()
        if self._at_ms - now_ms > _AHEAD_MS:
            # The clock was ahead by days when this was planned.
            self._plan(now_ms)
        return now_ms >= self._at_ms

    def taken(self) -> None:
        """What was to be done is begun: from now on the next moment is waited for."""
        self._plan(self._now_ms())

    def seconds_left(self) -> float:
        """Until it has come."""
        return max(0.0, (self._at_ms - self._now_ms()) / 1000)

    def _plan(self, after_ms: int) -> None:
        self._at_ms = self._timetable.after(after_ms) + int(self._random.uniform(0, _SPREAD_MS))


def _ms(local: datetime) -> int:
    return int(local.astimezone(UTC).timestamp()) * 1000
