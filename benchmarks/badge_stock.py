"""Stock for badges, written straight into a store: two warehouses and a product record a SKU."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from typing import Final

from gateway.domain.stock import Product, StockLevel
from gateway.store.bulk import Block, BulkEncoder, BulkWriter
from gateway.store.client import StoreClient
from gateway.store.codec import product_payload
from gateway.store.entries import PRODUCT_NAME, Op, pack_op
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.keys import Keyspace
from gateway.store.level_codec import level_payload

BLOCK: Final = 500
KEYS: Final = Keyspace("ss")
_ENCODER: Final = BulkEncoder(KEYS)
_PLACES: Final = (b"W1", b"W2")
_UNITS: Final = (0, 3, 9, 60)


def sku(number: int) -> str:
    """The SKU of that number."""
    return f"SKU-{number:06d}"


async def fill(url: str, skus: int) -> None:
    """Write so many SKUs, verified just now."""
    client = StoreClient.connect(url, deadline=10.0)
    number = await feed_number(client)
    await BulkWriter(client).write(_blocks(skus, number))
    now_ms = int(time.time() * 1000)
    await FeedRegister(client, KEYS).save(
        "erp", FeedState("stock", number, verified_through_ms=now_ms)
    )
    await client.close()


async def feed_number(client: StoreClient) -> int:
    """The number of the feed that they are of."""
    return (await FeedRegister(client, KEYS).register("erp", "stock")).number


def levels(number: int, feed: int, figures: tuple[int, int], version: int = 1) -> bytes:
    """The command that says of a SKU how many units lie at each warehouse."""
    entries = [
        pack_op(
            Op.PUT, 0, feed, 0, version, version, place, level_payload(StockLevel(units * 1000))
        )
        for place, units in zip(_PLACES, figures, strict=True)
    ]
    return _ENCODER.put(_ENCODER.place_of_stock(sku(number)), entries)


async def _blocks(skus: int, feed: int) -> AsyncIterator[Block]:
    chance = random.Random(1)
    for start in range(0, skus, BLOCK):
        numbers = range(start, min(start + BLOCK, skus))
        wire = b"".join(
            levels(number, feed, (chance.choice(_UNITS), chance.choice(_UNITS)))
            + _product(number, feed)
            for number in numbers
        )
        yield Block(2 * len(numbers), wire)


def _product(number: int, feed: int) -> bytes:
    payload = product_payload(Product(f"Hex bolt M{number % 30}", product_group="fasteners"))
    entry = pack_op(Op.PUT, 0, feed, 0, 1, 1, PRODUCT_NAME.encode(), payload)
    return _ENCODER.put(_ENCODER.place_of_product(sku(number)), [entry])
