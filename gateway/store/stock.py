"""Reading stock: many SKUs in one round trip, and every location there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from gateway.domain.stock import Location, SkuStock
from gateway.store.client import StoreClient
from gateway.store.codec import decode_locations, decode_sku
from gateway.store.entries import CorruptValueError
from gateway.store.keys import Keyspace
from gateway.store.scans import scan_values


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
        async for page in scan_values(self._client, self._keys.any_sku):
            yield [(self._keys.name_of(key), value) for key, value in page]

    def _decoded(self, value: bytes | None) -> SkuStock | None:
        if value is None:
            return None
        try:
            return decode_sku(value)
        except CorruptValueError:
            self.corrupt += 1
            return None
