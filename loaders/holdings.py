"""What a feed has in the store, held against its new snapshot: one pass over everything.

It gives the guard its figures, and finds what the snapshot lacks. On the way it finds what nobody
would ever take away: price rows at the side where those of their list do not lie, which a loader
left there that had not yet seen the store being emptied, and old tombstones in lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.domain.price_lists import EVERYTHING
from gateway.domain.record_kinds import Kind
from gateway.store.bulk import BulkEncoder
from gateway.store.client import StoreClient
from gateway.store.entries import (
    TOMBSTONES_LIVE_MS,
    CorruptValueError,
    Entry,
    Flag,
    entries,
)
from gateway.store.keys import Keyspace
from gateway.store.level_codec import decode_level
from gateway.store.price_codec import decode_row, series_in
from loaders import spots
from loaders.guard import Figures, moves, price_figure
from loaders.operations import Mark, eviction, sweep
from loaders.seen import UNTOLD, Seen, SeenLevels, SeenPrices
from loaders.sides import Sides
from loaders.spool import Spool
from loaders.spots import Spot

_TOMB: Final = int(Flag.TOMB)


class Holdings:
    """Everything of one kind that one feed wrote and that was not deleted since."""

    def __init__(
        self,
        client: StoreClient,
        keys: Keyspace,
        encoder: BulkEncoder,
        kind: Kind,
        mark: Mark,
        moved_by: float,
    ) -> None:
        self._client = client
        self._keys = keys
        self._encoder = encoder
        self._kind: Kind = kind
        self._mark = mark
        self._moved_by = moved_by
        self._sides = Sides(client, keys)
        self._held = self._vanishing = 0
        self._selling = self._falling = 0
        self._priced = self._moved = 0

    async def compare(self, seen: Seen, sweeps: Spool) -> Figures:
        """The figures; the commands that remove what was not seen go into `sweeps`.

        Raises:
            StoreUnavailableError: the store went away.
            SpoolError: `sweeps` cannot be written.
        """
        async for page in spots.everything(self._kind, self._client, self._keys):
            values = [(spot, _entries(value)) for spot, value in page]
            if self._kind == "prices":
                await self._sides.learn(values)
            for spot, found in values:
                held = [entry for entry in found if self._is_own(entry)]
                gone: list[bytes] = []
                if held:
                    self._weigh(seen, spot, held)
                    gone += self._gone(seen, spot, held)
                gone += self._misplaced(spot, found)
                gone += self._outlived(spot, found)
                if gone:
                    sweeps.add([spots.command(self._encoder, spot, gone)])
        return Figures(
            self._held,
            self._vanishing,
            self._selling,
            self._falling,
            self._priced,
            self._moved,
        )

    def _weigh(self, seen: Seen, spot: Spot, held: list[Entry]) -> None:
        if isinstance(seen, SeenLevels):
            if any(map(_sells, held)):
                self._selling += 1
                self._falling += spot not in seen.selling
        elif isinstance(seen, SeenPrices):
            # A row that ends beside another which stays, as that of a campaign, moves no price.
            names = [entry.head.name for entry in held]
            staying = {series_in(name)[0] for name in names if (spot, name) in seen}
            for entry, name in zip(held, names, strict=True):
                address = spot, name
                ends = address not in seen and series_in(name)[0] in staying
                new = None if ends else seen.figure(address)
                if new is not None:
                    self._priced += 1
                    self._moved += new != UNTOLD and moves(_price(spot, entry), new, self._moved_by)

    def _gone(self, seen: Seen, spot: Spot, held: list[Entry]) -> list[bytes]:
        names = [entry.head.name for entry in held]
        gone = [sweep(self._mark, name) for name in names if (spot, name) not in seen]
        self._held += len(names)
        self._vanishing += len(gone)
        return gone

    def _is_own(self, entry: Entry) -> bool:
        """Whether it is a living record of the kind and of the feed."""
        head = entry.head
        if head.feed != self._mark.feed or head.flags & _TOMB:
            return False
        return spots.holds(self._kind, entry)

    def _misplaced(self, spot: Spot, found: Sequence[Entry]) -> list[bytes]:
        """Removes the rows of other feeds that lie where those of their list do not.

        The feed's own are not in the snapshot, whose rows are where they belong.
        """
        if self._kind != "prices":
            return []
        return [
            eviction(self._mark, entry.head)
            for entry in found
            if entry.head.feed != self._mark.feed
            and not entry.head.flags & _TOMB
            and self._sides.is_misplaced(spot, entry)
        ]

    def _outlived(self, spot: Spot, found: Sequence[Entry]) -> list[bytes]:
        """Lets the script look at tombstones in a list's hash that it may now drop.

        Each of its fields counts when it is judged whether the list is small.
        """
        if spots.list_of(spot) is None:
            return []
        old = self._mark.arrival_ms - TOMBSTONES_LIVE_MS
        for entry in found:
            head = entry.head
            if head.flags & _TOMB and (head.stamp_ms < old or head.flags & Flag.RECENT):
                return [sweep(self._mark, head.name)]
        return []


def _entries(value: bytes) -> list[Entry]:
    """What lies there; nothing where it is not ours."""
    try:
        return list(entries(value))
    except CorruptValueError:
        return []


def _sells(entry: Entry) -> bool:
    try:
        return decode_level(entry).salable() > 0
    except CorruptValueError:
        return False


def _price(spot: Spot, entry: Entry) -> int:
    """The figure of a row; of one that cannot be read, that of a price of nothing."""
    try:
        # What it is for makes no difference to its price.
        row = decode_row(entry, spots.list_of(spot), EVERYTHING)
    except CorruptValueError:
        return 0
    return price_figure(row.unit_price, row.discount_percent)
