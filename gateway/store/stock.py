"""Reading stock: many SKUs in one round trip, and every location there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import chain
from typing import Final

import msgspec

from gateway.deadlines import within
from gateway.domain.stock import Location, SkuStock
from gateway.gathering import Gathering
from gateway.store.client import StoreClient, translated
from gateway.store.codec import decode_locations, decode_sku
from gateway.store.entries import CorruptValueError
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.scans import scan_values

_MOST: Final = 64
"""So many questions are read at once: of a thousand SKUs each, more would hold the server up."""


class Reading(msgspec.Struct, frozen=True):
    """What was held of the SKUs asked for, in order; None where nothing is known of one.

    An epoch that is not the one the reader knows of: the store has lost everything since, and
    "nothing known" means nothing. None: it lost it just now, or holds are not restored yet.
    """

    epoch: bytes | None
    stock: Sequence[SkuStock | None]


HeldSku = tuple[bytes | None, bytes | None]
"""The value of a SKU, and what lies beside it of holds and orders."""


class HeldReading(msgspec.Struct, frozen=True):
    """The same as the bytes that are held."""

    epoch: bytes | None
    held: Sequence[HeldSku]


class StockStore:
    """The read model. A value that is not ours is a miss, and is counted in `corrupt`.

    `with_holds`: figures are told only when everything that was promised is taken off them.
    """

    def __init__(
        self, client: StoreClient, keys: Keyspace, lane: Lane, *, with_holds: bool = False
    ) -> None:
        self._client = client
        self._keys = keys
        self._lane = lane
        self._with_holds = with_holds
        self._gathering = Gathering[Sequence[str], HeldReading](self._read_lot, most=_MOST)
        self.corrupt = 0

    async def read(self, skus: Sequence[str]) -> Reading:
        """What is held of each SKU, and the epoch in which it was, read in one step.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        reading = await self.read_held(skus)
        return Reading(reading.epoch, [self.decoded(held) for held in reading.held])

    async def read_held(self, skus: Sequence[str]) -> HeldReading:
        """The same, as it lies there.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        with translated():
            async with within(self._client.deadline):
                return await self._gathering.ask(skus)

    async def end(self) -> None:
        """Give up what is being read."""
        await self._gathering.end()

    async def _read_lot(self, lot: Sequence[Sequence[str]]) -> Sequence[HeldReading]:
        """What many have asked for, each SKU read once, however many want it.

        None of them asked after the reading had begun: nobody is told of a moment before.
        """
        skus = list(dict.fromkeys(chain.from_iterable(lot)))
        keys = [key for sku in skus for key in (self._keys.sku(sku), self._keys.taken(sku))]
        arrived, values = await self._lane.get_many(keys, together=2)
        epoch = arrived.epoch if arrived.restored or not self._with_holds else None
        pairs = zip(values[::2], values[1::2], strict=True)
        held = dict(zip(skus, pairs, strict=True))
        return [HeldReading(epoch, [held[sku] for sku in asked]) for asked in lot]

    def decoded(self, held: HeldSku) -> SkuStock | None:
        """What is known of a SKU of which this is held; None for nothing."""
        value, taken = held
        if value is None:
            return None
        try:
            return decode_sku(value, taken)
        except CorruptValueError:
            self.corrupt += 1
            return None

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


async def scan_stock(client: StoreClient, keys: Keyspace) -> AsyncIterator[list[tuple[str, bytes]]]:
    """Every SKU with its value as held, in pages; for loaders, not for requests.

    Each SKU that is there from first to last comes at least once.

    Raises:
        StoreUnavailableError: the store went away; start again.
    """
    async for page in scan_values(client, keys.any_sku):
        yield [(keys.name_of(key), value) for key, value in page]
