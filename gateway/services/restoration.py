"""Puts back into the store what was promised: it was emptied, restarted, or another took its place.

Until that is done no figure is told and nothing is held, so that nothing is promised twice.
"""

from __future__ import annotations

import structlog

from gateway.domain.errors import NotReadyError, StoreUnavailableError
from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from gateway.services.journal import Promises
from gateway.store.holds import Holds

_log = structlog.get_logger(__name__)


class Restoration:
    """Restores one store from the ledger; harmless where nothing was lost."""

    def __init__(self, journal: Promises, holds: Holds, recorder: Recorder | None = None) -> None:
        self._recorder = recorder or Recorder()
        self._journal = journal
        self._holds = holds
        self.wanted = False
        self.done = False
        """Whether everything was there when it was last looked."""

    def want(self) -> None:
        """Something may have been lost."""
        self.wanted = True
        self.done = False

    async def is_needed(self) -> bool:
        """Whether the store may lack something.

        Raises:
            StoreUnavailableError: it does not answer.
        """
        self.done = not self.wanted and await self._holds.is_restored()
        return not self.done

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
        self.done = True
        _log.info("holds are restored", action="holds.restored", reservations=count)
        return count

    async def _put_back(self) -> int:
        damaged: set[str] = set()
        # The mark first: what goes on while all are read comes once more.
        mark, count = await self._journal.mark(), 0
        async for page in self._journal.open_reservations():
            damaged |= await self._holds.restore(page)
            count += len(page)
        while True:
            mark, changed = await self._journal.changed_since(mark)
            if not changed:
                break
            damaged |= await self._holds.restore(changed)
            count += len(changed)
        if damaged:
            self._recorder.record(EventKind.HOLDS_DAMAGED, "store", skus=len(damaged))
            await self._holds.clear(damaged)
            raise StoreUnavailableError("holds were damaged: they are restored once more")
        return count
