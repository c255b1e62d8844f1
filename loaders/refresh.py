"""Refresh on demand: what gateways ask for is read from the ERP by SKU, and written as deltas are.

Every request goes to the desk of each feed of stock whose source can be asked by SKU. It runs where
the keepers run, and nowhere else: two loaders that listened would ask twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.domain.errors import StoreUnavailableError
from gateway.store.refresh import RefreshInbox
from gateway.store.refresh_codec import Refreshed, RefreshRequest
from loaders.feedbook import Feed
from loaders.ingest import Ingest
from loaders.refresh_desk import RefreshDesk
from loaders.sku_sources import SkuSources

_MOST_UNTOLD: Final = 1_000


class Refresher:
    """Listens for requests, and tells what came of them."""

    def __init__(self, inbox: RefreshInbox) -> None:
        self._inbox = inbox
        self._desks: list[RefreshDesk] = []
        self._untold: asyncio.Queue[Refreshed] = asyncio.Queue(_MOST_UNTOLD)

    def add(self, desk: RefreshDesk) -> None:
        """Let this desk have every request too."""
        self._desks.append(desk)

    def tell(self, refreshed: Refreshed) -> None:
        """Let those who wait know soon; while the store is away they find out by their deadline."""
        if not self._untold.full():
            self._untold.put_nowait(msgspec.structs.replace(refreshed, feeds=len(self._desks)))

    async def run(self) -> None:
        """Serve until cancelled; without a desk nobody listens, and gateways are told so."""
        if not self._desks:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._inbox.listen(self._take))
            group.create_task(self._telling())
            for desk in self._desks:
                group.create_task(desk.run())

    def _take(self, request: RefreshRequest) -> None:
        for desk in self._desks:
            desk.take(request)

    async def _telling(self) -> None:
        while True:
            refreshed = await self._untold.get()
            try:
                await self._inbox.tell(refreshed)
            except StoreUnavailableError:
                continue  # the keepers say so


def refresher(
    sources: SkuSources,
    ingest: Ingest,
    inbox: RefreshInbox,
    clock: Callable[[], float],
    clock_ms: Callable[[], int],
) -> Refresher:
    """A desk for every feed of stock whose source can be asked by SKU; nothing is opened yet.

    Raises:
        SourceError: the mapping of a feed does not fit its kind.
    """
    made = Refresher(inbox)
    for one in sources.asked():
        feed = Feed(one.name, one.feed.kind)
        made.add(RefreshDesk(feed, one.asking, ingest, ingest.outages, made.tell, clock, clock_ms))
    return made
