"""A store in which holds are taken, with all that a test asks of it: entries, sums, moments."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from gateway.domain.absorption import Taken
from gateway.domain.reservations import Allocation, Reservation, ReservedLine, State
from gateway.store.client import StoreClient
from gateway.store.clock import StoreClock
from gateway.store.due import DueIndex
from gateway.store.hold_scripts import Script
from gateway.store.holds import Holds, Outcome, Wanted
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.steps import step
from gateway.store.stock import StockStore
from gateway.store.taken_codec import decode_taken
from tests.stocked_store import StockedStore

HOUR = 3_600_000
ENDED = 5
ACKNOWLEDGED = 4
OPEN = {0, 1, 2}

Entry = list[Any]


def local_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class HeldStore:
    """A store in which holds may be judged, and all that a test asks of it."""

    def __init__(self, client: StoreClient) -> None:
        self.client = client
        self.keys = Keyspace("ss")
        self.lane = Lane(client, self.keys)
        self.clock = StoreClock(local_ms, wall_ms)
        self.due = DueIndex(self.keys, self.lane, self.clock)
        self.unproved = 0
        self.holds = Holds(client, self.keys, self.lane, self.due, self.clock, self._on_unproved)
        self.stocked = StockedStore(client)
        self.stock = StockStore(client, self.keys, self.lane)

    @classmethod
    @asynccontextmanager
    async def opened(cls, client: StoreClient, *, proved: bool = True) -> AsyncIterator[HeldStore]:
        store = cls(client)
        await store.stocked.verify(1)
        try:
            if proved:
                await store.prove()
            yield store
        finally:
            await store.lane.end()

    def _on_unproved(self) -> None:
        self.unproved += 1

    async def prove(self) -> None:
        epoch = await self.holds.epoch()
        assert epoch is not None
        await self.holds.prove(epoch)

    async def now_ms(self) -> int:
        seconds, microseconds = await self.client.redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def passes(self, moment_ms: int) -> None:
        """The store's clock goes beyond a moment, and ours has heard of it."""
        async with asyncio.timeout(20):
            while True:
                now = await self.now_ms()
                if now > moment_ms:
                    break
                await asyncio.sleep(0.001)
        self.clock.hear(now)

    async def run(self, script: Script, sku: str, *arguments: bytes | str | int) -> Any:
        """What a script says at one SKU, whatever it is."""
        (arrived,) = await self.lane.run_all([step(self.keys, script, sku, arguments)], script)
        return arrived.reply

    async def hold(
        self, name: str, units: int, customer: str | None = None, cap: int = 0, sku: str = "A"
    ) -> Outcome:
        """Take so much at W1."""
        wanted = [Wanted(sku, {"W1": (units, 0)})]
        (outcome,) = await self.holds.hold(name, wanted, customer, cap)
        return outcome

    async def entries(self, sku: str) -> tuple[dict[str, Entry], dict[str, int]]:
        """The entries at a SKU by reservation, and the open holds of each customer."""
        return parted(await self.client.redis.hgetall(self.keys.holds(sku)[2]))

    async def summary(self, sku: str) -> Mapping[str, Taken]:
        value = await self.client.redis.get(self.keys.taken(sku))
        return {} if value is None else decode_taken(value)

    async def salable(self, sku: str) -> dict[str, int] | None:
        """What is salable at each location; None where nothing is known of the SKU."""
        (found,) = (await self.stock.read([sku])).stock
        if found is None:
            return None
        return {name: level.salable() for name, level in found.levels.items()}

    async def state(self, sku: str) -> Kept:
        """Everything that is kept of a SKU's holds."""
        redis, (_, taken, entries, looks) = self.client.redis, self.keys.holds(sku)
        found, held, due = await asyncio.gather(
            redis.get(taken), redis.hgetall(entries), redis.zrange(looks, 0, -1, withscores=True)
        )
        return Kept(found, held, {name.decode(): int(score) for name, score in due})

    async def check(self, sku: str) -> None:
        """The sums are those of the entries, and nothing is below zero."""
        (await self.state(sku)).check()


class Kept(msgspec.Struct, frozen=True):
    """What is kept of a SKU's holds: the sum, the entries, and when each is looked at again."""

    taken: bytes | None
    hash: Mapping[bytes, bytes]
    looks: Mapping[str, int]

    def summary(self) -> Mapping[str, Taken]:
        return {} if self.taken is None else decode_taken(self.taken)

    def check(self) -> None:
        entries, customers = parted(self.hash)
        open_holds = Counter(
            entry[3] for entry in entries.values() if entry[0] in OPEN and entry[3]
        )
        assert customers == open_holds
        assert flat(self.summary()) == added_up(entries.values())
        assert self.taken is None or self.summary()
        assert self.looks.keys() <= entries.keys()


def parted(fields: Mapping[bytes, bytes]) -> tuple[dict[str, Entry], dict[str, int]]:
    """The entries by reservation, and the open holds of each customer."""
    named = {name.decode(): value for name, value in fields.items()}
    customers = {name[1:]: int(value) for name, value in named.items() if name[0] == "#"}
    entries = {
        name: msgspec.msgpack.decode(value) for name, value in named.items() if name[0] != "#"
    }
    return entries, customers


def flat(summary: Mapping[str, Taken]) -> dict[tuple[str, int | None], int]:
    """Units by location and moment of acknowledgement; each once, and none that is empty."""
    units: dict[tuple[str, int | None], int] = {}
    for location, taken in summary.items():
        parts = [(location, order.from_ms) for order in taken.acknowledged]
        assert len(set(parts)) == len(parts)
        assert taken.units >= 0
        assert all(order.units > 0 for order in taken.acknowledged)
        assert taken.units or taken.acknowledged
        units.update({(location, order.from_ms): order.units for order in taken.acknowledged})
        if taken.units:
            units[location, None] = taken.units
    return units


def added_up(entries: Iterable[Entry]) -> dict[tuple[str, int | None], int]:
    units: Counter[tuple[str, int | None]] = Counter()
    for state, _, until, _, *places in entries:
        for location, taken in zip(places[::2], places[1::2], strict=True):
            assert state != ENDED
            units[location, until if state == ACKNOWLEDGED else None] += taken
    return {place: taken for place, taken in units.items() if taken}


def line(sku: str, units: int) -> ReservedLine:
    return ReservedLine(sku, units, (Allocation("W1", units),))


def promised(name: str, units: int, expires_ms: int, *skus: str) -> Reservation:
    lines = tuple(line(sku, units) for sku in skus or ("A",))
    return Reservation(name, 1, State.HELD, expires_ms, lines, "web", "shop", "C1")
