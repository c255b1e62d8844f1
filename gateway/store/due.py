"""What is due: when which SKU must be looked at, because a hold there lapses or is in doubt.

One sorted set for all SKUs, written before the entry that it tells of: an entry that nobody looks
at would stay for ever. Moments are rounded up to a quarter of a second and named in the member, so
that one which has come is never given a later moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.store.client import translated
from gateway.store.clock import StoreClock
from gateway.store.hold_scripts import EXPIRE
from gateway.store.keys import Keyspace
from gateway.store.lane import Command, Lane
from gateway.store.steps import step

_QUARTER_MS: Final = 250
_MOST: Final = 500
_LEFT_ALONE_MS: Final = 1_000


class Due(msgspec.Struct, frozen=True):
    """What was found at a SKU that was due: reservations in doubt, and absorbed ones."""

    sku: str
    doubtful: Sequence[str]
    absorbed: Sequence[str]


class DueIndex:
    """Looks at SKUs when their moment has come."""

    def __init__(self, keys: Keyspace, lane: Lane, clock: StoreClock) -> None:
        self._keys = keys
        self._lane = lane
        self._clock = clock
        self.corrupt = 0

    def entry(self, sku: str, look_ms: int) -> Command:
        """The command that has a SKU looked at then."""
        moment = look_ms // _QUARTER_MS + 1
        member = b"%d:%b" % (moment, sku.encode())
        return (b"ZADD", self._keys.due, moment * _QUARTER_MS, member)

    async def look(self) -> list[Due]:
        """Look at what is due: give back what lapsed, and say what else there is.

        Several may do so at once; what one of them looks at, the others leave alone for a second.

        Raises:
            StoreUnavailableError: the rest is due later.
        """
        index, now_ms = self._keys.due, self._clock.now_ms()
        (found,) = await self._replies(
            [(b"ZRANGEBYSCORE", index, b"-inf", now_ms, b"LIMIT", 0, _MOST)]
        )
        if isinstance(found, Exception):
            with translated():
                raise found
        if not found:
            return []
        later = now_ms + _LEFT_ALONE_MS
        claims: list[Command] = [(b"ZADD", index, b"XX", later, member) for member in found]
        skus = list(dict.fromkeys(_sku_of(member) for member in found))
        looks = [step(self._keys, EXPIRE, sku, (_MOST, _LEFT_ALONE_MS)) for sku in skus]
        replies = (await self._replies([*claims, *looks]))[len(claims) :]
        seen: list[Due] = []
        after: list[Command] = [(b"ZREM", index, *found)]
        for sku, reply in zip(skus, replies, strict=True):
            if isinstance(reply, Exception):
                # Something that is not ours lies there: nobody can hold it until it is gone.
                self.corrupt += 1
                continue
            moment, following, doubtful, absorbed = reply
            self._clock.hear(moment)
            if following >= 0:
                after.append(self.entry(sku, following))
            if doubtful or absorbed:
                seen.append(Due(sku, _names(doubtful), _names(absorbed)))
        await self._replies(after)
        return seen

    async def _replies(self, commands: Sequence[Command]) -> list[Any]:
        arrived = await self._lane.run_all(commands, EXPIRE)
        return [one.reply for one in arrived]


def _names(found: Sequence[bytes]) -> list[str]:
    return [name.decode() for name in found]


def _sku_of(member: bytes) -> str:
    return member.partition(b":")[2].decode(errors="replace")
