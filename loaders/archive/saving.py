"""Saves what the feeds have brought into a store as an archive.

Feeds go on meanwhile: their states are read first, so that whatever is read later is as new as
they say, or newer. What the deltas brought that came in between comes again from the watermark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import BinaryIO, Final

import msgspec

from gateway.domain.record_kinds import KINDS, Kind
from gateway.store.client import StoreClient
from gateway.store.entries import CorruptValueError, Entry, entries
from gateway.store.feeds import FeedRegister, awaited_prices, unready
from gateway.store.keys import Keyspace
from loaders import spots
from loaders.archive.canonical import canonical, moment
from loaders.archive.drafts import Bearer, Drafts, NoLists, WrongLineError, record_of
from loaders.archive.lines import (
    SHOWN_EVERY,
    VERSION,
    ArchivedFeed,
    ArchiveWriter,
    Header,
    Line,
)
from loaders.errors import ArchiveError
from loaders.progress import Meter
from loaders.sides import Sides
from loaders.spots import Spot

_NOBODY: Final = Bearer(0)

_encode: Final = msgspec.json.Encoder().encode


class Saved(msgspec.Struct, frozen=True):
    """What an archive holds; `unreadable` is what no reader of the store could have read."""

    feeds: Sequence[ArchivedFeed]
    counts: Mapping[Kind, int]
    unreadable: int


class Saving:
    """Saves one store. `clock` gives milliseconds since the epoch."""

    def __init__(
        self, client: StoreClient, keys: Keyspace, clock: Callable[[], int], meter: Meter
    ) -> None:
        self._client = client
        self._keys = keys
        self._register = FeedRegister(client, keys)
        self._sides = Sides(client, keys)
        self._drafts = Drafts(NoLists())
        self._clock = clock
        self._meter = meter
        self._unreadable = 0

    async def save(self, file: BinaryIO) -> Saved:
        """Write the archive to this file, which stays open.

        Raises:
            ArchiveError: the store is not whole: what it has is not worth keeping.
            OSError: the file cannot be written.
            StoreUnavailableError: the store went away.
        """
        epoch = await self._register.epoch()
        feeds = await self._feeds()
        numbers = {feed.number for feed in feeds}
        header = Header(VERSION, moment(self._clock()), tuple(feeds))
        writer = ArchiveWriter(file, header)
        lines = 0
        for kind in KINDS:
            async for line in self._lines(kind, numbers):
                writer.add(line)
                lines += 1
                if not lines % SHOWN_EVERY:
                    self._meter.read(lines)
        if await self._register.epoch() != epoch:
            raise ArchiveError("the store was emptied while it was saved")
        writer.end()
        return Saved(feeds, Counter(writer.counts), self._unreadable)

    async def _feeds(self) -> list[ArchivedFeed]:
        states = await self._register.all()
        waiting = unready(states)
        if waiting is None:
            waiting = awaited_prices(states) or None
        if waiting is not None:
            named = f" before {', '.join(waiting)} was loaded" if waiting else ""
            raise ArchiveError(f"the store is not ready{named}: there is nothing whole to save")
        numbers = await self._register.numbers()
        return [
            ArchivedFeed(name, number, states.get(name))
            for name, number in sorted(numbers.items(), key=lambda each: each[1])
        ]

    async def _lines(self, kind: Kind, numbers: set[int]) -> AsyncIterator[Line]:
        """Every record of that kind; one that moved meanwhile may come twice."""
        async for page in spots.everything(kind, self._client, self._keys):
            values = [(spot, self._entries(value)) for spot, value in page]
            if kind == "prices":
                await self._sides.learn(values)
            for spot, found in values:
                for entry in found:
                    if spots.holds(kind, entry) and not self._sides.is_misplaced(spot, entry):
                        line = self._line(kind, spot, entry, numbers)
                        if line is not None:
                            yield line

    def _line(self, kind: Kind, spot: Spot, entry: Entry, numbers: set[int]) -> Line | None:
        head = entry.head
        # Of a feed that nobody knows, nothing can be said of how old its records are.
        feed = head.feed if head.feed in numbers else 0
        try:
            record = msgspec.Raw(_encode(canonical(kind, spot, entry)))
            line = Line(kind, feed, head.stamp_ms, record, head.version, head.flags)
            # Better missed now than when it is needed: a file that is refused restores nothing.
            _ = self._drafts.draft(line, record_of(line), _NOBODY)
        except (CorruptValueError, WrongLineError):
            self._unreadable += 1
            return None
        return line

    def _entries(self, value: bytes) -> list[Entry]:
        try:
            return list(entries(value))
        except CorruptValueError:
            self._unreadable += 1
            return []
