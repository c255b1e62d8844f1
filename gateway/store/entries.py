"""Entries: the form in which records lie in Redis, so that Lua compares without decoding them.

A value is one format byte and then entries, each a fixed head, a name and a payload:

    flags   1   TOMB, ABSENT, DOUBTED, RECENT
    feed    1   number of the feed that wrote it
    round   1   the feed's snapshot in which it was last seen, modulo 256
    version 8   order within the key, biased by 2⁶³; zero is "none given"
    stamp   6   milliseconds since the epoch: the ERP's `updated_at`, else the arrival
    name    2 + n   which one of the value's records: a location, a price row; or empty for the
                    one that a value has of its kind, as a SKU's product record
    payload 2 + n   MessagePack, opaque to the scripts

Integers are big-endian. A product and its levels share one value, so that a lookup is one read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import msgspec

FORMAT: Final = b"\x01"
PRODUCT_NAME: Final = ""
ONLY_NAME: Final = ""
"""The entry of a value that holds one record: the head of a price list, a customer, an ack."""
LARGEST_PAYLOAD: Final = (1 << 16) - 1
TOMBSTONES_LIVE_MS: Final = 30 * 86_400_000
"""How long `put.lua` keeps them: every late message comes within thirty days."""
VERSION_BIAS: Final = 1 << 63
VERSIONS: Final = range(1 - VERSION_BIAS, VERSION_BIAS)
"""Versions that can be held: a signed 64-bit integer, less the lowest, which means none."""
MOMENTS: Final = range(253_402_300_800_000)
"""Milliseconds since the epoch that the ERP may stamp: from 1970 to the end of the year 9999."""

_HEAD = struct.Struct(">BBBQHIHH")
_OP = struct.Struct(">BBBBQHIHH")
_HEAD_SIZE: Final = _HEAD.size
_unpack_head: Final = _HEAD.unpack_from

RawEntry = tuple[int, int, int, int, int, bytes, bytes]
"""Flags, feed, round, version with its bias (0: none), stamp, name, payload."""


class CorruptValueError(Exception):
    """What lies at a key is not ours, or of another format."""


class Flag(IntEnum):
    """What an entry is, when it is no plain record.

    A bit each. No `IntFlag`: its operators are Python, and every entry that is read would pay.
    """

    TOMB = 1
    """Deleted; its version stays, so that nothing late rises from it."""
    ABSENT = 2
    """Deleted because a proved snapshot lacked it; a later snapshot may bring it back."""
    DOUBTED = 4
    """A newer record of it was rejected: it is no younger than its own stamp."""
    RECENT = 8
    """Deleted without a version while a snapshot was being staged, which may still have it."""


class Op(IntEnum):
    """What a write asks of the script (`put.lua`)."""

    PUT = 0
    UNVERSIONED = 1
    """No version given: it counts by arrival, and keeps the version held."""
    SNAPSHOT = 2
    """Part of a snapshot: seen, even where it is not newer."""
    TOUCH = 4
    """Seen, but rejected: the last good record stays, and is doubted."""
    SWEEP = 8
    """Remove, if the feed's current snapshot did not see it."""
    RESTORED = 16
    """From an archive: kept out by whatever is as new; without versions, by what came as late."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """The fixed part of an entry."""

    flags: int
    feed: int
    round: int
    version: int | None
    stamp_ms: int
    name: str

    @property
    def vouching_feed(self) -> int:
        """The feed whose verified-through time holds for the entry; 0 where none's does."""
        return vouching_feed(self.flags, self.feed)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry as it is held."""

    head: Head
    payload: bytes


def pack_op(  # noqa: PLR0913, PLR0917 - the parts of one binary record, in their order
    op: int,
    flags: int,
    feed: int,
    snapshot: int,
    version: int | None,
    stamp_ms: int,
    name: bytes,
    payload: bytes,
) -> bytes:
    """One argument of `put.lua`: the operation and then the entry as it is to be held."""
    return (
        _OP.pack(
            op,
            flags,
            feed,
            snapshot & 0xFF,
            0 if version is None else version + VERSION_BIAS,
            (stamp_ms >> 32) & 0xFFFF,
            stamp_ms & 0xFFFFFFFF,
            len(name),
            len(payload),
        )
        + name
        + payload
    )


def raw_entries(value: bytes) -> list[RawEntry]:
    """The entries of a value as they lie there, tombstones included; for readers in a hurry.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    if value[:1] != FORMAT:
        raise CorruptValueError
    found: list[RawEntry] = []
    at, end = 1, len(value)
    try:
        while at < end:
            flags, feed, seen, version, high, low, name_size, size = _unpack_head(value, at)
            name_at = at + _HEAD_SIZE
            payload_at = name_at + name_size
            at = payload_at + size
            name, payload = value[name_at:payload_at], value[payload_at:at]
            found.append((flags, feed, seen, version, (high << 32) | low, name, payload))
    except struct.error:
        raise CorruptValueError from None
    if at > end:
        raise CorruptValueError
    return found


def text_of(name: bytes) -> str:
    """An entry's name as text.

    Raises:
        CorruptValueError: it is none.
    """
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise CorruptValueError from None


def vouching_feed(flags: int, feed: int) -> int:
    """The feed whose verified-through time holds for an entry of that; 0 where none's does."""
    # What its feed is verified through says nothing of a record that is doubted.
    return 0 if flags & Flag.DOUBTED else feed


def entries(value: bytes) -> Iterator[Entry]:
    """The entries of a value, tombstones included.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    for flags, feed, seen, version, stamp_ms, name, payload in raw_entries(value):
        text = text_of(name)
        held = version - VERSION_BIAS if version else None
        yield Entry(Head(flags, feed, seen, held, stamp_ms, text), payload)


def only_entry(value: bytes) -> Entry | None:
    """The living entry of a value that holds one record; None where it was deleted.

    Raises:
        CorruptValueError: the value is not in this format.
    """
    for entry in entries(value):
        if entry.head.name == ONLY_NAME and not entry.head.flags & Flag.TOMB:
            return entry
    return None
