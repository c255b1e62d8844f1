"""Bytes of Valkey that a SKU takes, with its product record and three locations.

The records are written by the same script as in real use; the server's own count is read before
and after. `maxmemory` is what one would set: all of it, allocator and tables included.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

from gateway.domain.stock import Basis, Incoming, Product, StockLevel
from gateway.store.bulk import Block, BulkEncoder, BulkWriter
from gateway.store.client import StoreClient
from gateway.store.codec import product_payload
from gateway.store.entries import Op, pack_op
from gateway.store.keys import Keyspace
from gateway.store.level_codec import level_payload
from stockspan.embedded.valkey import EmbeddedValkey

BOUND = 250
NOW_MS = 1_795_000_000_000


def run(folder: Path, quick: bool) -> dict[str, Any]:  # noqa: FBT001 - what every benchmark takes
    """Measure, print, and return the figures."""
    skus = 20_000 if quick else 200_000
    result: dict[str, Any] = {"skus": skus, "bound": BOUND}
    for shape in ("levels only", "with product", "with product, a tenth with supply"):
        with EmbeddedValkey(folder / shape.replace(" ", "-"), appendonly=False) as server:
            size = asyncio.run(_bytes_per_sku(server.url, skus, shape))
        result[shape] = size
        print(f"{shape + ':':36}{size:6.1f} bytes per SKU with 3 locations (bound {BOUND})")
    return result


async def _bytes_per_sku(url: str, skus: int, shape: str) -> float:
    client = StoreClient.connect(url, deadline=10.0)
    empty = (await client.redis.info("memory"))["used_memory"]
    await BulkWriter(client).write(_blocks(skus, shape))
    full = (await client.redis.info("memory"))["used_memory"]
    await client.close()
    return float(full - empty) / skus


async def _blocks(skus: int, shape: str) -> AsyncIterator[Block]:
    chance = random.Random(1)
    encoder = BulkEncoder(Keyspace("ss"))
    for start in range(0, skus, 500):
        numbers = range(start, min(start + 500, skus))
        wire = b"".join(
            encoder.put(encoder.place_of_stock(f"SKU-{n:06d}"), _operations(n, shape, chance))
            for n in numbers
        )
        yield Block(len(numbers), wire)


def _operations(number: int, shape: str, chance: random.Random) -> list[bytes]:
    operations = []
    if shape != "levels only":
        product = Product(
            name=f"Hex bolt M{number % 30} zinc",
            product_group="fasteners",
            min_order_quantity=1000,
            lead_time_days=10,
        )
        operations.append(
            pack_op(Op.UNVERSIONED, 0, 1, 1, None, NOW_MS, b"", product_payload(product))
        )
    for place in (b"W1", b"W2", b"S1"):
        supply = (Incoming(50_000, date(2026, 12, 1)),)
        level = StockLevel(
            chance.randrange(0, 500) * 1000,
            Basis.ON_HAND,
            allocated=chance.randrange(0, 5) * 1000,
            safety_stock=2000,
            incoming=supply if "supply" in shape and number % 10 == 0 else (),
        )
        stamp_ms = NOW_MS + number
        operations.append(pack_op(0, 0, 2, 1, stamp_ms, stamp_ms, place, level_payload(level)))
    return operations
