"""What a snapshot holds, remembered in eight bytes a record: millions of rows stay small."""

from __future__ import annotations

from array import array
from bisect import bisect_left


class KeySet:
    """A set of keys as sorted hashes: filled first, asked afterwards.

    Two of 500,000 keys share a 64-bit hash once in a hundred million snapshots; what was wrongly
    taken for seen is then removed by the next one, whose hashes differ only with the process.
    """

    def __init__(self) -> None:
        self._hashes = array("q")
        self._sorted = True

    def add(self, parts: tuple[str, ...]) -> None:
        self._hashes.append(hash(parts))
        self._sorted = False

    def __contains__(self, parts: tuple[str, ...]) -> bool:
        if not self._sorted:
            self._hashes = array("q", sorted(self._hashes))
            self._sorted = True
        wanted = hash(parts)
        place = bisect_left(self._hashes, wanted)
        return place < len(self._hashes) and self._hashes[place] == wanted

    def __len__(self) -> int:
        return len(self._hashes)


class Seen:
    """The records of a snapshot, and the SKUs of which it leaves something to sell."""

    def __init__(self) -> None:
        self.records = KeySet()
        self.selling = KeySet()
