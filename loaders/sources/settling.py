"""How far behind its watermark a feed must be read again."""

from __future__ import annotations

from collections.abc import Callable


class Settling:
    """How far behind the watermark a delta must read again.

    A transaction may commit after one with a later time, by `overlap` seconds at most. Once a
    watermark has stood still for so long, nothing can come before it any more, and the same rows
    need not be read every second until the next sale. Only durations are compared, never the
    ERP's clock with ours.
    """

    def __init__(self, overlap: float, clock: Callable[[], float]) -> None:
        self._full = overlap
        self._clock = clock
        self._watermark: str | None = None
        self._since = 0.0
        self._began = 0.0
        self._settled = False

    @property
    def overlap(self) -> float:
        """Seconds to read again behind the watermark."""
        return 0.0 if self._settled else self._full

    def begins(self, watermark: str | None) -> None:
        self._began = self._clock()
        if watermark != self._watermark:
            self._stands_at(watermark)

    def ended(self, watermark: str | None) -> None:
        """A reading came to its end, and what it read has taken effect."""
        if watermark != self._watermark:
            self._stands_at(watermark)
        elif self._began - self._since >= self._full:
            self._settled = True

    def _stands_at(self, watermark: str | None) -> None:
        self._watermark = watermark
        self._since = self._clock()
        self._settled = False
