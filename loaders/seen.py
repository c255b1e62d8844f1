"""What a snapshot holds, remembered in 8 bytes a record, 32 a price row: millions stay small."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final

from gateway.domain.record_kinds import Kind
from gateway.store.price_codec import series_in
from loaders.operations import Address

UNTOLD: Final = -(1 << 63)
"""The figure of a record whose row was rejected: the one held stays as it is."""

_BUCKETS: Final = 1 << 8
_MINUTES: Final = 1 << 31
"""Minutes before the epoch that can be told apart, and as many after it."""
_LAST_MINUTE: Final = (1 << 32) - 1


class KeySet:
    """A set of keys as sorted hashes: filled first, asked afterwards.

    Two of 500,000 keys share a 64-bit hash once in a hundred million snapshots; what was wrongly
    taken for seen is then removed by the next one, whose hashes differ only with the process.
    """

    def __init__(self) -> None:
        self._hashes = array("q")
        self._sorted = True

    def add(self, key: tuple[object, ...]) -> None:
        self._hashes.append(hash(key))
        self._sorted = False

    def __contains__(self, key: tuple[object, ...]) -> bool:
        if not self._sorted:
            self._hashes = array("q", sorted(self._hashes))
            self._sorted = True
        wanted = hash(key)
        place = bisect_left(self._hashes, wanted)
        return place < len(self._hashes) and self._hashes[place] == wanted

    def repeated(self) -> KeySet:
        """The keys that were added more than once."""
        hashes = sorted(self._hashes)
        found = KeySet()
        found._hashes = array("q", [one for one, other in pairwise(hashes) if one == other])
        return found

    def __len__(self) -> int:
        return len(self._hashes)


class KeyFigures:
    """A figure (64 bits) by key, as sorted hashes with their figures; of two, the last counts.

    In buckets, each sorted when it is first asked: sorting never copies but a small part.
    """

    def __init__(self) -> None:
        self._hashes = [array("q") for _ in range(_BUCKETS)]
        self._figures = [array("q") for _ in range(_BUCKETS)]
        self._sorted = [True] * _BUCKETS

    def add(self, key: tuple[object, ...], figure: int) -> None:
        hashed = hash(key)
        bucket = hashed % _BUCKETS
        self._hashes[bucket].append(hashed)
        self._figures[bucket].append(figure)
        self._sorted[bucket] = False

    def get(self, key: tuple[object, ...]) -> int | None:
        hashed = hash(key)
        bucket = hashed % _BUCKETS
        if not self._sorted[bucket]:
            self._sort(bucket)
        hashes = self._hashes[bucket]
        place = bisect_right(hashes, hashed) - 1
        return self._figures[bucket][place] if place >= 0 and hashes[place] == hashed else None

    def __len__(self) -> int:
        return sum(map(len, self._hashes))

    def _sort(self, bucket: int) -> None:
        hashes, figures = self._hashes[bucket], self._figures[bucket]
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        self._hashes[bucket] = array("q", [hashes[place] for place in order])
        self._figures[bucket] = array("q", [figures[place] for place in order])
        self._sorted[bucket] = True


class LatestFigures:
    """A figure by key, of those that were added the one with the latest moment.

    In sixteen bytes each: a moment is kept to the minute, and of a hash forty bits. One in some
    million keys is taken for another, which is good enough for shares, and for nothing else.
    """

    def __init__(self) -> None:
        self._order = [array("Q") for _ in range(_BUCKETS)]
        self._figures = [array("q") for _ in range(_BUCKETS)]
        self._sorted = [True] * _BUCKETS

    def add(self, key: tuple[object, ...], moment_ms: int | None, figure: int) -> None:
        bucket, first = _forty_bits(key)
        minute = 0 if moment_ms is None else moment_ms // 60_000 + _MINUTES
        self._order[bucket].append(first + min(max(minute, 0), _LAST_MINUTE))
        self._figures[bucket].append(figure)
        self._sorted[bucket] = False

    def get(self, key: tuple[object, ...]) -> int | None:
        bucket, first = _forty_bits(key)
        order, figures = self._order[bucket], self._figures[bucket]
        if not self._sorted[bucket]:
            places = sorted(range(len(order)), key=order.__getitem__)
            order = self._order[bucket] = array("Q", [order[place] for place in places])
            figures = self._figures[bucket] = array("q", [figures[place] for place in places])
            self._sorted[bucket] = True
        place = bisect_right(order, first + _LAST_MINUTE) - 1
        return figures[place] if place >= 0 and order[place] >= first else None


def _forty_bits(key: tuple[object, ...]) -> tuple[int, int]:
    """Eight of them, and the others as the upper half of 64."""
    rest, bucket = divmod(hash(key), _BUCKETS)
    return bucket, (rest & _LAST_MINUTE) << 32


class Seen:
    """The records of a snapshot: each where it lies, so that one at another place was not seen."""

    def __init__(self) -> None:
        self._records = KeySet()

    def add(self, address: Address, figure: int) -> None:
        """A record that is good."""
        del figure
        self._records.add(address)

    def keep(self, address: Address) -> None:
        """A record whose row was rejected: the last good one stays."""
        self._records.add(address)

    def __contains__(self, address: Address) -> bool:
        return address in self._records


class SeenLevels(Seen):
    """Levels, and the SKUs of which something is left to sell; a kept one may have some."""

    def __init__(self) -> None:
        super().__init__()
        self.selling = KeySet()

    def add(self, address: Address, figure: int) -> None:
        self._records.add(address)
        if figure:
            self.selling.add(address[0])

    def keep(self, address: Address) -> None:
        self._records.add(address)
        self.selling.add(address[0])


class SeenPrices(Seen):
    """Price rows with their prices.

    Some ERPs give every price a new `valid_from` every day: such a row is another record, but for
    the guard it is compared with the one that it replaces.
    """

    def __init__(self) -> None:
        super().__init__()
        self._figures = KeyFigures()
        self._latest = LatestFigures()

    def add(self, address: Address, figure: int) -> None:
        spot, name = address
        self._figures.add(address, figure)
        series, from_text = series_in(name)
        self._latest.add((spot, series), int(from_text) if from_text else None, figure)

    def keep(self, address: Address) -> None:
        self._figures.add(address, UNTOLD)

    def figure(self, address: Address) -> int | None:
        """The figure of the record there, else of the latest one that differs in its beginning."""
        exact = self._figures.get(address)
        if exact is not None:
            return exact
        spot, name = address
        return self._latest.get((spot, series_in(name)[0]))

    def __contains__(self, address: Address) -> bool:
        return self._figures.get(address) is not None


def nothing_seen(kind: Kind) -> Seen:
    """What to remember the records of a snapshot of this kind in."""
    match kind:
        case "stock":
            return SeenLevels()
        case "prices":
            return SeenPrices()
        case _:
            return Seen()
