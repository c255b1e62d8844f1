"""What share of figures is right, as far as a sample can tell."""

from __future__ import annotations

from math import sqrt
from typing import Final

import msgspec

_Z: Final = 1.959964
"""So many standard deviations to either side hold 95 of 100."""


class Accuracy(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of `asked` SKUs the last was looked at when it was `at_ms`, and `right` were as the ERP's."""

    asked: int
    right: int
    at_ms: int

    @property
    def share(self) -> float:
        """The share of those asked; 1 where none was."""
        return self.right / self.asked if self.asked else 1.0

    def bounds(self) -> tuple[float, float]:
        """Between which shares that of all SKUs lies, 95 times out of 100 (Wilson's interval).

        Unlike the plain one it says something of few samples, and of a thousand without a fault.
        """
        if not self.asked:
            return 0.0, 1.0
        n, share, square = self.asked, self.share, _Z * _Z
        middle = (share + square / (2 * n)) / (1 + square / n)
        half = _Z * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
        # Where all or none are right it ends there; rounding must not put the share outside.
        return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
