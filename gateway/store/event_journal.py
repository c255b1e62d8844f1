"""The journal of events: a stream of a set length that every process appends to.

An event is appended once, however often it is sent: its id is kept as long as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.observability.events import Event
from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace

LENGTH: Final = 10_000
"""Events kept, as shipped."""

AT_A_TIME: Final = 100
"""Events appended or read at once: a millisecond's work for the store."""

_APPEND: Final = (Path(__file__).parent / "scripts" / "event_append.lua").read_bytes()
_FIELD: Final = b"e"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


class Entry(msgspec.Struct, frozen=True):
    """An event and its place in the journal; None for what cannot be read."""

    position: str
    event: Event | None


class EventJournal:
    """The journal of one store, which keeps `length` events."""

    def __init__(self, client: StoreClient, keys: Keyspace, length: int = LENGTH) -> None:
        self._client = client
        self._keys = keys
        self._length = length

    async def append(self, events: Sequence[Event]) -> int:
        """Append those that it does not have yet; how many that were.

        Raises:
            StoreUnavailableError: unknown which; sent again, none comes twice.
        """
        pairs = [part for event in events for part in (event.id.encode(), _encode(event))]
        async with self._client.asking() as redis:
            return int(
                await redis.eval(
                    _APPEND, 2, self._keys.events, self._keys.event_ids, self._length, *pairs
                )
            )

    async def after(self, position: str, most: int = AT_A_TIME) -> Sequence[Entry]:
        """The events after this place, oldest first, at most so many.

        A moment in milliseconds since the epoch, by the store's clock, is a place as well.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        async with self._client.asking() as redis:
            if await self._is_other(redis):
                return []
            return _entries(await redis.xrange(self._keys.events, f"({position}", "+", count=most))

    async def newest(self) -> AsyncIterator[Entry]:
        """Every event, newest first.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        before = "+"
        while True:
            async with self._client.asking() as redis:
                if await self._is_other(redis):
                    return
                rows = await redis.xrevrange(self._keys.events, before, "-", count=AT_A_TIME)
            for entry in _entries(rows):
                yield entry
                before = f"({entry.position}"
            if len(rows) < AT_A_TIME:
                return

    async def _is_other(self, redis: Any) -> bool:
        """Whether something lies there that is no journal: it is passed over until it is one."""
        return await redis.type(self._keys.events) not in (b"stream", b"none")


def _entries(rows: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> list[Entry]:
    return [Entry(position.decode(), _event(fields)) for position, fields in rows]


def _event(fields: Mapping[bytes, bytes]) -> Event | None:
    try:
        return _decode(fields[_FIELD])
    except (KeyError, msgspec.DecodeError):
        return None
