"""The scripts of holds against a model: whatever comes, in whatever order, both say the same.

The model is what the headers of the scripts promise, in plain Python. The store's own clock decides
on both sides: every reply names the moment at which the script ran, and the model is told it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from gateway.domain.stock import Basis, Product, StockLevel
from gateway.store.bulk import Block
from gateway.store.codec import product_payload
from gateway.store.entries import PRODUCT_NAME, Flag, Op, pack_op
from gateway.store.hold_scripts import EXPIRE, HOLD, PIN, SETTLE
from gateway.store.holds import Outcome
from gateway.store.level_codec import level_payload
from tests.held_store import HeldStore, parted

SKUS = ("A", "a}{b")
LOCATIONS = ("W1", "W2", "Ö 3")
CUSTOMERS = ("", "C1", "C2")
LONG = 3_600_000
HELD, CONFIRMED, ACKNOWLEDGED, ENDED = 1, 3, 4, 5
REMEMBERED = 60_000
"""How long an absorbed order is remembered."""
PENDING, PINNED = 0, 2
Units = Mapping[str, int]


class Entry(msgspec.Struct, frozen=True):
    state: int
    revision: int
    until: int
    customer: str
    units: Units
    due: int | None

    def wire(self) -> list[int | str]:
        return [self.state, self.revision, self.until, self.customer, *_flat(self.units)]


class Level(msgspec.Struct, frozen=True):
    units: int
    stamp: int


class Model:
    """One SKU, as the headers of the scripts have it."""

    def __init__(self) -> None:
        self.levels: dict[str, Level] = {}
        self.product = True
        self.entries: dict[str, Entry] = {}

    def taken(self, location: str, stamp: int) -> int:
        return sum(
            entry.units.get(location, 0)
            for entry in self.entries.values()
            if entry.state != ENDED and (entry.state != ACKNOWLEDGED or entry.until > stamp)
        )

    def left(self, location: str) -> int | None:
        """What is left at a location, below zero too; None where the ERP has no figure."""
        level = self.levels.get(location)
        if level is None or not self.product:
            return None
        return level.units - self.taken(location, level.stamp)

    def open_holds(self) -> Counter[str]:
        return Counter(
            entry.customer
            for entry in self.entries.values()
            if entry.state in {PENDING, HELD, PINNED} and entry.customer
        )

    def looked_at(self, now: int) -> list[tuple[str, Entry]]:
        """What is due; those whose time is simply over go, the others are left."""
        due = sorted(
            (entry.due, name.encode(), name)
            for name, entry in self.entries.items()
            if entry.due is not None and entry.due <= now
        )
        left: list[tuple[str, Entry]] = []
        for _, _, name in due:
            if self.entries[name].state in {HELD, ENDED}:
                del self.entries[name]
            else:
                left.append((name, self.entries[name]))
        return left

    def hold(self, now: int, name: str, step: Hold) -> Outcome:
        if name in self.entries:
            ended = self.entries[name].state == ENDED
            return Outcome.SUPERSEDED if ended else Outcome.DONE
        if 0 < step.deadline < now:
            return Outcome.LATE
        self.looked_at(now)
        if step.customer and 0 < step.cap <= self.open_holds()[step.customer]:
            return Outcome.CAPPED
        for location, wanted in step.there.items():
            left = self.left(location)
            if wanted and (left is None or left < wanted):
                return Outcome.SHORT
        units = {
            location: wanted + step.awaited.get(location, 0)
            for location, wanted in step.there.items()
        }
        self.entries[name] = Entry(PENDING, 0, now, step.customer, units, now + step.pending)
        return Outcome.DONE

    def pin(self, now: int, name: str, step: Pin) -> Outcome:
        before = self.entries.get(name)
        if before and (before.state == ENDED or before.revision > step.revision):
            return Outcome.SUPERSEDED
        if step.until <= now and not (before and before.state == PINNED):
            self.entries.pop(name, None)
            return Outcome.OVER
        self.entries[name] = Entry(
            PINNED, step.revision, step.until, step.customer, step.units, now + step.pinned
        )
        return Outcome.DONE

    def settle(self, now: int, name: str, step: Settle) -> Outcome:
        before = self.entries.get(name)
        if before and before.revision >= step.revision:
            return Outcome.SUPERSEDED
        if step.only_pending and not before:
            return Outcome.OVER
        if step.state == ENDED:
            over = now + step.remember
            self.entries[name] = Entry(ENDED, step.revision, over, "", {}, over)
        elif step.state == HELD and step.until <= now:
            self.entries.pop(name, None)
        else:
            due = {HELD: step.until, ACKNOWLEDGED: now + step.remember}.get(step.state)
            self.entries[name] = Entry(
                step.state, step.revision, step.until, step.customer, step.units, due
            )
        return Outcome.DONE

    def expire(self, now: int, later: int) -> tuple[list[str], list[str]]:
        doubtful, absorbed = [], []
        for name, entry in self.looked_at(now):
            if entry.state in {PENDING, PINNED}:
                doubtful.append(name)
            elif entry.state == ACKNOWLEDGED and self.has_all(entry):
                absorbed.append(name)
                over = now + REMEMBERED
                self.entries[name] = Entry(ENDED, entry.revision, over, "", {}, over)
                continue
            self.entries[name] = msgspec.structs.replace(entry, due=now + later)
        return doubtful, absorbed

    def has_all(self, entry: Entry) -> bool:
        """Whether the ERP's figures have the order at each of its locations."""
        return self.product and all(
            location in self.levels and self.levels[location].stamp >= entry.until
            for location in entry.units
        )


class Hold(msgspec.Struct, frozen=True):
    pending: int
    deadline: int
    customer: str
    cap: int
    there: Units
    awaited: Units

    def arguments(self, name: str) -> list[str | int]:
        places: list[str | int] = []
        for location, units in self.there.items():
            places += (location, units, self.awaited.get(location, 0))
        return [name, self.pending, self.deadline, self.customer, self.cap, *places]


class Pin(msgspec.Struct, frozen=True):
    revision: int
    until: int
    pinned: int
    customer: str
    units: Units

    def arguments(self, name: str) -> list[str | int]:
        head = (name, self.revision, self.until, self.pinned, self.customer)
        return [*head, *_flat(self.units)]


class Settle(msgspec.Struct, frozen=True):
    revision: int
    state: int
    until: int
    customer: str
    remember: int
    only_pending: bool
    units: Units

    def arguments(self, name: str) -> list[str | int]:
        units = [] if self.state == ENDED else _flat(self.units)
        head = (name, self.revision, self.state, self.until, self.customer)
        return [*head, self.remember, int(self.only_pending), *units]


def _flat(units: Units) -> list[str | int]:
    return [part for pair in units.items() for part in pair]


Step = Hold | Pin | Settle
SCRIPTS = {Hold: HOLD, Pin: PIN, Settle: SETTLE}

# What the ledger lets a reservation become, from its first revision on.
LIVES = (
    (HELD, ENDED),
    (HELD, HELD, ENDED),
    (HELD, CONFIRMED, ENDED),
    (HELD, HELD, CONFIRMED, ACKNOWLEDGED),
    (HELD, CONFIRMED, ACKNOWLEDGED, ENDED),
    (ENDED,),
)
AMOUNTS = (0, 1, 500, 1000, 3000, 9000)
# Over already, over in a moment, or not while the test runs.
SPANS = (-1000, 10, 30, LONG, LONG)
WAITS = (0, 15, LONG, LONG)
STAMPS = (5, 100, 101, 200, 1_800_000_000_123)
FIGURES = (0, 1.5, 10, 1000)
AT_ONCE = 6
"""So many reservations that something happens to."""


class Known(msgspec.Struct, frozen=True):
    """What a reservation is for, and what becomes of it."""

    life: Sequence[int]
    units: Units
    customer: str
    acknowledged: int


class Walk:
    """Whatever may happen to two SKUs, by chance, on a real server and on the model."""

    def __init__(self, store: HeldStore, seed: int) -> None:
        self.store = store
        self.chance = random.Random(seed)
        self.now = 0
        self.version = 0
        self.models = {sku: Model() for sku in SKUS}
        self.ended: set[tuple[str, str]] = set()
        self.sent: list[tuple[str, str, Step]] = []
        self.known: dict[str, Known] = {}
        self.names: list[str] = []
        self.seen: Counter[object] = Counter()

    async def go(self, steps: int) -> None:
        for sku in SKUS:
            await self._write(sku, dict.fromkeys(LOCATIONS, (10, False, 0, 0)), 100)
        for _ in range(AT_ONCE):
            self._begin()
        happens = (
            *[self.hold] * 6,
            *[self.settle] * 6,
            *[self.pin] * 2,
            *[self.expire] * 3,
            *(self.arrive_again, self.arrive_twice_at_once, self.go_on_with_another),
            *(self.figures_come, self.a_level_is_deleted, self.a_product_comes_or_goes),
        )
        for _ in range(steps):
            sku = self.chance.choice(SKUS)
            await self.chance.choice(happens)(sku)
            await asyncio.gather(*map(self._compare, SKUS))

    def _begin(self) -> None:
        chance, name = self.chance, f"r_{len(self.known)}"
        places = chance.sample(LOCATIONS, chance.randint(1, 2))
        self.known[name] = Known(
            chance.choice(LIVES),
            {place: chance.choice(AMOUNTS) for place in places},
            chance.choice(CUSTOMERS),
            chance.choice(STAMPS),
        )
        self.names.append(name)

    async def go_on_with_another(self, sku: str) -> None:
        """One reservation is over, whatever it was, and another comes."""
        name = self.names.pop(self.chance.randrange(AT_ONCE))
        after = len(self.known[name].life) + 1
        for each in SKUS:
            await self._step(each, name, Settle(after, ENDED, 0, "", 15, False, {}))
        self._begin()

    async def hold(self, sku: str) -> None:
        chance, name = self.chance, self.chance.choice(self.names)
        known = self.known[name]
        awaited = chance.choice(({}, {}, {next(iter(known.units)): 700}))
        deadline = chance.choice((0, 0, 0, max(0, self.now - 1000)))
        cap, pending = chance.choice((0, 0, 1, 2)), chance.choice(WAITS)
        await self._step(
            sku, name, Hold(pending, deadline, known.customer, cap, known.units, awaited)
        )

    async def pin(self, sku: str) -> None:
        chance, name = self.chance, self.chance.choice(self.names)
        known = self.known[name]
        revision, until = chance.randint(1, len(known.life)), self.now + chance.choice(SPANS)
        step = Pin(revision, until, chance.choice(WAITS), known.customer, known.units)
        await self._step(sku, name, step)

    async def settle(self, sku: str) -> None:
        chance, name = self.chance, self.chance.choice(self.names)
        known = self.known[name]
        revision = chance.randint(1, len(known.life))
        state = known.life[revision - 1]
        until = {HELD: self.now + chance.choice(SPANS), ACKNOWLEDGED: known.acknowledged}
        ends = state == ENDED
        step = Settle(
            revision,
            state,
            until.get(state, 0),
            "" if ends else known.customer,
            chance.choice(WAITS),
            not ends and chance.random() < 0.3,
            {} if ends else known.units,
        )
        await self._step(sku, name, step)

    async def arrive_again(self, sku: str) -> None:
        if self.sent:
            await self._step(*self.chance.choice(self.sent[-40:]))

    async def arrive_twice_at_once(self, sku: str) -> None:
        if self.sent:
            sku, name, step = self.sent[-1]
            known = name in self.models[sku].entries
            before = await self.store.state(sku)
            outcome = await self._step(sku, name, step)
            if outcome is Outcome.SUPERSEDED or (known and isinstance(step, Hold)):
                assert await self.store.state(sku) == before

    async def expire(self, sku: str) -> None:
        later, asked = self.chance.choice(WAITS), self.chance.sample(self.names, 3)
        reply = await self.store.run(EXPIRE, sku, later, *asked)
        assert not isinstance(reply, Exception), reply
        self.now, following, *found = reply
        model = self.models[sku]
        expected = model.expire(self.now, later)
        assert tuple([name.decode() for name in some] for some in found) == expected
        self.seen.update(kind for kind, some in zip(("doubt", "gone"), found, strict=True) if some)
        due = [(name, model.entries[name].due) for name in asked if name in model.entries]
        told = [name.decode() for name in following[::2]]
        assert list(zip(told, following[1::2], strict=True)) == [
            (name, moment) for name, moment in due if moment is not None
        ]

    async def figures_come(self, sku: str) -> None:
        chance = self.chance
        figures = {
            location: (chance.choice(FIGURES), chance.random() < 0.5, 1.0, 0.5)
            for location in chance.sample(LOCATIONS, 2)
        }
        await self._write(sku, figures, chance.choice(STAMPS))

    async def a_level_is_deleted(self, sku: str) -> None:
        location = self.chance.choice(LOCATIONS)
        await self._put(sku, location, b"", 300, Flag.TOMB)
        self.models[sku].levels.pop(location, None)

    async def a_product_comes_or_goes(self, sku: str) -> None:
        there = self.chance.random() < 0.7
        payload = product_payload(Product()) if there else b""
        await self._put(sku, PRODUCT_NAME, payload, 300, 0 if there else Flag.TOMB)
        self.models[sku].product = there

    async def _compare(self, sku: str) -> None:
        model = self.models[sku]
        kept, salable = await asyncio.gather(self.store.state(sku), self.store.salable(sku))
        kept.check()
        entries, customers = parted(kept.hash)
        assert entries == {name: entry.wire() for name, entry in model.entries.items()}
        assert customers == model.open_holds()
        assert kept.looks == {
            name: entry.due for name, entry in model.entries.items() if entry.due is not None
        }
        if model.product:
            assert (salable or {}) == {name: max(0, model.left(name) or 0) for name in model.levels}
        else:
            assert salable is None
        for of_sku, name in self.ended:
            # Neither model nor sums are asked: what has ended takes nothing.
            assert of_sku != sku or (entries[name][0], entries[name][4:]) == (ENDED, [])

    async def _step(self, sku: str, name: str, step: Step) -> Outcome:
        model = self.models[sku]
        reply = await self.store.run(SCRIPTS[type(step)], sku, *step.arguments(name))
        assert not isinstance(reply, Exception), reply
        outcome, self.now = Outcome(reply[0]), reply[1]
        if isinstance(step, Hold):
            if outcome is Outcome.DONE and name not in model.entries:
                await self._was_there(sku, step)
            expected = model.hold(self.now, name, step)
            assert outcome is Outcome.SUPERSEDED or (sku, name) not in self.ended
        elif isinstance(step, Pin):
            expected = model.pin(self.now, name, step)
        else:
            expected = model.settle(self.now, name, step)
            if step.state == ENDED and outcome is Outcome.DONE:
                # As a rule it is remembered for as long as anything may come late.
                keep = self.ended.add if step.remember == LONG else self.ended.discard
                keep((sku, name))
        assert outcome is expected, step
        self.sent.append((sku, name, step))
        self.seen[type(step), outcome] += 1
        return outcome

    async def _was_there(self, sku: str, step: Hold) -> None:
        """What a hold took is not more than the ERP has, less all that is taken."""
        summary, model = await self.store.summary(sku), self.models[sku]
        assert model.product or not any(step.there.values())
        for location, wanted in step.there.items():
            if wanted:
                figure = model.levels[location]
                awaited = step.awaited.get(location, 0)
                assert figure.units - summary[location].still(figure.stamp) + awaited >= 0

    async def _write(
        self, sku: str, figures: Mapping[str, tuple[float, bool, float, float]], stamp: int
    ) -> None:
        for location, (quantity, on_hand, allocated, safety) in figures.items():
            level = StockLevel(
                round(quantity * 1000),
                Basis.ON_HAND if on_hand else Basis.AVAILABLE,
                round(allocated * 1000),
                round(safety * 1000),
            )
            await self._put(sku, location, level_payload(level), stamp, 0)
            self.models[sku].levels[location] = Level(
                level.quantity - (level.allocated if on_hand else 0) - level.safety_stock, stamp
            )

    async def _put(self, sku: str, name: str, payload: bytes, stamp: int, flags: int) -> None:
        self.version += 1
        operation = pack_op(Op.PUT, flags, 1, 0, self.version, stamp, name.encode(), payload)
        await self._written(sku, name, operation)

    async def _written(self, sku: str, name: str, operation: bytes) -> None:
        encoder = self.store.stocked._encoder
        place = encoder.place_of_stock(sku) if name else encoder.place_of_product(sku)

        async def blocks() -> Any:
            yield Block(1, encoder.put(place, [operation]))

        written = await self.store.stocked._writer.write(blocks())
        assert written.accepted == 1


@pytest.mark.no_cover  # the walk itself is most of it
@pytest.mark.parametrize("seed", range(2))
async def test_whatever_comes_in_whatever_order(held: HeldStore, seed: int) -> None:
    walk = Walk(held, seed)
    await walk.go(300)
    # A walk on which little happens would prove little.
    for outcome in (Outcome.DONE, Outcome.SHORT, Outcome.CAPPED, Outcome.SUPERSEDED):
        assert walk.seen[Hold, outcome]
    for outcome in (Outcome.DONE, Outcome.OVER, Outcome.SUPERSEDED):
        assert walk.seen[Pin, outcome]
        assert walk.seen[Settle, outcome]
    assert walk.seen["doubt"]
