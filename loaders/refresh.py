"""Refresh on demand: what gateways ask for is read from the ERP by SKU, and written as deltas are.

Every request goes to the desk of each feed of stock whose source can be asked by SKU. It runs where
the keepers run, and nowhere else: two loaders that listened would ask twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.config.asked_section import AskedSource
from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import PostgresSource, Source
from gateway.config.http_sections import HttpSource
from gateway.config.settings import Settings
from gateway.domain.errors import StoreUnavailableError
from gateway.store.refresh import RefreshInbox
from gateway.store.refresh_codec import Refreshed, RefreshRequest
from loaders.budgets import CallBudget
from loaders.feedbook import Feed
from loaders.ingest import Ingest
from loaders.reading import SkuReader
from loaders.refresh_desk import Asking, Breaker, RefreshDesk
from loaders.sources.http_erp import HttpLimits
from loaders.sources.http_skus import HttpSkus
from loaders.sources.postgres_skus import PostgresSkus

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
    settings: Settings,
    ingest: Ingest,
    inbox: RefreshInbox,
    clock: Callable[[], float],
    clock_ms: Callable[[], int],
    breaker_of: Callable[[str], Breaker],
) -> Refresher:
    """A desk for every feed of stock whose source can be asked by SKU; nothing is opened yet.

    Raises:
        SourceError: the mapping of a feed does not fit its kind.
    """
    made = Refresher(inbox)
    budgets: dict[str, CallBudget] = {}
    limits: dict[str, HttpLimits] = {}
    for name, feed in settings.feeds.items():
        source = settings.sources[feed.source]
        if feed.kind != "stock" or not feed.refresh or not isinstance(source, AskedSource):
            continue
        reader = _sku_reader(name, feed, source, clock, limits)
        if reader is None:
            continue
        budget = budgets.setdefault(
            feed.source, CallBudget(source.refresh_rate, source.refresh_burst)
        )
        asking = Asking(reader, budget, breaker_of(name), source.refresh_timeout)
        kept = Feed(name, feed.kind)
        made.add(RefreshDesk(kept, asking, ingest, ingest.outages, made.tell, clock, clock_ms))
    return made


def _sku_reader(
    name: str,
    feed: FeedSettings,
    source: Source,
    clock: Callable[[], float],
    limits: dict[str, HttpLimits],
) -> SkuReader | None:
    """What asks this source for single SKUs; None where it cannot be asked so.

    `limits` are shared by the feeds of each source: those of refreshes, so that a snapshot which
    uses up what its ERP allows delays nobody's checkout.

    Raises:
        SourceError: the feed's mapping does not fit its kind.
    """
    match source:
        case PostgresSource():
            return PostgresSkus(name, feed, source, clock)
        case HttpSource() if feed.sku_query is not None:
            rate, burst = source.refresh_rate, source.refresh_burst
            asked = source.model_copy(update={"rate": rate, "burst": burst})
            shared = limits.setdefault(feed.source, HttpLimits(asked, clock))
            return HttpSkus(name, feed, feed.sku_query, source, shared, clock)
        case _:
            return None
