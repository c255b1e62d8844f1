"""Half-open validity: `valid_from` counts, `valid_until` does not.

Moments are milliseconds since the epoch; None is "since ever" or "for ever".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec


class Validity(msgspec.Struct, frozen=True, gc=False):
    """From when until when something holds."""

    from_ms: int | None = None
    until_ms: int | None = None

    def covers(self, at_ms: int) -> bool:
        """Whether it holds at this moment."""
        return (self.from_ms is None or self.from_ms <= at_ms) and (
            self.until_ms is None or at_ms < self.until_ms
        )

    def within(self, other: Validity) -> Validity:
        """When both hold; never, where one ends before the other begins."""
        if self == ALWAYS:
            return other
        if other == ALWAYS:
            return self
        begins = [edge for edge in (self.from_ms, other.from_ms) if edge is not None]
        return Validity(max(begins, default=None), earliest((self.until_ms, other.until_ms)))

    def meets(self, other: Validity) -> bool:
        """Whether there is a moment at which both hold."""
        return _before(self.from_ms, other.until_ms) and _before(other.from_ms, self.until_ms)


ALWAYS: Final = Validity()


def earliest(moments: Iterable[int | None]) -> int | None:
    """The first of these ends; None where none ever comes."""
    return min((moment for moment in moments if moment is not None), default=None)


def steady_around(validities: Iterable[Validity], at_ms: int) -> Validity:
    """The time around a moment in which none of these begins or ends."""
    since: int | None = None
    until: int | None = None
    for validity in validities:
        for edge in (validity.from_ms, validity.until_ms):
            if edge is None:
                continue
            if edge <= at_ms:
                since = edge if since is None else max(since, edge)
            else:
                until = edge if until is None else min(until, edge)
    return Validity(since, until)


def _before(start: int | None, end: int | None) -> bool:
    return start is None or end is None or start < end
