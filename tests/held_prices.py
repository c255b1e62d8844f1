"""The price rows that a store holds."""

from __future__ import annotations

from gateway.domain.price_lists import PriceRow, Scope, Target
from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace
from gateway.store.price_codec import decode_rows
from gateway.store.prices import PriceStore


async def held_price_rows(client: StoreClient, keys: Keyspace) -> list[PriceRow]:
    """Every one, wherever it lies."""
    found: list[PriceRow] = []
    prices = PriceStore(client, keys)
    async for page in prices.scan_sku_prices():
        for sku, value in page:
            found += decode_rows(value, None, Target(Scope.SKU, sku))
    async for rows in prices.scan_list_prices():
        for name, target, value in rows:
            found += decode_rows(value, name, target)
    return found
