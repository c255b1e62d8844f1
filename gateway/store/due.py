"""What is due: when which entry must be looked at, because a hold lapses or is in doubt.

One sorted set for all SKUs, written before the entry that it tells of: an entry that nobody looks
at would stay for ever. A member is a reservation at a SKU, its score the moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.store.client import translated
from gateway.store.clock import StoreClock
from gateway.store.hold_scripts import EXPIRE, REINDEX
from gateway.store.keys import Keyspace
from gateway.store.lane import Command, Lane
from gateway.store.steps import step

_MOST: Final = 100
"""So many at once: others wait for as long as the store takes for these."""
_TURNS: Final = 50
_LEFT_ALONE_MS: Final = 1_000


class Due(msgspec.Struct, frozen=True):
    """What was found at a SKU that was due: reservations in doubt, and absorbed ones."""

    sku: str
    doubtful: Sequence[str]
    absorbed: Sequence[str]


class DueIndex:
    """Looks at entries when their moment has come."""

    def __init__(self, keys: Keyspace, lane: Lane, clock: StoreClock) -> None:
        self._keys = keys
        self._lane = lane
        self._clock = clock
        self.corrupt = 0

    def at(self, reservation: str, skus: Sequence[str], look_ms: int) -> Command:
        """The command that has a reservation looked at then, at all of its SKUs."""
        words: list[bytes | str | int] = [b"ZADD", self._keys.due]
        for sku in skus:
            words += (look_ms, f"{reservation}:{sku}")
        return tuple(words)

    def never(self, reservation: str, skus: Sequence[str]) -> Command:
        """The command by which a reservation need not be looked at any more."""
        return (b"ZREM", self._keys.due, *[f"{reservation}:{sku}" for sku in skus])

    async def look(self) -> list[Due]:
        """Look at what is due: give back what lapsed, and say what else there is.

        Several may do so at once; what one of them looks at, the others leave alone for a second.

        Raises:
            StoreUnavailableError: the rest is due later.
        """
        seen: list[Due] = []
        for _ in range(_TURNS):
            found, some = await self._look()
            seen += some
            if found < _MOST:
                break
        return seen

    async def _look(self) -> tuple[int, list[Due]]:
        index, now_ms = self._keys.due, self._clock.now_ms()
        (found,) = await self._replies(
            [(b"ZRANGEBYSCORE", index, b"-inf", now_ms, b"LIMIT", 0, _MOST)]
        )
        if isinstance(found, Exception):
            with translated():
                raise found
        if not found:
            return 0, []
        asked = _by_sku(found)
        later = now_ms + _LEFT_ALONE_MS
        claim: list[bytes | str | int] = [b"ZADD", index, b"XX"]
        for member in found:
            claim += (later, member)
        looks = [
            step(self._keys, EXPIRE, sku, (_LEFT_ALONE_MS, *names)) for sku, names in asked.items()
        ]
        _, *replies = await self._replies([tuple(claim), *looks])
        seen: list[Due] = []
        following: list[bytes | str | int] = []
        for (sku, names), reply in zip(asked.items(), replies, strict=True):
            if isinstance(reply, Exception):
                # Something that is not ours lies there: nobody can hold it until it is gone.
                self.corrupt += 1
                continue
            moment, due, doubtful, absorbed = reply
            self._clock.hear(moment)
            dues = dict(zip(_names(due[::2]), due[1::2], strict=True))
            for name in names:
                following += (f"{name}:{sku}", dues.get(name, 0))
            if doubtful or absorbed:
                seen.append(Due(sku, _names(doubtful), _names(absorbed)))
        reindex = (b"EVALSHA", REINDEX.sha, 1, index, later, *following)
        await self._lane.run_all([reindex], REINDEX)
        return len(found), seen

    async def _replies(self, commands: Sequence[Command]) -> list[Any]:
        arrived = await self._lane.run_all(commands, EXPIRE)
        return [one.reply for one in arrived]


def _by_sku(members: Sequence[bytes]) -> dict[str, list[str]]:
    asked: dict[str, list[str]] = defaultdict(list)
    for member in members:
        reservation, _, sku = member.decode(errors="replace").partition(":")
        asked[sku].append(reservation)
    return asked


def _names(found: Sequence[bytes]) -> list[str]:
    return [name.decode() for name in found]
