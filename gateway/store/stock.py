"""Reading stock: many SKUs in one round trip, and every location there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec
from redis.asyncio.cluster import RedisCluster

from gateway.domain.stock import Location, SkuStock
from gateway.store.client import StoreClient
from gateway.store.codec import decode_locations, decode_sku
from gateway.store.entries import CorruptValueError
from gateway.store.keys import Keyspace

_SCAN_COUNT: Final = 1000


class Reading(msgspec.Struct, frozen=True):
    """What was held of the SKUs asked for, in order; None where nothing is known of one.

    An epoch that is not the one the reader knows of: the store has lost everything since, and
    "nothing known" means nothing.
    """

    epoch: bytes | None
    stock: Sequence[SkuStock | None]


class StockStore:
    """The read model. A value that is not ours is a miss, and is counted in `corrupt`."""

    def __init__(self, client: StoreClient, keys: Keyspace) -> None:
        self._client = client
        self._keys = keys
        self.corrupt = 0

    async def read(self, skus: Sequence[str]) -> Reading:
        """What is held of each SKU, and the epoch in which it was, read in one step.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        keys = [self._keys.epoch, *(self._keys.sku(sku) for sku in skus)]
        epoch, *values = await self._client.get_many(keys)
        return Reading(epoch, [self._decoded(value) for value in values])

    async def locations(self) -> Sequence[Location]:
        """Every location held; empty where none was ever given.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        (value,) = await self._client.get_many([self._keys.locations])
        if value is None:
            return ()
        try:
            return decode_locations(value)
        except CorruptValueError:
            self.corrupt += 1
            return ()

    async def scan(self) -> AsyncIterator[list[tuple[str, bytes]]]:
        """Every SKU with its value as held, in pages; for loaders, not for requests.

        Each SKU that is there from first to last comes at least once.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        redis = self._client.redis
        nodes = redis.get_primaries() if isinstance(redis, RedisCluster) else [redis]
        for node in nodes:
            cursor = 0
            while True:
                async with self._client.asking():
                    cursor, keys = await node.execute_command(
                        "SCAN", cursor, "MATCH", self._keys.any_sku, "COUNT", _SCAN_COUNT
                    )
                if keys:
                    yield await self._values(keys)
                if not cursor:
                    break

    async def _values(self, page: Sequence[bytes]) -> list[tuple[str, bytes]]:
        values = await self._client.get_many(page)
        return [
            (self._keys.sku_of(key), value)
            for key, value in zip(page, values, strict=True)
            if value is not None
        ]

    def _decoded(self, value: bytes | None) -> SkuStock | None:
        if value is None:
            return None
        try:
            return decode_sku(value)
        except CorruptValueError:
            self.corrupt += 1
            return None
