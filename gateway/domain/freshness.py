"""How old an answer is, and what that means (DESIGN, Freshness).

Age is counted from the time through which the feed was verified, not from the last change of
the figure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

FOR_EVER_MS: Final = 1 << 62


class Freshness(StrEnum):
    """The word for an answer's age."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


class WhenExpired(StrEnum):
    """What an operator wants done with a figure too old to rely on."""

    SERVE = "serve"
    """Tell it, and how old it is."""
    ON_REQUEST = "on_request"
    """Tell that it is to be asked for."""
    REFUSE = "refuse"
    """Tell nothing, and promise nothing."""


class FreshnessPolicy(msgspec.Struct, frozen=True):
    """For so long without remark, for so long still sold from; after that `when_expired`.

    With a `buffer`, what is shown is less by so many times what was probably sold since.
    """

    fresh_for_ms: int
    stale_for_ms: int
    when_expired: WhenExpired = WhenExpired.SERVE
    buffer: float = 0.0

    def judge(self, as_of_ms: int, now_ms: int) -> Freshness:
        """The word for data verified through `as_of_ms`, looked at now."""
        age = now_ms - as_of_ms
        if age <= self.fresh_for_ms:
            return Freshness.FRESH
        return Freshness.STALE if age <= self.stale_for_ms else Freshness.EXPIRED

    def range_of(self, freshness: Freshness) -> tuple[int, int]:
        """The ages of that word, in milliseconds: more than the first, and up to the second."""
        if freshness is Freshness.FRESH:
            return -FOR_EVER_MS, self.fresh_for_ms
        if freshness is Freshness.STALE:
            return self.fresh_for_ms, self.stale_for_ms
        return self.stale_for_ms, FOR_EVER_MS

    @property
    def may_refuse(self) -> bool:
        """Whether there is an age at which nothing may be told."""
        return self.when_expired is WhenExpired.REFUSE

    def withholds(self, freshness: Freshness) -> bool:
        """Whether the figure may no longer be told, but that it can be asked for."""
        return freshness is Freshness.EXPIRED and self.when_expired is WhenExpired.ON_REQUEST

    def refuses(self, freshness: Freshness) -> bool:
        """Whether nothing may be told any more."""
        return freshness is Freshness.EXPIRED and self.may_refuse
