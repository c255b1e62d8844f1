"""Puts back into the store what was promised: it was emptied, restarted, or another took its place.

Until that is done no figure is told and nothing is held, so that nothing is promised twice.
"""

from __future__ import annotations

import structlog

from gateway.domain.errors import NotReadyError
from gateway.services.journal import Promises
from gateway.store.holds import Holds

_log = structlog.get_logger(__name__)


class Restoration:
    """Restores one store from the ledger; harmless where nothing was lost."""

    def __init__(self, journal: Promises, holds: Holds) -> None:
        self._journal = journal
        self._holds = holds
        self.wanted = False

    def want(self) -> None:
        """Something may have been lost."""
        self.wanted = True

    async def is_needed(self) -> bool:
        """Whether the store may lack something.

        Raises:
            StoreUnavailableError: it does not answer.
        """
        return self.wanted or not await self._holds.is_restored()

    async def restore(self) -> int:
        """Put back what is missing; how many reservations were looked at.

        Raises:
            NotReadyError: nothing was loaded into the store yet.
            LedgerUnavailableError, StoreUnavailableError: begin again.
        """
        epoch = await self._holds.epoch()
        if epoch is None:
            raise NotReadyError
        self.wanted = False
        try:
            count = await self._put_back()
            await self._holds.prove(epoch)
        except BaseException:
            self.wanted = True
            raise
        _log.info("holds are restored", action="holds.restored", reservations=count)
        return count

    async def _put_back(self) -> int:
        # The mark first: what goes on while all are read comes once more.
        mark, count = await self._journal.mark(), 0
        async for page in self._journal.open_reservations():
            await self._holds.restore(page)
            count += len(page)
        while True:
            mark, changed = await self._journal.changed_since(mark)
            if not changed:
                return count
            await self._holds.restore(changed)
            count += len(changed)
