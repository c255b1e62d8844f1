"""Moments as they go out as JSON: inside milliseconds since the epoch, outside seconds of UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from msgspec import Meta

LAST_SECOND: Final = 253_402_300_799
"""The last one that the calendar has."""

Moment = Annotated[datetime, Meta(tz=True)]


def moment(at_ms: int) -> datetime:
    """A moment in whole seconds; one beyond the calendar's end is its last."""
    return datetime.fromtimestamp(min(max(at_ms // 1000, 0), LAST_SECOND), UTC)


def moment_or_none(at_ms: int | None) -> datetime | None:
    """The same of one that there may not be."""
    return None if at_ms is None else moment(at_ms)
