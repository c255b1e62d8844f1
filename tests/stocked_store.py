"""A real store with stock, prices and a verified feed in it, for tests of readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from gateway.domain.customers import Customer
from gateway.domain.orders import OrderAck
from gateway.domain.price_lists import Discount, PriceList, PriceRow, Scope
from gateway.domain.quantities import to_milli
from gateway.domain.stock import Location, Product, StockLevel
from gateway.store.ack_codec import ENTRY_OF, ack_payload
from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Place
from gateway.store.client import StoreClient
from gateway.store.codec import location_payload, product_payload
from gateway.store.customer_codec import customer_payload
from gateway.store.entries import ONLY_NAME, PRODUCT_NAME, Op, pack_op
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.keys import Keyspace
from gateway.store.level_codec import level_payload
from gateway.store.price_codec import (
    discount_name,
    discount_payload,
    list_payload,
    row_name,
    row_payload,
)
from gateway.store.price_places import PricePlaces

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

    async def verify(
        self,
        through_ms: int,
        *,
        failing: bool = False,
        feed: str = FEED,
        kind: str = "stock",
        **known: Any,
    ) -> None:
        """Let the feed be loaded and right until then; what is put from now on is written by it.

        `known` is what else there is in its state.
        """
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
                **known,
            ),
        )

    async def locate(self, *places: Location) -> None:
        """Put these locations on the list."""
        operations = [self._op(place.location, location_payload(place)) for place in places]
        await self._put(self._encoder.place_of_locations, operations)

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
        if operations:
            await self._put(self._encoder.place_of_stock(sku), operations)
        if product is not None:
            operation = self._op(PRODUCT_NAME, product_payload(product))
            await self._put(self._encoder.place_of_product(sku), [operation])

    async def head(self, *heads: PriceList) -> None:
        """Put the heads of these price lists."""
        for head in heads:
            place = self._encoder.place_of_price_list(head.price_list)
            await self._put(place, [self._op(ONLY_NAME, list_payload(head))])

    async def prices(self, *rows: PriceRow) -> None:
        """Put these rows where they belong by what is known of their lists now."""
        placed = await PricePlaces(self.client, self.keys).place({row.price_list for row in rows})
        for row in rows:
            with_skus = placed[row.price_list]
            place = self._encoder.place_of_prices(row.price_list, row.target, with_skus=with_skus)
            with_list = with_skus and row.target.scope is Scope.SKU
            name = row_name(row, with_list=with_list)
            await self._put(place, [self._op(name, row_payload(row))])

    async def customer(self, *customers: Customer) -> None:
        """Put these customers."""
        for customer in customers:
            place = self._encoder.place_of_customer(customer.customer)
            await self._put(place, [self._op(ONLY_NAME, customer_payload(customer))])

    async def discount(self, *cells: Discount) -> None:
        """Put these cells of the discount matrix."""
        for cell in cells:
            place = self._encoder.place_of_discounts(cell.discount_class)
            await self._put(place, [self._op(discount_name(cell), discount_payload(cell))])

    async def ack(self, *acks: OrderAck) -> None:
        """Put these acknowledgements into the inbox."""
        for ack in acks:
            place = self._encoder.place_of_ack(ack.order_ref)
            await self._put(place, [self._op(ENTRY_OF[ack.status], ack_payload(ack))])

    async def spoil(self, sku: str) -> None:
        """Put something at a SKU's key that is not ours."""
        await self.client.redis.set(self.keys.sku(sku), b"not a value of ours")

    def _op(self, name: str, payload: bytes) -> bytes:
        self._version += 1
        return pack_op(Op.PUT, 0, self._feed, 0, self._version, 1, name.encode(), payload)

    async def _put(self, place: Place, operations: Sequence[bytes]) -> None:
        async def blocks() -> AsyncIterator[Block]:
            yield Block(1, self._encoder.put(place, operations))

        written = await self._writer.write(blocks())
        assert written.accepted, written
        assert not written.failed, written
