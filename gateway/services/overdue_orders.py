"""Orders that the ERP does not acknowledge: counted, and told of once when their time is over.

They keep their units whatever happens: an order never vanishes quietly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from gateway.services.journal import Waiting

_SUBJECT: Final = "orders"


class OverdueOrders:
    """Watches over orders; one is overdue `within_ms` after it was confirmed."""

    def __init__(
        self,
        journal: Waiting,
        within_ms: int,
        clock_ms: Callable[[], int],
        recorder: Recorder | None = None,
    ) -> None:
        self._journal = journal
        self._recorder = recorder or Recorder()
        self._overdue_since: datetime | None = None
        self.within = timedelta(milliseconds=within_ms)
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
        before = self._now() - self.within
        if self._oldest is None or self._oldest >= before:
            self._none_overdue()
            return
        self._overdue_since = self._oldest
        for held, confirmed in await self._journal.remind(before):
            self._recorder.record(
                EventKind.ORDER_UNACKNOWLEDGED,
                _SUBJECT,
                order_ref=held.order_ref,
                reservation=held.reservation,
                confirmed_at=confirmed.isoformat(),
            )

    def _none_overdue(self) -> None:
        if self._overdue_since is not None:
            # Every worker sees it; the order that was overdue last is the same to all.
            once = self._overdue_since.isoformat()
            self._recorder.record(EventKind.ORDER_ACKNOWLEDGED, _SUBJECT, once=once)
        self._overdue_since = None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock_ms() / 1000, UTC)
