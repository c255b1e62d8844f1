"""The ERP of a world: what it has in stock, what it knows of orders, and how it tells the loaders.

It controls versions and stamps: records come late, twice and out of order, with stamps before, at
and after those of acknowledgements.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import aiohttp
import msgspec

from tests.faults.erp_records import Level, Word, moment, now_ms
from tests.faults.history import Kind, Op, Outcome, Underway
from tests.faults.world import CALLERS, SECRETS, World

LOCATIONS: Final = ("W1", "W2", "W3")
_CLIENT: Final = "erp"
_SECONDS: Final = 10.0
_TAKEN_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02


class Erp:
    """`stocked`: where each SKU lies. `most`: so many there are of one at one place at most."""

    def __init__(self, world: World, stocked: Mapping[str, Sequence[str]], most: int) -> None:
        self.stocked = dict(stocked)
        self.pushes = 0
        self._world = world
        self._chance = world.chance
        self._most = most
        self._levels: dict[tuple[str, str], list[Level]] = defaultdict(list)
        self._orders: dict[str, Sequence[str]] = {}
        self._first: dict[str, Word] = {}
        self._last: dict[str, Word] = {}
        self._behind: set[tuple[str, str]] = set()
        self._untold: list[Word] = []
        self._unanswered: list[str] = []
        self._losses = 0

    # What it tells.

    async def open(self) -> None:
        """Everything as snapshots, as after a loss; fails when the loaders do not take it."""
        places = [{"location": name, "priority": -at} for at, name in enumerate(LOCATIONS)]
        await self._snapshot("locations", places)
        await self._snapshot("products", [{"sku": sku} for sku in self.stocked])
        for sku, places_of in self.stocked.items():
            for location in places_of:
                if not self._levels[sku, location]:
                    self._next(sku, location)
        levels = [history[-1] for history in self._levels.values()]
        underway = [self._invoke(level) for level in levels]
        await self._snapshot("stock", [level.record for level in levels])
        for one in underway:
            one.answered(200)
        if self._last:  # an empty snapshot is refused, whatever of
            await self._snapshot("order_acks", [word.record for word in self._last.values()])

    async def update(
        self, sku: str, location: str, stamp_ms: int | None = None, quantity: int | None = None
    ) -> Op:
        """A new figure of one SKU at one location; by chance, and of now, where not given."""
        return await self._tell(self._next(sku, location, stamp_ms, quantity))

    async def repeat(self, sku: str, location: str) -> Op:
        """An old record once more, as a queue does that delivers late, or twice."""
        return await self._tell(self._chance.choice(self._levels[sku, location]))

    async def say(self, word: Word, *, by_gateway: bool = False) -> Op:
        """Tell what has become of an order; ends when a gateway has taken it in."""
        self._date(word)
        invoke = self._world.recorder.operation
        body = {"status": word.status}
        with invoke(_CLIENT, Kind.ERP_ACK, word.order_ref, body=body) as underway:
            if by_gateway:
                gateway = self._chance.choice(self._world.serving)
                url = f"{gateway.url}/v1/orders/{word.order_ref}/acknowledge"
                said = {"acknowledged_at": moment(word.stamp_ms), "status": word.status}
                status = await self._post(url, CALLERS[0], msgspec.json.encode(said))
                if status is None:
                    return underway.lost("no answer")
                return underway.answered(status)
            losses = self._losses
            status, _ = await self._push("order_acks", [word.record])
            if status == 200 and await self._taken(word.order_ref, losses):
                return underway.done()
            return underway.lost("nobody took it")

    # What it does.

    def ordered(self, order_ref: str, skus: Iterable[str]) -> None:
        """It will hear of this order, and say something of it sooner or later."""
        if order_ref not in self._orders:
            self._orders[order_ref] = list(skus)
            self._unanswered.append(order_ref)

    async def work(self, closing: asyncio.Event, pause: float = 0.03) -> None:
        """Go on till closing: figures, repetitions, words on orders; what is lost is said again."""
        async with asyncio.TaskGroup() as group:
            while not closing.is_set():
                group.create_task(self._something())
                await asyncio.sleep(self._chance.uniform(0, 2 * pause))

    async def finish(self) -> None:
        """Say all that was not heard, till it is."""
        async with asyncio.timeout(60):
            while self._untold or self._behind:
                await self.say_untold()
                for place in list(self._behind):
                    await self._tell(self._levels[place][-1])

    async def say_untold(self) -> None:
        """Say once more what was not heard."""
        untold, self._untold = self._untold, []
        async with asyncio.TaskGroup() as group:
            for word in untold:
                group.create_task(self._say(word))

    def lost(self) -> None:
        """The store was emptied: what lay in the inbox may have gone with it, and is told again."""
        self._losses += 1

    async def _something(self) -> None:
        dice = self._chance.random()
        sku = self._chance.choice(list(self.stocked))
        location = self._chance.choice(self.stocked[sku])
        if dice < 0.5:
            await self.update(sku, location, self._stamp(sku))
        elif dice < 0.62:
            await self.repeat(sku, location)
        elif dice < 0.68 and self._untold:
            await self.say_untold()
        elif self._unanswered:
            await self._say(self._decide(self._unanswered.pop(0)))
        elif dice < 0.9 and self._first:
            # The ERP thinks better of an order that it had taken.
            ref = self._chance.choice(list(self._first))
            if self._chance.random() < 0.1:
                self._untold = [word for word in self._untold if word.order_ref != ref]
                await self._say(Word(ref, "cancelled", now_ms()))

    def _decide(self, order_ref: str) -> Word:
        status = "accepted" if self._chance.random() < 0.8 else "cancelled"
        stamps = [now_ms(), now_ms() - self._chance.randrange(2000)]
        stamps += [
            self._levels[sku, location][-1].stamp_ms
            for sku in self._orders[order_ref]
            for location in self.stocked[sku]
        ]
        return Word(order_ref, status, self._chance.choice(stamps))

    def _stamp(self, sku: str) -> int:
        """Now, or by chance the very moment of some order of it, or just before or after."""
        stamps = [word.stamp_ms for ref, word in self._first.items() if sku in self._orders[ref]]
        if stamps and self._chance.random() < 0.3:
            return stamps[-1] + self._chance.choice((-1, 0, 1))
        return now_ms()

    async def _say(self, word: Word) -> None:
        op = await self.say(word, by_gateway=self._chance.random() < 0.3)
        if op.outcome is not Outcome.OK:
            self._untold.append(word)

    def _date(self, word: Word) -> None:
        self._last[word.order_ref] = word
        if word.order_ref in self._first:
            return
        self._first[word.order_ref] = word
        for sku in self._orders[word.order_ref]:
            for location in self.stocked[sku]:
                for level in self._levels[sku, location]:
                    if level.stamp_ms >= word.stamp_ms:
                        level.includes.append(word.order_ref)

    def _next(
        self, sku: str, location: str, stamp_ms: int | None = None, quantity: int | None = None
    ) -> Level:
        history = self._levels[sku, location]
        # An ERP that dates a later version before an earlier one contradicts itself.
        stamp = max(
            now_ms() if stamp_ms is None else stamp_ms, *(one.stamp_ms for one in history[-1:]), 0
        )
        includes = [
            ref
            for ref, word in self._first.items()
            if sku in self._orders[ref] and word.stamp_ms <= stamp
        ]
        if quantity is None:
            quantity = self._chance.randint(0, self._most)
        level = Level(sku, location, len(history) + 1, quantity, stamp, includes)
        history.append(level)
        return level

    # How.

    def _invoke(self, level: Level) -> Underway:
        return self._world.recorder.invoke(_CLIENT, Kind.ERP_STOCK, level.sku, body=level.body)

    async def _tell(self, level: Level) -> Op:
        underway = self._invoke(level)
        place = (level.sku, level.location)
        self._behind.add(place)
        status, answer = await self._push("stock", [level.record])
        if status is None:
            return underway.lost("no answer")
        if answer.get("quarantined"):
            raise RuntimeError(f"quarantined: {answer}")
        if status == 200 and level is self._levels[place][-1]:
            self._behind.discard(place)
        return underway.answered(status)

    async def _snapshot(self, kind: str, records: Sequence[Mapping[str, Any]]) -> None:
        lines = [*records, {"end": True, "count": len(records)}]
        async with asyncio.timeout(60):
            while True:
                status, answer = await self._push(kind, lines, mode="snapshot")
                if status == 200:
                    break
                await asyncio.sleep(_POLL_SECONDS)
        if answer.get("quarantined"):
            raise RuntimeError(f"the snapshot of {kind} was not taken: {answer}")

    async def _push(
        self, kind: str, records: Sequence[Mapping[str, Any]], mode: str = "delta"
    ) -> tuple[int | None, dict[str, Any]]:
        self.pushes += 1
        url = f"{self._world.ingest}/ingest/{kind}?mode={mode}"
        body = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        found: dict[str, Any] = {}
        status = await self._post(url, "erp", body, found)
        return status, found

    async def _post(
        self, url: str, caller: str, body: bytes, answer: dict[str, Any] | None = None
    ) -> int | None:
        headers = {"Authorization": f"Bearer {SECRETS[caller]}", "Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with self._world.session.post(
                url, data=body, headers=headers, timeout=timeout
            ) as response:
                raw = await response.read()
                if answer is not None and raw:
                    answer.update(msgspec.json.decode(raw))
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def _taken(self, order_ref: str, losses: int) -> bool:
        """Whether a gateway took it out of the inbox; not where the store was emptied."""
        end = time.monotonic() + _TAKEN_SECONDS
        while time.monotonic() < end:
            waiting = await self._world.waits_in_inbox(order_ref)
            if losses != self._losses:
                return False
            if waiting is False:
                return True
            await asyncio.sleep(_POLL_SECONDS)
        return False
