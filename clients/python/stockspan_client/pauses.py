"""How long to wait before asking again."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

_FIRST: Final = 0.1
_LONGEST: Final = 2.0


def pause(failures: int, told: float | None, chance: float) -> float:
    """Seconds until the next try, after so many that failed.

    `told` is what the gateway wants to be waited for at least; `chance`, from 0 to 1, spreads those
    who failed together.
    """
    grown = min(_LONGEST, _FIRST * 2.0 ** min(failures - 1, 10))
    return (told or 0.0) + grown * chance


def seconds_of(retry_after: str | None, now: datetime) -> float | None:
    """What `Retry-After` says: seconds, or a date as proxies write it; None for anything else."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (ValueError, TypeError):
        # TypeError: a date without a zone.
        return None
