"""What became of a sync: counts, and the rows that were rejected, with their reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.store.bulk import Written
from gateway.store.feeds import Drift
from loaders.reading import Reading

SHOWN: Final = 100
"""So many rejections are kept; the rest is only counted."""

_LONGEST_VALUE: Final = 80


class Rejection(msgspec.Struct, frozen=True):
    """One row that was not taken: `line` counts from 1; `key` as far as it could be read."""

    feed: str
    line: int
    key: Mapping[str, str]
    field: str | None
    value: str | None
    reason: str


class Outcome(msgspec.Struct, frozen=True):
    """One sync. A `reason` says why a snapshot had no effect, or less than it asked for.

    `accepted` took effect, `ignored` were not newer than what is held, `quarantined` were
    rejected (all rows, where the snapshot was), `removed` is what a snapshot lacked. `drift` is
    what a reconcile has found, and put right.
    """

    accepted: int = 0
    ignored: int = 0
    quarantined: int = 0
    removed: int = 0
    unknown_fields: Mapping[str, int] = {}
    rejections: tuple[Rejection, ...] = ()
    reason: str | None = None
    applied: bool = True
    drift: Drift | None = None


class Tally:
    """Counts the rows of one sync while they pass."""

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self.rows = 0
        self.rejected = 0
        self.keyless = 0
        self.unknown: Counter[str] = Counter()
        self.rejections: list[Rejection] = []

    @property
    def good(self) -> int:
        """Rows that were not rejected."""
        return self.rows - self.rejected

    def reject(
        self, line: int, key: Mapping[str, str], field: str | None, value: object, reason: str
    ) -> None:
        """Count a row that was not taken, and keep the first of them."""
        self.rejected += 1
        if len(self.rejections) < SHOWN:
            self.rejections.append(Rejection(self.feed, line, key, field, shortened(value), reason))


def shortened(value: object) -> str | None:
    """A value as JSON, at most some 80 characters of it; None for none."""
    if value is None:
        return None
    if isinstance(value, bytes):
        # Only so much is looked at: a broken row may be a megabyte long.
        text = value[: 4 * _LONGEST_VALUE].decode("utf-8", "replace")
    elif isinstance(value, str):
        text = value
    else:
        text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def outcome_of(
    tally: Tally, reading: Reading, written: Written, removed: Written | None = None
) -> Outcome:
    """What was read has taken effect; `removed` where a snapshot took away what it lacked."""
    reason = None
    if tally.keyless and removed is not None:
        reason = f"nothing was removed: {tally.keyless} rows could not be told by their key"
    return Outcome(
        accepted=written.accepted,
        ignored=tally.good - written.accepted,
        quarantined=tally.rejected,
        removed=0 if removed is None else removed.accepted,
        unknown_fields=_unknown(tally, reading),
        rejections=tuple(tally.rejections),
        reason=reason,
    )


def refused(tally: Tally, reading: Reading, reason: str) -> Outcome:
    """Nothing of a snapshot has taken effect, for this reason."""
    return Outcome(
        quarantined=tally.rows,
        unknown_fields=_unknown(tally, reading),
        rejections=tuple(tally.rejections),
        reason=reason,
        applied=False,
    )


def _unknown(tally: Tally, reading: Reading) -> dict[str, int]:
    return dict(Counter(tally.unknown) + Counter(reading.unknown_fields))
