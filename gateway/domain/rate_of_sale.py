"""How fast a level sells, learnt from the ERP's own figures, and what is probably gone by now.

What falls from one figure to the next was sold; what rises came in. Each sale counts the less the
longer it is ago, and a rate that was watched for a short time only is taken for low.
"""

from __future__ import annotations

from math import exp
from typing import Final

import msgspec

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
LEARNT_OVER_MS: Final = 7 * _DAY_MS
"""A sale as old as that counts 1/e: a week has one of each weekday. `put.lua` has the same."""

_WATCHED_LEAST: Final = 1 - exp(-_DAY_MS / LEARNT_OVER_MS)
"""What was watched for less than a day is judged as if it had been one: two sales in the first
minute are no rate."""


class RateOfSale(msgspec.Struct, frozen=True, gc=False):
    """Units `sold`, and the share (0 to 1) that was `watched` of the time they are counted over.

    Both as of the level's own stamp.
    """

    sold: float = 0.0
    watched: float = 0.0

    def after(self, elapsed_ms: int, sold: float = 0.0) -> RateOfSale:
        """The same so much later, when so many more units were gone."""
        fade = exp(-max(0, elapsed_ms) / LEARNT_OVER_MS)
        return RateOfSale(
            self.sold * fade + max(0.0, sold),
            1 - (1 - self.watched) * fade,
        )

    def per_hour(self) -> float:
        """Units sold an hour."""
        return self.sold / (max(self.watched, _WATCHED_LEAST) * LEARNT_OVER_MS) * _HOUR_MS

    def expected(self, quiet_ms: int, age_ms: int) -> float:
        """Units probably sold in the last `age_ms`, before which none was for `quiet_ms`."""
        return self.after(quiet_ms).per_hour() * max(0, age_ms) / _HOUR_MS


NO_SALES: Final = RateOfSale()
"""Nothing was learnt."""
