"""Settling: what became of holds that are in doubt, and of those whose time is over.

The ledger is asked, and whatever is done here is written down there first.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.domain.reservations import Act, State
from gateway.services.journal import Housekeeping
from gateway.store.holds import DOUBT_MS, Holds, Outcome


class Settling:
    """Settles holds; `resolved` counts those that were in doubt.

    `now_ms` is the store's clock, never ahead of it.
    """

    def __init__(self, journal: Housekeeping, holds: Holds, now_ms: Callable[[], int]) -> None:
        self._journal = journal
        self._holds = holds
        self._now_ms = now_ms
        self.resolved = 0

    async def resolve(self, reservation: str, sku: str) -> None:
        """Settle a hold that is in doubt by what the ledger says.

        The step that left it so may still be under way: whatever is done here is written down
        first, so that it comes too late.

        Raises:
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: it stays in doubt.
        """
        held = (await self._journal.find([reservation])).get(reservation)
        if held is None:
            if await self._journal.void(reservation):
                await self._holds.end(reservation, [sku])
                self.resolved += 1
            return
        if held.over(self._now_ms()):
            after = held.next(State.EXPIRED)
            if await self._journal.move(after, Act.LAPSE) is None:
                return
            held = after
        elif (await self._holds.settle(held)).get(sku) is Outcome.SUPERSEDED:
            # Nobody has written the next step down: now nobody can.
            after = held.next(held.state)
            if await self._journal.move(after, "kept") is None:
                return
            held = after
        await self._holds.settle(held)
        self.resolved += 1

    async def lapse(self) -> None:
        """Write down that holds are over; the store has given their units back already.

        Raises:
            LedgerUnavailableError, StoreUnavailableError, NotReadyError: the rest is done later.
        """
        before_ms = self._now_ms() - DOUBT_MS
        for held in await self._journal.overdue(before_ms):
            after = held.next(State.EXPIRED)
            if await self._journal.move(after, Act.LAPSE) is not None:
                await self._holds.settle(after)
