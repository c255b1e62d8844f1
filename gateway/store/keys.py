"""The keyspace: every key Stockspan uses, and nothing else knows their spelling.

    <prefix>:s:{<sku>}       one SKU: its product record and its level at every location
    <prefix>:locations       every location
    <prefix>:epoch           a random name of this content; gone when the store lost everything
    <prefix>:feeds           hash: feed → its state (JSON)
    <prefix>:feed-numbers    hash: feed → the number that marks its records
    <prefix>:changes         the channel on which every change is published once

The braces are a hash tag: all keys of one SKU lie in one slot of a Redis Cluster.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

# A tag ends at the first closing brace, and an empty one is no tag: braces in a SKU are escaped,
# and so is the escape itself, so that no two SKUs share a key.
_ESCAPES: Final = str.maketrans({"%": "%25", "}": "%7D"})


class Change(msgspec.Struct, frozen=True):
    """One message of the change channel: what changed, and which one."""

    kind: ChangeKind
    name: str = ""


class ChangeKind(IntEnum):
    """What a message is about; the number is its first character on the wire."""

    SKU = 1
    LOCATIONS = 2
    FEEDS = 3


class Keyspace:
    """The keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.locations = f"{prefix}:locations".encode()
        self.epoch = f"{prefix}:epoch".encode()
        self.feeds = f"{prefix}:feeds".encode()
        self.feed_numbers = f"{prefix}:feed-numbers".encode()
        self.changes = f"{prefix}:changes".encode()
        self._sku_head = f"{prefix}:s:{{".encode()
        self.any_sku = f"{prefix}:s:*".encode()

    def sku(self, sku: str) -> bytes:
        """The key that holds all of one SKU."""
        return self._sku_head + sku.translate(_ESCAPES).encode() + b"}"

    def sku_of(self, key: bytes) -> str:
        """The SKU that such a key is for."""
        tag = key[len(self._sku_head) : -1].decode()
        return tag.replace("%7D", "}").replace("%25", "%")


def encode_change(change: Change) -> bytes:
    """The message for the change channel."""
    return b"%d%b" % (change.kind, change.name.encode())


def decode_change(message: bytes) -> Change | None:
    """What a message says; None for one that is not ours (the channel is open to all)."""
    try:
        return Change(ChangeKind(int(message[:1])), message[1:].decode())
    except ValueError:
        return None
