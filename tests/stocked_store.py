"""A real store with products, levels, locations and a verified feed in it, for tests of readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from gateway.domain.quantities import to_milli
from gateway.domain.stock import Location, Product, StockLevel
from gateway.store.bulk import Block, BulkEncoder, BulkWriter
from gateway.store.client import StoreClient
from gateway.store.codec import level_payload, location_payload, product_payload
from gateway.store.entries import PRODUCT_NAME, Op, pack_op
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.keys import Keyspace

FEED = "erp"


class StockedStore:
    """Writes what a test needs straight into the store, as one feed that is verified."""

    def __init__(self, client: StoreClient, prefix: str = "ss") -> None:
        self.client = client
        self.keys = Keyspace(prefix)
        self.feeds = FeedRegister(client, self.keys)
        self._encoder = BulkEncoder(self.keys)
        self._writer = BulkWriter(client)
        self._feed = 0
        self._version = 0

    async def verify(self, through_ms: int, *, failing: bool = False, feed: str = FEED) -> None:
        """Let the feed be loaded and right until then; what is put from now on is written by it."""
        kind = "stock"
        state = await self.feeds.register(feed, kind)
        self._feed = state.number
        failing_since = through_ms if failing else None
        await self.feeds.save(
            feed,
            FeedState(
                kind,
                state.number,
                verified_through_ms=through_ms,
                failing_since_ms=failing_since,
            ),
        )

    async def locate(self, *places: Location) -> None:
        """Put these locations on the list."""
        operations = [self._op(place.location, location_payload(place)) for place in places]
        await self._write(Block(1, self._encoder.locations(operations)))

    async def stock(
        self,
        sku: str,
        levels: Mapping[str, StockLevel | float] | None = None,
        product: Product | None = None,
    ) -> None:
        """Put a SKU's levels (a number is a plain quantity) and its product record."""
        operations = [
            self._op(
                place,
                level_payload(
                    level if isinstance(level, StockLevel) else StockLevel(to_milli(level))
                ),
            )
            for place, level in (levels or {}).items()
        ]
        if product is not None:
            operations.append(self._op(PRODUCT_NAME, product_payload(product)))
        await self._write(Block(1, self._encoder.sku(sku, operations)))

    async def spoil(self, sku: str) -> None:
        """Put something at a SKU's key that is not ours."""
        await self.client.redis.set(self.keys.sku(sku), b"not a value of ours")

    def _op(self, name: str, payload: bytes) -> bytes:
        self._version += 1
        return pack_op(Op.PUT, 0, self._feed, 0, self._version, 1, name.encode(), payload)

    async def _write(self, block: Block) -> None:
        async def blocks() -> AsyncIterator[Block]:
            yield block

        written = await self._writer.write(blocks())
        assert written.accepted, written
        assert not written.failed, written
