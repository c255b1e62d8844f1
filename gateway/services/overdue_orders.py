"""Orders that the ERP does not acknowledge: counted, and told of once when their time is over.

They keep their units whatever happens: an order never vanishes quietly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from gateway.services.journal import Waiting

_log = structlog.get_logger(__name__)


class OverdueOrders:
    """Watches over orders; one is overdue `within_ms` after it was confirmed."""

    def __init__(self, journal: Waiting, within_ms: int, clock_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._within = timedelta(milliseconds=within_ms)
        self._clock_ms = clock_ms
        self._oldest: datetime | None = None
        self.waiting = 0

    @property
    def oldest_age(self) -> float:
        """For how many seconds the oldest order waits; 0 where none does."""
        return (
            0.0 if self._oldest is None else max(0.0, (self._now() - self._oldest).total_seconds())
        )

    async def look(self) -> None:
        """Count those that wait, and tell of those that are overdue now.

        Raises:
            LedgerUnavailableError: the last count stays.
        """
        self.waiting, self._oldest = await self._journal.awaiting()
        if self._oldest is None:
            return
        for held, confirmed in await self._journal.remind(self._now() - self._within):
            _log.warning(
                "the ERP has not acknowledged an order in time",
                action="order.unacknowledged",
                order_ref=held.order_ref,
                reservation=held.reservation,
                confirmed_at=confirmed.isoformat(),
            )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock_ms() / 1000, UTC)
