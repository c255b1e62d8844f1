"""Upkeep: what goes on beside requests, so that nothing that was promised or begun is forgotten.

Every worker does all of it; every piece may be done twice. Holds lapse, those in doubt are settled
by the ledger, a store that lost something is restored, what ERPs say of orders is applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import structlog

from gateway.domain.errors import LedgerUnavailableError, NotReadyError, StoreUnavailableError
from gateway.services.acknowledgements import Acknowledgements
from gateway.services.journal import Housekeeping
from gateway.services.ledger_gate import LedgerGate
from gateway.services.overdue_orders import OverdueOrders
from gateway.services.restoration import Restoration
from gateway.services.settling import Settling
from gateway.store.due import Due

_EVERY: Final = 0.25
_SECOND: Final = 4
_MINUTE: Final = 60 * _SECOND
"""So many rounds."""

_log = structlog.get_logger(__name__)


class DueSource(Protocol):
    """Where is found what is due."""

    async def look(self) -> Sequence[Due]:
        """Give back what lapsed, and say what else there is."""


class Upkeep:
    """One worker's upkeep."""

    def __init__(
        self,
        journal: Housekeeping,
        settling: Settling,
        due: DueSource,
        restoration: Restoration,
        acknowledgements: Acknowledgements,
        overdue: OverdueOrders,
        gate: LedgerGate,
    ) -> None:
        self._journal = journal
        self._settling = settling
        self._due = due
        self._restoration = restoration
        self._acknowledgements = acknowledgements
        self._overdue = overdue
        self._gate = gate
        self._doubtful: set[tuple[str, str]] = set()
        self._absorbed: set[str] = set()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look at once: something has come in."""
        self._woken.set()

    async def run(self) -> None:
        """Go on until cancelled; the ledger, when it is away, holds up nothing at the store."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._keep_store())
            both.create_task(self._keep_ledger())

    async def turn(self) -> None:
        """One round of everything."""
        await self._look_at_store()
        await self._look_at_ledger(everything=True)

    async def _keep_store(self) -> None:
        while True:
            await self._look_at_store()
            await asyncio.sleep(_EVERY)

    async def _keep_ledger(self) -> None:
        rounds = 0
        while True:
            await self._look_at_ledger(everything=rounds % _SECOND == 0)
            if rounds % _MINUTE == 0:
                await self._tried(self._journal.purge)
            rounds += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await self._woken.wait()
            self._woken.clear()

    async def _look_at_store(self) -> None:
        if await self._tried(self._restore):
            await self._tried(self._look_at_due)

    async def _look_at_ledger(self, *, everything: bool) -> None:
        if everything or self._gate.away:
            await self._tried(self._ask_ledger)
        if self._gate.away:
            return
        await self._tried(self._settle_found)
        await self._tried(self._acknowledgements.take_inbox)
        if everything:
            await self._tried(self._settling.lapse)
            await self._tried(self._acknowledgements.catch_up)
            await self._tried(self._overdue.look)

    async def _restore(self) -> None:
        if await self._restoration.is_needed():
            await self._restoration.restore()

    async def _look_at_due(self) -> None:
        for found in await self._due.look():
            self._absorbed |= set(found.absorbed)
            self._doubtful |= {(reservation, found.sku) for reservation in found.doubtful}

    async def _settle_found(self) -> None:
        absorbed = sorted(self._absorbed)
        if absorbed:
            await self._journal.settled(absorbed)
            self._absorbed.difference_update(absorbed)
        # Should this fail, the store names them again in a second; what is absorbed it does not.
        doubtful, self._doubtful = self._doubtful, set()
        for reservation, sku in sorted(doubtful):
            await self._settling.resolve(reservation, sku)

    async def _ask_ledger(self) -> None:
        await self._journal.ping()
        self._gate.reopen()

    async def _tried(self, work: Callable[[], Awaitable[Any]]) -> bool:
        """Whether it was done; what is away is told once, and that it is back."""
        try:
            await work()
        except LedgerUnavailableError as error:
            self._gate.shut(str(error))
            return False
        except (StoreUnavailableError, NotReadyError):
            # The directory tells of the store.
            return False
        except Exception:  # noqa: BLE001 - a mistake of ours must not end all upkeep
            _log.exception("upkeep failed", action="upkeep.broken")
            return False
        return True
