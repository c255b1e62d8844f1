"""Samples of a feed of stock: SKUs by chance, with what is held of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.store.bulk import BulkEncoder
from gateway.store.client import StoreClient
from gateway.store.entries import Flag
from gateway.store.keys import Keyspace
from gateway.store.sampling import random_skus
from loaders import spots
from loaders.intake import Intake
from loaders.operations import Mark
from loaders.outcome import Tally
from loaders.placements import Placements
from loaders.sieve import Held, held_at


class Samples:
    """Draws from one store; `clock_ms` gives milliseconds since the epoch."""

    def __init__(self, client: StoreClient, keys: Keyspace, clock_ms: Callable[[], int]) -> None:
        self._client = client
        self._keys = keys
        self._encoder = BulkEncoder(keys)
        self.clock_ms = clock_ms

    async def draw(self, feed: int, most: int) -> Mapping[str, Held]:
        """Some SKUs of which the feed of this number has a level, each with its entries.

        Raises:
            StoreUnavailableError: the store went away.
        """
        skus = await random_skus(self._client, self._keys, most)
        held = await held_at(self._client, self._encoder, [spots.levels(sku) for sku in skus])
        return {sku: entries for (_, sku), entries in held.items() if own(feed, entries)}

    def intake(self, feed: int, tally: Tally, *, learning: bool) -> Intake:
        """What makes of the ERP's rows what a delta of the feed would write."""
        mark = Mark(feed, 0, self.clock_ms(), snapshot=False, learning=learning)
        lists = Placements(self._client, self._keys, fence=None)
        return Intake("stock", mark, self._encoder, tally, None, lists)


def own(feed: int, held: Held) -> frozenset[bytes]:
    """The names of the living records that the feed of this number wrote."""
    return frozenset(
        name for name, entry in held.items() if entry[1] == feed and not entry[0] & Flag.TOMB
    )
