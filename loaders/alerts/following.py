"""Follows the journal and lets the desk make alerts of it, as long as this loader leads.

The journal has the events of all processes. While the store is away there is none to read, and that
the store is away must be told then: so what this process itself sees is looked at directly, by the
loader that led when the store was last there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Final, Protocol

import structlog

from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import Event, EventKind
from gateway.observability.recorder import CAPACITY, Recorder
from gateway.store.event_journal import AT_A_TIME, Entry
from loaders.alerts.channels import Telling
from loaders.alerts.courier import Courier
from loaders.alerts.desk import Desk, Shelf
from loaders.resilience import ended

EVERY: Final = 1.0
"""Seconds between two looks into the journal."""

_log = structlog.get_logger(__name__)


class Journal(Protocol):
    """Where events are read."""

    async def after(self, position: str, most: int = AT_A_TIME) -> Sequence[Entry]:
        """The events after this place, oldest first."""


def always() -> bool:
    """Where there is one loader, it leads."""
    return True


class Alerting:
    """One loader's alerting. `leads` says whether it is this loader that delivers."""

    def __init__(
        self,
        telling: Telling,
        journal: Journal,
        shelf: Shelf,
        recorder: Recorder,
        clock_ms: Callable[[], int],
        leads: Callable[[], bool] = always,
        every: float = EVERY,
    ) -> None:
        self._journal = journal
        self._recorder = recorder
        self._leads = leads
        self._every = every
        self._own: dict[str, Event] = {}
        self._in_charge = leads()
        recorder.listen(self._saw)
        addresses = {name: sender.addresses for name, sender in telling.senders.items()}
        self._desk = Desk(shelf, telling.rules, addresses, clock_ms, self._wake, self._lost)
        self._couriers = [
            Courier(
                name,
                sender,
                self._desk,
                recorder,
                self._keep,
                lambda: self._in_charge,
                # Chance only spreads the load.
                Random(),  # noqa: S311
            )
            for name, sender in telling.senders.items()
        ]

    async def run(self) -> None:
        """Go on until cancelled."""
        tasks = [asyncio.create_task(self._follow(), name="follow")]
        tasks += [asyncio.create_task(courier.run(), name="courier") for courier in self._couriers]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                # They end by cancellation alone; anything else is a mistake of ours.
                task.result()
        finally:
            # No task group: it cancels once, and aiosmtplib may lose that (Python 3.11).
            await ended(tasks)

    async def turn(self) -> None:
        """Look once at what happened."""
        try:
            await self._look()
        except StoreUnavailableError:
            if self._in_charge:
                self._desk.look_at(list(self._own.values()))
                self._own.clear()

    async def _follow(self) -> None:
        while True:
            try:
                await self.turn()
            except Exception:  # noqa: BLE001 - a mistake of ours must not end all alerts
                _log.exception("alerts failed", action="alerts.broken")
            await asyncio.sleep(self._every)

    async def _look(self) -> None:
        """Read the journal to its end, if this loader leads.

        Raises:
            StoreUnavailableError: the store is away: who was in charge stays so.
        """
        if not self._in_charge and not self._leads():
            self._own.clear()
            return
        self._in_charge = True
        if not self._desk.is_open:
            await self._desk.open()
        more = True
        while more:
            entries = await self._journal.after(self._desk.position)
            # Asked after the store has answered: while it is away nobody can lead.
            if not self._leads():
                await self._desk.keep()
                self._resign()
                return
            self._take(entries)
            if not await self._desk.keep():
                # Somebody else has been at it: read again what is known now.
                self._resign()
                return
            more = len(entries) >= AT_A_TIME

    def _take(self, entries: Sequence[Entry]) -> None:
        events = [entry.event for entry in entries if entry.event is not None]
        for event in events:
            self._own.pop(event.id, None)
        self._desk.look_at(events, entries[-1].position if entries else self._desk.position)

    def _resign(self) -> None:
        self._in_charge = False
        self._desk.close()
        self._own.clear()

    async def _keep(self) -> None:
        with suppress(StoreUnavailableError):
            # If not now, then with the next turn.
            await self._desk.keep()

    def _saw(self, event: Event) -> None:
        if len(self._own) >= CAPACITY:
            self._own.pop(next(iter(self._own)))
        self._own[event.id] = event

    def _wake(self) -> None:
        for courier in self._couriers:
            courier.wake()

    def _lost(self, channel: str, letters: int) -> None:
        self._recorder.record(EventKind.ALERT_LOST, channel, letters=letters)
