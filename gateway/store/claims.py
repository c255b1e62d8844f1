"""Claims: who works on an idempotency key now, and which keys have been worked on.

A claim only saves work, and shows a request that it is not the first; what was answered is in the
ledger, which also decides between two that both think they are.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import Final

from gateway.domain.errors import StoreUnavailableError
from gateway.store.client import describe
from gateway.store.keys import Keyspace
from gateway.store.lane import Command, Lane

_RUNNING: Final = b"r"
_DONE: Final = b"d"
_ABANDONED_MS: Final = 5_000
"""How long one works on a key at most; whoever has not ended by then is gone."""
_REMEMBERED_MS: Final = 86_400_000


class Claim(Enum):
    """What is known of a key."""

    NEW = "new"
    """It is ours: nobody was seen working on it."""
    RUNNING = "running"
    DONE = "done"
    OTHER = "other"
    """It was used for another body."""


class Claims:
    """The claims of one store. A key is one caller's: those of two callers never meet."""

    def __init__(self, lane: Lane, keys: Keyspace) -> None:
        self._lane = lane
        self._keys = keys

    async def take(self, caller: str, key: str, body_sha: bytes) -> Claim:
        """Claim the key, unless somebody has.

        Raises:
            StoreUnavailableError: unknown whether it is claimed.
        """
        value = _RUNNING + body_sha
        place = self._key(caller, key)
        held = await self._run((b"SET", place, value, b"NX", b"GET", b"PX", _ABANDONED_MS))
        if held is None:
            return Claim.NEW
        if held[1:] != body_sha:
            return Claim.OTHER
        return Claim.DONE if held[:1] == _DONE else Claim.RUNNING

    def done(self, caller: str, key: str, body_sha: bytes) -> None:
        """It has been answered; should this get lost, the ledger knows it still."""
        place = self._key(caller, key)
        self._lane.post((b"SET", place, _DONE + body_sha, b"PX", _REMEMBERED_MS))

    def drop(self, caller: str, key: str) -> None:
        """Nobody works on it any more, and it was not answered; should this get lost, it lapses."""
        self._lane.post((b"DEL", self._key(caller, key)))

    async def _run(self, command: Command) -> bytes | None:
        reply = (await self._lane.run(command)).reply
        if isinstance(reply, Exception):
            raise StoreUnavailableError(describe(reply))
        return reply if isinstance(reply, bytes) else None

    def _key(self, caller: str, key: str) -> bytes:
        return self._keys.claim(key_digest(caller, key))


def key_digest(caller: str, key: str) -> str:
    """A short name for a caller's idempotency key, whatever may be in it."""
    # The caller's length first: no two pairs of caller and key read the same.
    named = f"{len(caller)}:{caller}{key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(named, digest_size=16).hexdigest()
