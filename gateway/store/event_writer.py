"""Carries a process's events into the journal, as soon as the store takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import Event
from gateway.observability.recorder import Recorder
from gateway.store.event_journal import AT_A_TIME

_AGAIN: Final = 1.0
"""Seconds until a store that is away is tried again."""

_PARTING: Final = 2.0
"""Seconds that a process which ends may spend on its last events."""


class Appending(Protocol):
    """What events are appended to."""

    async def append(self, events: Sequence[Event]) -> int:
        """Append those that it does not have yet."""


class EventWriter:
    """Writes what a recorder has taken."""

    def __init__(self, recorder: Recorder, journal: Appending) -> None:
        self._recorder = recorder
        self._journal = journal
        self._woken = asyncio.Event()
        recorder.listen(self._wake)

    async def run(self) -> None:
        """Write until cancelled, and then, if the store is there, what is left."""
        try:
            while True:
                await self._written()
                self._woken.clear()
                if not self._recorder.waiting(1):
                    await self._woken.wait()
        finally:
            with suppress(StoreUnavailableError, TimeoutError):
                async with asyncio.timeout(_PARTING):
                    await self._write()

    async def _written(self) -> None:
        try:
            await self._write()
        except StoreUnavailableError:
            # Whoever needs the store says that it is away.
            await asyncio.sleep(_AGAIN)

    async def _write(self) -> None:
        while some := self._recorder.waiting(AT_A_TIME):
            await self._journal.append(some)
            self._recorder.written(some)

    def _wake(self, _event: Event) -> None:
        self._woken.set()
