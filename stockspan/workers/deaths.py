"""How long to wait after a worker died: not at all, unless it dies again and again."""

from __future__ import annotations

from typing import Final

STEADY: Final = 60.0
"""Seconds after which a worker's death has nothing to do with the one before."""

FAILING: Final = 3
"""So many deaths in a row are a trouble that does not end by itself."""

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0


class Deaths:
    """Those of one place, in a row."""

    def __init__(self) -> None:
        self.in_a_row = 0

    @property
    def failing(self) -> bool:
        """Whether its workers die again and again."""
        return self.in_a_row >= FAILING

    def died(self, lived: float) -> float:
        """Seconds to wait for after one that lived so many."""
        self.in_a_row = 1 if lived >= STEADY else self.in_a_row + 1
        if self.in_a_row == 1:
            return 0.0
        return min(_FIRST_PAUSE * 2.0 ** min(self.in_a_row - 2, 10), _LONGEST_PAUSE)

    def lives(self, lived: float) -> bool:
        """Whether one that has lived so long, after failing ones, is the end of that."""
        if not self.failing or lived < STEADY:
            return False
        self.in_a_row = 0
        return True
