"""What is known of the feeds of a world, and what they have brought into its store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from gateway.domain.money import price_text
from gateway.domain.quantities import to_milli
from gateway.domain.stock import SkuStock
from gateway.observability.events import Event
from gateway.store.client import StoreClient
from gateway.store.codec import decode_sku
from gateway.store.event_journal import EventJournal
from gateway.store.feed_requests import Act, Answer, FeedRequests
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.keys import Keyspace
from gateway.store.stock import scan_stock
from tests.held_prices import held_price_rows

_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02
_ASKED_SECONDS: Final = 10.0

Levels = Mapping[str, Mapping[str, int]]
"""Units by SKU and location; a SKU that was removed is not among them."""


class Feeds:
    """Reads the store itself, past every gateway, and asks the loaders what operators may ask."""

    def __init__(self, client: StoreClient) -> None:
        self.client: Final = client
        self.keys: Final = Keyspace("ss")
        self._register = FeedRegister(client, self.keys)
        self._requests = FeedRequests(client, self.keys)
        self._journal = EventJournal(client, self.keys)

    async def state(self, feed: str) -> FeedState:
        """Of this feed now; that of one that is not known has never been verified."""
        return (await self._register.all()).get(feed) or FeedState("stock", 0)

    async def until(
        self, feed: str, holds: Callable[[FeedState], bool], seconds: float = _SECONDS
    ) -> FeedState:
        """Wait till its state is so.

        Raises:
            TimeoutError: it was not within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while not holds(state := await self.state(feed)):  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(_POLL_SECONDS)
        return state

    async def ask(self, act: Act, feed: str) -> Answer:
        """Have the leader do this.

        Raises:
            TimeoutError: nobody answered.
        """
        answer = await self._requests.ask(act, feed, _ASKED_SECONDS)
        if answer is None:
            raise TimeoutError(f"no loader answers to {act} {feed}")
        return answer

    async def verified_ms(self, feed: str) -> int:
        """The moment through which it is verified; 0 for one that never was."""
        return (await self.state(feed)).verified_through_ms or 0

    async def until_verified(self, feed: str, *, after_ms: int) -> FeedState:
        """Wait till it is verified through a later moment, and does not fail."""
        return await self.until(
            feed, lambda state: (state.verified_through_ms or 0) > after_ms and state.error is None
        )

    async def synced(self, feed: str) -> FeedState:
        """Have it read whole, and wait till that was taken."""
        before = await self.verified_ms(feed)
        await self.ask(Act.SYNC, feed)
        return await self.until_verified(feed, after_ms=before)

    async def forced(self, feed: str) -> None:
        """Have it read whole and taken, whatever the guard says of it."""
        before = await self.verified_ms(feed)
        await self.ask(Act.SYNC, feed)
        state = await self.until(
            feed,
            lambda state: state.held is not None or (state.verified_through_ms or 0) > before,
        )
        if state.held is not None:
            await self.ask(Act.RELEASE, feed)
            await self.until(feed, lambda state: state.held is None)

    async def failed(self, feed: str) -> FeedState:
        """Have one that was well read whole, and wait till that failed or was held back."""
        await self.ask(Act.SYNC, feed)
        return await self.until(
            feed, lambda state: state.error is not None or state.held_back is not None
        )

    async def levels(self) -> Levels:
        """All that is in stock."""
        return {
            sku: {place: level.quantity // to_milli(1) for place, level in held.levels.items()}
            async for sku, held in self._held()
        }

    async def versions(self) -> dict[tuple[str, str], int]:
        """Of every level, by SKU and location."""
        return {
            (sku, place): level.version or 0
            async for sku, held in self._held()
            for place, level in held.levels.items()
        }

    async def prices(self) -> dict[tuple[str, str], str]:
        """Unit prices of SKUs, by list and SKU."""
        return {
            (row.price_list, row.target.name): price_text(row.unit_price, 2)
            for row in await held_price_rows(self.client, self.keys)
            if row.unit_price is not None
        }

    async def events(self) -> list[Event]:
        """All that was recorded, newest first."""
        return [entry.event async for entry in self._journal.newest() if entry.event is not None]

    async def _held(self) -> AsyncIterator[tuple[str, SkuStock]]:
        async for page in scan_stock(self.client, self.keys):
            for sku, value in page:
                held = decode_sku(value)
                if held is not None and held.levels:
                    yield sku, held


@asynccontextmanager
async def feeds_of(url: str) -> AsyncIterator[Feeds]:
    """The feeds of the store at `url`."""
    client = StoreClient.connect(url, deadline=5.0)
    try:
        yield Feeds(client)
    finally:
        await client.close()
