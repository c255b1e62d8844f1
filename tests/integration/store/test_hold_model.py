"""The scripts of holds against a model: whatever comes, in whatever order, both say the same.

The model is what the headers of the scripts promise, in plain Python. The store's own clock decides
on both sides: every reply names the moment at which the script ran, and the model is told it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.domain.stock import Basis, Product, StockLevel
from gateway.store.bulk import Block
from gateway.store.client import StoreClient
from gateway.store.codec import level_payload, product_payload
from gateway.store.entries import PRODUCT_NAME, Flag, Op, pack_op
from gateway.store.feeds import FeedRegister
from gateway.store.hold_scripts import EXPIRE, HOLD, PIN, SETTLE
from gateway.store.holds import Outcome
from gateway.store.keys import Keyspace
from tests.integration.store.test_holds import HeldStore, parted

SKUS = ("A", "a}{b")
LOCATIONS = ("W1", "W2", "Ö 3")
CUSTOMERS = ("", "C1", "C2")
LONG = 3_600_000
HELD, CONFIRMED, ACKNOWLEDGED, ENDED = 1, 3, 4, 5
PENDING, PINNED = 0, 2
MOST = 64
"""So many a hold looks at beside what it does; here are never more."""

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

    def looked_at(self, now: int, most: int) -> list[tuple[str, Entry]]:
        """The first that are due; those whose time is simply over go, the others are left."""
        due = sorted(
            (entry.due, name.encode(), name)
            for name, entry in self.entries.items()
            if entry.due is not None and entry.due <= now
        )
        left: list[tuple[str, Entry]] = []
        for _, _, name in due[:most]:
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
        self.looked_at(now, MOST)
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

    def expire(self, now: int, most: int, later: int) -> tuple[list[str], list[str]]:
        doubtful, absorbed = [], []
        for name, entry in self.looked_at(now, most):
            if entry.state in {PENDING, PINNED}:
                doubtful.append(name)
            elif entry.state == ACKNOWLEDGED and self.has_all(entry):
                absorbed.append(name)
                del self.entries[name]
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
NAMES = tuple(f"r_{number}" for number in range(7))
amounts = st.sampled_from((0, 1, 500, 1000, 3000, 9000))
places = st.dictionaries(st.sampled_from(LOCATIONS), amounts, min_size=1)
# Over already, over in a moment, or not while the test runs.
spans = st.sampled_from((-1000, 0, 2, 5, LONG, LONG, LONG))
waits = st.sampled_from((0, 3, LONG, LONG))
stamps = st.sampled_from((5, 100, 101, 200, 1_800_000_000_123))
names = st.sampled_from(NAMES)
skus = st.sampled_from(SKUS)


class HoldMachine(RuleBasedStateMachine):
    """Everything that may happen to two SKUs, on a real server and on the model."""

    runner: ClassVar[asyncio.Runner]
    client: ClassVar[StoreClient]

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.now = 0
        self.version = 0
        self.models = {sku: Model() for sku in SKUS}
        self.ended: set[tuple[str, str]] = set()
        self.touched: set[str] = set(SKUS)
        self.lives = {name: data.draw(st.sampled_from(LIVES)) for name in NAMES}
        self.units = {name: data.draw(places) for name in NAMES}
        self.customers = {name: data.draw(st.sampled_from(CUSTOMERS)) for name in NAMES}
        self.sent: list[tuple[str, str, Step]] = []
        self.acknowledged = {name: data.draw(stamps) for name in NAMES}
        self.opened: AbstractAsyncContextManager[HeldStore] = HeldStore.opened(self.client)
        self.store = self.runner.run(self._begun())
        for sku in SKUS:
            self._write(sku, dict.fromkeys(LOCATIONS, (10, False, 0, 0)), 100)

    async def _begun(self) -> HeldStore:
        await self.client.redis.flushall()
        await FeedRegister(self.client, Keyspace("ss")).name_epoch()
        return await self.opened.__aenter__()

    def teardown(self) -> None:
        if hasattr(self, "opened"):
            self.runner.run(self.opened.__aexit__(None, None, None))

    @rule(
        sku=skus,
        name=names,
        cap=st.integers(0, 3),
        pending=waits,
        late=st.booleans(),
        data=st.data(),
    )
    def hold(
        self, sku: str, name: str, cap: int, pending: int, late: bool, data: st.DataObject
    ) -> None:
        units = self.units[name]
        awaited = data.draw(st.sampled_from(({}, {next(iter(units)): 700})))
        deadline = max(0, self.now - 1000) if late else 0
        step = Hold(pending, deadline, self.customers[name], cap, units, awaited)
        self._step(sku, name, step)

    @rule(sku=skus, name=names, span=spans, pinned=waits, data=st.data())
    def pin(self, sku: str, name: str, span: int, pinned: int, data: st.DataObject) -> None:
        revision = data.draw(st.integers(1, len(self.lives[name])))
        customer, until = self.customers[name], self.now + span
        self._step(sku, name, Pin(revision, until, pinned, customer, self.units[name]))

    @rule(sku=skus, name=names, span=spans, wait=waits, pending=st.booleans(), data=st.data())
    def settle(
        self, sku: str, name: str, span: int, wait: int, pending: bool, data: st.DataObject
    ) -> None:
        revision = data.draw(st.integers(1, len(self.lives[name])))
        state = self.lives[name][revision - 1]
        until = {HELD: self.now + span, ACKNOWLEDGED: self.acknowledged[name]}.get(state, 0)
        step = Settle(
            revision,
            state,
            until,
            "" if state == ENDED else self.customers[name],
            # What has ended is remembered for as long as anything may come late.
            LONG if state == ENDED else wait,
            pending and state != ENDED,
            {} if state == ENDED else self.units[name],
        )
        self._step(sku, name, step)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def arrive_again(self, data: st.DataObject) -> None:
        self._step(*data.draw(st.sampled_from(self.sent)))

    @precondition(lambda self: self.sent)
    @rule()
    def arrive_twice_at_once(self) -> None:
        sku, name, step = self.sent[-1]
        known = name in self.models[sku].entries
        before = self.runner.run(self.store.state(sku))
        outcome = self._step(sku, name, step)
        if outcome is Outcome.SUPERSEDED or (known and isinstance(step, Hold)):
            assert self.runner.run(self.store.state(sku)) == before

    @rule(sku=skus, most=st.sampled_from((1, 2, 500)), later=waits)
    def expire(self, sku: str, most: int, later: int) -> None:
        reply = self.runner.run(self.store.run(EXPIRE, sku, most, later))
        assert not isinstance(reply, Exception), reply
        self.now, following, doubtful, absorbed = reply
        self.touched.add(sku)
        model = self.models[sku]
        expected = model.expire(self.now, most, later)
        assert ([name.decode() for name in doubtful], [name.decode() for name in absorbed]) == (
            expected
        )
        due = [entry.due for entry in model.entries.values() if entry.due is not None]
        assert following == min(due, default=-1)

    @rule(
        sku=skus,
        figures=st.dictionaries(
            st.sampled_from(LOCATIONS),
            st.tuples(st.sampled_from((0, 1.5, 10, 1000)), st.booleans(), st.just(1), st.just(0.5)),
            min_size=1,
        ),
        stamp=stamps,
    )
    def figures_come(
        self, sku: str, figures: dict[str, tuple[float, bool, int, float]], stamp: int
    ) -> None:
        self._write(sku, figures, stamp)

    @rule(sku=skus, location=st.sampled_from(LOCATIONS))
    def a_level_is_deleted(self, sku: str, location: str) -> None:
        self._put(sku, location, b"", 300, Flag.TOMB)
        self.models[sku].levels.pop(location, None)

    @rule(sku=skus, there=st.booleans())
    def a_product_is_deleted_or_comes_back(self, sku: str, there: bool) -> None:
        payload = product_payload(Product()) if there else b""
        self._put(sku, PRODUCT_NAME, payload, 300, 0 if there else Flag.TOMB)
        self.models[sku].product = there

    @invariant()
    def all_is_as_the_model_has_it(self) -> None:
        for sku in getattr(self, "touched", ()):
            self.runner.run(self._compare(sku))
        self.touched = set()

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

    def _step(self, sku: str, name: str, step: Step) -> Outcome:
        model = self.models[sku]
        reply = self.runner.run(self.store.run(SCRIPTS[type(step)], sku, *step.arguments(name)))
        assert not isinstance(reply, Exception), reply
        outcome, self.now = Outcome(reply[0]), reply[1]
        if isinstance(step, Hold):
            if outcome is Outcome.DONE and name not in model.entries:
                self.runner.run(self._was_there(sku, step))
            expected = model.hold(self.now, name, step)
            assert outcome is Outcome.SUPERSEDED or (sku, name) not in self.ended
        elif isinstance(step, Pin):
            expected = model.pin(self.now, name, step)
        else:
            expected = model.settle(self.now, name, step)
            if step.state == ENDED and outcome is Outcome.DONE:
                self.ended.add((sku, name))
        assert outcome is expected, step
        self.sent.append((sku, name, step))
        self.touched.add(sku)
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

    def _write(
        self, sku: str, figures: Mapping[str, tuple[float, bool, float, float]], stamp: int
    ) -> None:
        for location, (quantity, on_hand, allocated, safety) in figures.items():
            level = StockLevel(
                round(quantity * 1000),
                Basis.ON_HAND if on_hand else Basis.AVAILABLE,
                round(allocated * 1000),
                round(safety * 1000),
            )
            self._put(sku, location, level_payload(level), stamp, 0)
            self.models[sku].levels[location] = Level(
                level.quantity - (level.allocated if on_hand else 0) - level.safety_stock, stamp
            )

    def _put(self, sku: str, name: str, payload: bytes, stamp: int, flags: int) -> None:
        self.version += 1
        self.touched.add(sku)
        operation = pack_op(Op.PUT, flags, 1, 0, self.version, stamp, name.encode(), payload)
        self.runner.run(self._written(sku, name, operation))

    async def _written(self, sku: str, name: str, operation: bytes) -> None:
        encoder = self.store.stocked._encoder
        place = encoder.place_of_stock(sku) if name else encoder.place_of_product(sku)

        async def blocks() -> Any:
            yield Block(1, encoder.put(place, [operation]))

        written = await self.store.stocked._writer.write(blocks())
        assert written.accepted == 1


@pytest.fixture
def server(redis_url: str) -> Iterator[None]:
    with asyncio.Runner() as runner:
        client = StoreClient.connect(redis_url, deadline=5.0)
        HoldMachine.runner, HoldMachine.client = runner, client
        yield
        runner.run(client.close())


def test_whatever_comes_in_whatever_order(server: None) -> None:
    run_state_machine_as_test(
        HoldMachine,
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
