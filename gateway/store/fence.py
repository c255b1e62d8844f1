"""The fence: what keeps a loader from writing that leads no more, however late it wakes.

Each term of leadership has a token above all before it. Every write of the loaders names the token
of its term and is run by a script that reads the fence in the same step: unless it holds that very
token, nothing is done. A fence that the store has lost lets nobody pass until the next term.

One Valkey has one fence, the key from which tokens are drawn. A script on a Redis Cluster may only
touch keys of one slot, so there every slot has a copy, put up before a term begins to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from redis.asyncio.cluster import RedisCluster
from redis.crc import key_slot

from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace

_FOLDER: Final = Path(__file__).parent / "scripts"
_FENCED: Final = (_FOLDER / "fenced.lua").read_bytes()
_PUT_UP: Final = (_FOLDER / "fence.lua").read_bytes()
_SLOTS: Final = 16_384
_AT_A_TIME: Final = 1024
"""Fences in one pipeline: put up well within a deadline."""


class Fence(Protocol):
    """What the writes of one term name."""

    @property
    def token(self) -> bytes:
        """The token of the term."""

    def beside(self, key: bytes) -> bytes:
        """The fence that guards what is written at this key."""


class OneFence:
    """The fence of one Valkey, which guards every key."""

    def __init__(self, keys: Keyspace, token: int) -> None:
        self.token = b"%d" % token
        self._key = keys.fence

    def beside(self, _key: bytes) -> bytes:
        return self._key


class SlotFences:
    """The fences of a Redis Cluster, one in each slot."""

    def __init__(self, keys: Keyspace, token: int) -> None:
        self.token = b"%d" % token
        self.keys: Final = [keys.fence_of_slot(tag) for tag in _tags()]

    def beside(self, key: bytes) -> bytes:
        return self.keys[key_slot(key)]


async def put_up(client: StoreClient, keys: Keyspace, token: int) -> Fence:
    """The fence of a term, once it stands wherever something can be written.

    Raises:
        StoreUnavailableError: it does not stand everywhere.
    """
    if not isinstance(client.redis, RedisCluster):
        return OneFence(keys, token)
    fences = SlotFences(keys, token)
    for at in range(0, _SLOTS, _AT_A_TIME):
        async with client.asking() as redis:
            pipeline = redis.pipeline()
            for key in fences.keys[at : at + _AT_A_TIME]:
                _ = pipeline.execute_command("EVAL", _PUT_UP, 1, key, fences.token)
            await pipeline.execute()
    return fences


class FencedWrites:
    """Single commands under a fence, on a key; without a fence they are always done."""

    def __init__(self, client: StoreClient, fence: Fence | None) -> None:
        self._client = client
        self._fence = fence

    async def run(
        self,
        key: bytes,
        command: str,
        *arguments: bytes | str | int,
        at_a_time: int | None = None,
        told: tuple[bytes, bytes] = (b"", b""),
    ) -> Sequence[Any]:
        """The replies to the command, run once, or for so many of the arguments at a time.

        `told` is a channel and what is published there afterwards, in the same step. A reply of
        nothing is empty bytes.

        Raises:
            DeposedError: the term is over; nothing was done.
            StoreUnavailableError: no answer within the deadline.
        """
        fence = self._fence
        keys = (key,) if fence is None else (key, fence.beside(key))
        token = b"" if fence is None else fence.token
        size = len(arguments) if at_a_time is None else at_a_time
        async with self._client.asking() as redis:
            replies: Sequence[Any] = await redis.eval(
                _FENCED, len(keys), *keys, token, *told, command, max(1, size), *arguments
            )
        return replies


@cache
def _tags() -> Sequence[int]:
    """For each slot of a cluster a number that, as a hash tag, falls into it."""
    found: dict[int, int] = {}
    number = 0
    while len(found) < _SLOTS:
        found.setdefault(key_slot(b"%d" % number), number)
        number += 1
    return [found[slot] for slot in range(_SLOTS)]
