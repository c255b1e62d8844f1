"""What a feed has in the store, held against its new snapshot: one pass over everything.

It gives the guard its figures, and finds what the snapshot lacks.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.store.bulk import BulkEncoder
from gateway.store.client import StoreClient
from gateway.store.codec import decode_level
from gateway.store.entries import PRODUCT_NAME, CorruptValueError, Entry, Flag, entries
from gateway.store.keys import Keyspace
from gateway.store.stock import StockStore
from loaders.guard import Figures
from loaders.operations import Mark, sweep
from loaders.records import Kind
from loaders.seen import Seen
from loaders.spool import Spool


class Holdings:
    """Everything of one kind that one feed wrote and that was not deleted since."""

    def __init__(self, client: StoreClient, keys: Keyspace, kind: Kind, mark: Mark) -> None:
        self._client = client
        self._keys = keys
        self._stock = StockStore(client, keys)
        self._encoder = BulkEncoder(keys)
        self._kind: Kind = kind
        self._mark = mark
        self._held = self._vanishing = self._selling = self._falling = 0

    async def compare(self, seen: Seen, sweeps: Spool) -> Figures:
        """The figures; the commands that remove what was not seen go into `sweeps`.

        Raises:
            StoreUnavailableError: the store went away.
            SpoolError: `sweeps` cannot be written.
        """
        if self._kind == "locations":
            (value,) = await self._client.get_many([self._keys.locations])
            gone = self._gone(seen, "", [entry.head.name for entry in self._entries(value or b"")])
            if gone:
                sweeps.add([self._encoder.locations(gone)])
        else:
            async for page in self._stock.scan():
                for sku, value in page:
                    self._compare_sku(seen, sku, value, sweeps)
        return Figures(self._held, self._vanishing, self._selling, self._falling)

    def _compare_sku(self, seen: Seen, sku: str, value: bytes, sweeps: Spool) -> None:
        names: list[str] = []
        sells = False
        for entry in self._entries(value):
            is_product = entry.head.name == PRODUCT_NAME
            if is_product == (self._kind == "products"):
                names.append(entry.head.name)
                sells = sells or (not is_product and _sells(entry))
        if not names:
            return
        if sells:
            self._selling += 1
            self._falling += (sku,) not in seen.selling
        gone = self._gone(seen, sku, names)
        if gone:
            sweeps.add([self._encoder.sku(sku, gone)])

    def _gone(self, seen: Seen, sku: str, names: list[str]) -> list[bytes]:
        gone = [sweep(self._mark, name) for name in names if (sku, name) not in seen.records]
        self._held += len(names)
        self._vanishing += len(gone)
        return gone

    def _entries(self, value: bytes) -> Iterator[Entry]:
        """The feed's own living entries; what lies there and is not ours has none."""
        try:
            for entry in entries(value):
                if entry.head.feed == self._mark.feed and not entry.head.flags & Flag.TOMB:
                    yield entry
        except CorruptValueError:
            return


def _sells(entry: Entry) -> bool:
    try:
        return decode_level(entry).salable() > 0
    except CorruptValueError:
        return False
