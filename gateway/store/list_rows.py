"""Reading the rows that lie with price lists: `scripts/rows.lua`, many lists in one round trip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from redis import exceptions
from redis.asyncio.cluster import RedisCluster

from gateway.store.client import Connected, StoreClient

_SCRIPT: Final = (Path(__file__).parent / "scripts" / "rows.lua").read_bytes()
_SHA: Final = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest()
_pack: Final = msgspec.msgpack.Encoder().encode

SMALL_LIST: Final = 1000
"""A list with so many targets, or fewer, is read as a whole: most contracts are that small.

Of many lists that are asked for at once, this is how many targets all of them may have together.
"""

_SMALLEST: Final = 32
"""A list with so many is always read as a whole: asking for some would cost as much."""

_AT_A_TIME: Final = 250
"""Lists in one pipeline: what they may have to tell is answered well within a deadline."""
_NO_EPOCH: Final = b""

_WHOLE: Final = 1
_OTHER_TYPE: Final = -1


class HeldRows(msgspec.Struct, frozen=True):
    """Fields of a list's hash with their values: all there are, or what is of those asked for."""

    complete: bool
    fields: Sequence[tuple[bytes, bytes]]


async def read_list_rows(
    client: StoreClient, epoch_key: bytes, asked: Sequence[tuple[bytes, Sequence[bytes]]]
) -> tuple[bytes | None, list[HeldRows | None]]:
    """What is held at each key, asked for with its fields; None where it is no hash.

    Each key is read in one step, and the epoch after all of them: what was read is of no later
    one, should the store lose everything on the way. More lists than anybody has take several
    round trips, each with its own deadline; had the epoch changed between them, it is one that
    nobody knows.

    Raises:
        StoreUnavailableError: no answer within the deadline.
    """
    limit = max(SMALL_LIST // max(len(asked), 1), _SMALLEST)
    packed = list(_packed(asked))
    held: list[HeldRows | None] = []
    epochs: set[bytes | None] = set()
    for at in range(0, max(len(packed), 1), _AT_A_TIME):
        some = packed[at : at + _AT_A_TIME]
        async with client.asking() as redis:
            try:
                *replies, epoch = await _run(redis, epoch_key, limit, some)
            except exceptions.NoScriptError:
                # A store that was restarted has forgotten it.
                await redis.script_load(_SCRIPT)
                *replies, epoch = await _run(redis, epoch_key, limit, some)
        held += map(_held, replies)
        epochs.add(epoch)
    return epochs.pop() if len(epochs) == 1 else _NO_EPOCH, held


def _packed(
    asked: Sequence[tuple[bytes, Sequence[bytes]]],
) -> Iterator[tuple[bytes, bytes]]:
    """The same, with the fields as the script takes them."""
    before: Sequence[bytes] = ()
    packed = _pack(before)
    for key, fields in asked:
        if fields != before:
            # As text: Lua's MessagePack knows no other bytes.
            before, packed = fields, _pack([field.decode() for field in fields])
        yield key, packed


async def _run(
    redis: Connected, epoch_key: bytes, limit: int, asked: Sequence[tuple[bytes, bytes]]
) -> list[Any]:
    # A cluster gets the script whole: nodes come and go, and with them what they cached.
    script = ("EVAL", _SCRIPT) if isinstance(redis, RedisCluster) else ("EVALSHA", _SHA)
    pipeline = redis.pipeline(transaction=False)
    for key, fields in asked:
        pipeline.execute_command(*script, 1, key, limit, fields)
    pipeline.get(epoch_key)
    replies: list[Any] = await pipeline.execute()
    return replies


def _held(reply: Any) -> HeldRows | None:
    if reply[0] == _OTHER_TYPE:
        return None
    found = reply[1]
    return HeldRows(reply[0] == _WHOLE, list(zip(found[::2], found[1::2], strict=True)))
