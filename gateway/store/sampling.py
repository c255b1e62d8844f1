"""SKUs that are held, by chance: what an audit looks at."""

from __future__ import annotations

import asyncio
from typing import Final

from redis.asyncio.cluster import RedisCluster

from gateway.store.client import Connected, StoreClient
from gateway.store.keys import Keyspace

_TRIES: Final = 20
"""Keys drawn for each SKU wanted: most are of something else, where there are contracts."""


async def random_skus(client: StoreClient, keys: Keyspace, most: int) -> list[str]:
    """Different SKUs, `most` of them or fewer; any that is held may be among them.

    Raises:
        StoreUnavailableError: no answer within the deadline.
    """
    async with client.asking() as redis:
        drawn = await _drawn(redis, most * _TRIES)
    ours = keys.any_sku.removesuffix(b"*")
    found = dict.fromkeys(key for key in drawn if key is not None and key.startswith(ours))
    return [keys.name_of(key) for key in list(found)[:most]]


async def _drawn(redis: Connected, count: int) -> list[bytes | None]:
    """Keys of any kind; of a cluster from each node as many, since each has as many slots."""
    if not isinstance(redis, RedisCluster):
        pipeline = redis.pipeline(transaction=False)
        for _ in range(count):
            pipeline.randomkey()
        drawn: list[bytes | None] = await pipeline.execute()
        return drawn
    _ = await redis.initialize()
    nodes = redis.get_primaries()
    rounds = [
        await asyncio.gather(*(node.execute_command("RANDOMKEY") for node in nodes))
        for _ in range(-(-count // len(nodes)))
    ]
    return [key for each in rounds for key in each]
