"""The entries of holds as they lie in the store, for whoever verifies them; not for requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.domain.absorption import Taken
from gateway.domain.quantities import Milli
from gateway.domain.reservations import State
from gateway.store.client import StoreClient
from gateway.store.entries import CorruptValueError
from gateway.store.hold_scripts import RECOUNT
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.scans import scan_keys
from gateway.store.steps import step
from gateway.store.taken_codec import decode_taken

_PENDING: Final = 0
_ENDED: Final = 5
_STATES: Final[Mapping[int, State]] = {
    1: State.HELD,
    2: State.HELD,
    3: State.CONFIRMED,
    4: State.ACKNOWLEDGED,
}


class HoldEntry(msgspec.Struct, frozen=True):
    """A reservation at one SKU, as the store has it: state None is pending, `until_ms` its end or
    the moment of its acknowledgement.
    """

    reservation: str
    state: State | None
    revision: int
    until_ms: int
    units: Mapping[str, Milli]


class SkuHolds(msgspec.Struct, frozen=True):
    """All entries at a SKU, what is taken as added up, and how many were not ours.

    Not `whole`: there are more entries than these.
    """

    sku: str
    entries: Mapping[str, HoldEntry]
    taken: Mapping[str, Taken]
    corrupt: int = 0
    whole: bool = True


class HoldEntries:
    """Reads entries, and puts sums right."""

    def __init__(self, client: StoreClient, keys: Keyspace, lane: Lane) -> None:
        self._client = client
        self._keys = keys
        self._lane = lane

    async def everything(self) -> AsyncIterator[SkuHolds]:
        """Every SKU with holds; one that changes meanwhile may come as it was.

        Raises:
            StoreUnavailableError: the store went away; start again.
        """
        seen: set[str] = set()
        for pattern in (self._keys.any_holds, self._keys.any_taken):
            async for keys in scan_keys(self._client, pattern):
                for sku in {self._keys.name_of(key) for key in keys} - seen:
                    seen.add(sku)
                    yield await self.at(sku)

    async def at(self, sku: str) -> SkuHolds:
        """The entries at one SKU, and their sum, as of one moment.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        value, fields = await self._read(sku, lambda pipeline, holds: pipeline.hgetall(holds))
        return _holds(sku, value, fields)

    async def some(self, sku: str, most: int) -> SkuHolds:
        """The same of about so many entries, for those who cannot look through all.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        value, page = await self._read(
            sku, lambda pipeline, holds: pipeline.hscan(holds, 0, count=most)
        )
        if isinstance(page, Exception):
            return _holds(sku, value, page)
        cursor, fields = page
        return _holds(sku, value, fields, whole=cursor == 0)

    async def recount(self, sku: str, forget: Sequence[str] = ()) -> None:
        """Forget these entries, and add up anew what the others take.

        Raises:
            StoreUnavailableError: unknown whether it was done; doing it again is harmless.
        """
        await self._lane.run_all([step(self._keys, RECOUNT, sku, tuple(forget))], RECOUNT)

    async def _read(self, sku: str, entries: Callable[[Any, bytes], object]) -> tuple[Any, Any]:
        """The sum, and what is asked of the entries, as of one moment; errors in their place."""
        _, taken, holds, _ = self._keys.holds(sku)
        async with self._client.asking() as redis:
            pipeline = redis.pipeline(transaction=True)
            pipeline.get(taken)
            entries(pipeline, holds)
            value, found = await pipeline.execute(raise_on_error=False)
        return value, found


def _holds(sku: str, value: Any, fields: Any, *, whole: bool = True) -> SkuHolds:
    """What the store has replied, or how it has failed, of the sum and of the entries."""
    corrupt = sum(isinstance(reply, Exception) for reply in (value, fields))
    entries: dict[str, HoldEntry] = {}
    for field, entry in ({} if isinstance(fields, Exception) else fields).items():
        if field.startswith(b"#"):
            continue
        found = _entry(field, entry)
        if found is None:
            corrupt += 1
        elif found.units:
            entries[found.reservation] = found
    try:
        sums = decode_taken(value) if isinstance(value, bytes) else {}
    except CorruptValueError:
        sums, corrupt = {}, corrupt + 1
    return SkuHolds(sku, entries, sums, corrupt, whole)


def _entry(field: bytes, value: bytes) -> HoldEntry | None:
    """The entry; without units where it has ended, None where it is not ours."""
    try:
        state, revision, until_ms, _, *places = msgspec.msgpack.decode(value)
        units = {} if state == _ENDED else dict(zip(places[::2], places[1::2], strict=True))
        known = None if state in {_PENDING, _ENDED} else _STATES[state]
        return HoldEntry(field.decode(), known, int(revision), int(until_ms), units)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError, KeyError):
        return None
