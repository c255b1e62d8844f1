"""What the change channel says of SKUs: how far a snapshot has come is heard, not guessed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from gateway.store.changes import ChangeListener
from gateway.store.keys import Change, ChangeKind
from loaders.resilience import ended
from tests.faults.feeds import Feeds

_SECONDS: Final = 60.0


class Heard:
    """`skus`: so many changes of SKUs were heard."""

    def __init__(self) -> None:
        self.skus = 0
        self.listens: Final = asyncio.Event()
        self._changed = asyncio.Event()

    def hear(self, change: Change | None) -> None:
        self.listens.set()
        self.skus += change is not None and change.kind is ChangeKind.SKU
        self._changed.set()

    async def until(self, skus: int) -> None:
        """Wait till so many were heard.

        Raises:
            TimeoutError: they were not within a minute.
        """
        async with asyncio.timeout(_SECONDS):
            while self.skus < skus:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def hearing(feeds: Feeds) -> AsyncIterator[Heard]:
    """Hear all that happens meanwhile."""
    heard = Heard()
    listener = ChangeListener(feeds.client, feeds.keys, heard.hear)
    task = asyncio.create_task(listener.run())
    try:
        async with asyncio.timeout(_SECONDS):
            await heard.listens.wait()
        yield heard
    finally:
        await ended([task])
