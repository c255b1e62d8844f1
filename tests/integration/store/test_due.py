"""What is due, at real servers: found at its moment, once, and again for as long as it stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import StoreUnavailableError
from gateway.domain.reservations import Allocation, Reservation, ReservedLine, State
from gateway.store.client import StoreClient
from gateway.store.clock import StoreClock
from gateway.store.due import Due, DueIndex
from gateway.store.hold_scripts import HOLD, REINDEX, SETTLE
from gateway.store.holds import Outcome, Wanted
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.steps import step
from tests.held_store import HOUR, HeldStore, promised

KEYS = Keyspace("ss")
HOSTILE = [
    "a}{b",
    "*",
    "a:b",
    ":",
    "5:5",
    "#C1",
    "{}",
    "%7D",
    "a b",
    "r_1",
    "'; return 1 --",
    "ÄÖ€𝄞" * 16,
]


@pytest.fixture
async def other(held: HeldStore) -> AsyncIterator[HeldStore]:
    """Another worker at the same store."""
    async with HeldStore.opened(held.client) as store:
        yield store


@pytest.fixture
async def full(single_client: StoreClient) -> AsyncIterator[HeldStore]:
    async with HeldStore.opened(single_client) as store:
        yield store
        await single_client.redis.config_set("maxmemory", 0)


class SetClock(StoreClock):
    """A clock that stands where it was put."""

    def __init__(self, moment_ms: int) -> None:
        super().__init__(lambda: 0, lambda: moment_ms)

    def hear(self, moment_ms: int) -> None:
        pass


async def pending(store: HeldStore, name: str, sku: str = "A", doubt_ms: int = 0) -> None:
    """Hold a unit that is in doubt at once, and due."""
    index, now = store.due.at(name, [sku], 0), await store.now_ms()
    hold = step(KEYS, HOLD, sku, (name, doubt_ms, now + HOUR, "", 0, "W1", 1000, 0))
    _, held = await store.lane.run_all([index, hold])
    assert held.reply[0] == Outcome.DONE


async def now_passes(store: HeldStore) -> None:
    """The store's clock goes on, and ours has heard of it."""
    await store.passes(await store.now_ms())


async def looked(store: HeldStore) -> list[Due]:
    """What is found once anything is."""
    async with asyncio.timeout(20):
        while not (found := await store.due.look()):
            await asyncio.sleep(0.02)
            store.clock.hear(await store.now_ms())
    return found


async def index(store: HeldStore) -> dict[str, int]:
    found = await store.client.redis.zrange(KEYS.due, 0, -1, withscores=True)
    return {member.decode(): int(score) for member, score in found}


async def test_found_at_its_moment_and_not_before(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 5})
    await pending(held, "r_1")
    moment = 1_000_000_000
    await held.lane.run(held.due.at("r_1", ["A"], moment))
    before = await index(held)
    assert before == {"r_1:A": moment}
    early = DueIndex(KEYS, held.lane, SetClock(moment - 1))
    assert await early.look() == []
    assert await index(held) == before
    in_time = DueIndex(KEYS, held.lane, SetClock(moment))
    assert await in_time.look() == [Due("A", ["r_1"], [])]


async def test_a_reservation_is_due_at_all_of_its_skus_or_at_none(held: HeldStore) -> None:
    await held.lane.run(held.due.at("r_1", ["A", "B", "a:b"], 5))
    await held.lane.run(held.due.at("r_2", ["A"], 7))
    assert await index(held) == {"r_1:A": 5, "r_1:B": 5, "r_1:a:b": 5, "r_2:A": 7}
    await held.lane.run(held.due.never("r_1", ["A", "B", "a:b"]))
    assert await index(held) == {"r_2:A": 7}


async def test_a_hold_whose_time_is_over_is_given_back_by_looking_alone(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 5})
    assert await held.hold("r_1", 2000) is Outcome.DONE
    await held.holds.promise(promised("r_1", 2000, await held.now_ms() + 100))
    async with asyncio.timeout(20):
        while await held.summary("A"):
            assert await held.due.look() == []
            await asyncio.sleep(0.02)
            held.clock.hear(await held.now_ms())
    assert await held.salable("A") == {"W1": 5000}
    assert await held.entries("A") == ({}, {})
    await held.check("A")


async def test_two_who_look_at_once_name_it_once(held: HeldStore, other: HeldStore) -> None:
    skus = [f"SKU-{number}" for number in range(20)]
    for sku in skus:
        await held.stocked.stock(sku, {"W1": 5})
        await pending(held, f"r_{sku}", sku)
    await now_passes(held)
    await now_passes(other)
    found = await asyncio.gather(*(store.due.look() for store in (held, other, held, other)))
    named = [one.sku for some in found for one in some]
    assert sorted(named) == sorted(skus)
    assert await held.due.look() == []
    assert await other.due.look() == []


async def test_who_comes_while_another_looks_leaves_it_alone(
    held: HeldStore, other: HeldStore
) -> None:
    await held.stocked.stock("A", {"W1": 5})
    await pending(held, "r_1")
    await now_passes(held)

    class Dies(Lane):
        """Claims what it found, and is gone."""

        async def run_all(self, commands, script=None, **options):  # type: ignore[no-untyped-def]
            claims = [command for command in commands if command[0] != b"EVALSHA"]
            arrived = await super().run_all(claims, script, **options)
            if len(claims) != len(commands):
                raise StoreUnavailableError("gone")
            return arrived

    lane = Dies(held.client, KEYS)
    with pytest.raises(StoreUnavailableError):
        await DueIndex(KEYS, lane, held.clock).look()
    await lane.end()
    assert await other.due.look() == []
    (score,) = (await index(held)).values()
    assert score >= held.clock.now_ms()
    assert await looked(other) == [Due("A", ["r_1"], [])]


async def test_what_stays_in_doubt_is_named_again_and_again(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 5})
    await pending(held, "r_1")
    for _ in range(2):
        assert await looked(held) == [Due("A", ["r_1"], [])]
        assert len(await index(held)) == 1
        assert await held.due.look() == []
    assert await held.salable("A") == {"W1": 4000}
    await held.holds.end("r_1", ["A"])
    assert await held.salable("A") == {"W1": 5000}


async def test_an_order_stays_until_the_erps_figures_have_it(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 5})
    # StockedStore's figures are of moment 1.
    for name, moment in (("r_has", 1), ("r_waits", 2)):
        arguments = (name, 3, 4, moment, "", 0, 0, "W1", 1000)
        await held.lane.run_all(
            [held.due.at(name, ["A"], 0), step(KEYS, SETTLE, "A", arguments)], SETTLE
        )
    await now_passes(held)
    assert await looked(held) == [Due("A", [], ["r_has"])]
    entries, _ = await held.entries("A")
    assert {name: entry[0] for name, entry in entries.items()} == {"r_waits": 4, "r_has": 5}
    assert sorted(await index(held)) == ["r_has:A", "r_waits:A"]
    assert await held.salable("A") == {"W1": 4000}
    await held.check("A")


async def test_what_is_nowhere_is_looked_at_no_more(held: HeldStore) -> None:
    await held.lane.run(held.due.at("r_1", ["never stocked", "A"], 0))
    assert await held.due.look() == []
    assert await index(held) == {}


async def test_what_is_not_due_yet_stays_until_its_moment(held: HeldStore) -> None:
    until = await held.now_ms() + HOUR
    await held.holds.settle(promised("r_1", 1000, until))
    await held.lane.run(held.due.at("r_1", ["A"], 0))
    assert await held.due.look() == []
    assert await index(held) == {"r_1:A": until}


async def test_a_moment_that_is_given_meanwhile_counts(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 5})
    await pending(held, "r_1")
    await now_passes(held)
    later = held.clock.now_ms() + HOUR

    class Meanwhile(Lane):
        """Another gateway speaks before it is said when the entry is due next."""

        async def run_all(self, commands, script=None, **options):  # type: ignore[no-untyped-def]
            if script is REINDEX:
                await held.lane.run(held.due.at("r_1", ["A"], later))
            return await super().run_all(commands, script, **options)

    lane = Meanwhile(held.client, KEYS)
    assert await DueIndex(KEYS, lane, held.clock).look() == [Due("A", ["r_1"], [])]
    await lane.end()
    assert await index(held) == {"r_1:A": later}


async def test_many_due_at_one_sku_are_looked_at_together(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 5})
    for name in ("r_1", "r_2", "r_3"):
        await pending(held, name)
    await held.lane.run(held.due.never("r_3", ["A"]))
    await now_passes(held)
    (due,) = await held.due.look()
    assert sorted(due.doubtful) == ["r_1", "r_2", "r_3"]
    assert await held.due.look() == []
    assert sorted(await index(held)) == ["r_1:A", "r_2:A"]


async def test_more_skus_due_than_are_looked_at_in_one_go(held: HeldStore) -> None:
    skus = [f"SKU-{number}" for number in range(620)]
    over = await held.now_ms() + 2_000
    steps = [step(KEYS, SETTLE, sku, ("r_1", 1, 1, over, "", 0, 0, "W1", 1)) for sku in skus]
    await held.lane.run_all([held.due.at("r_1", skus, 0), *steps], SETTLE)
    taken = [KEYS.taken(sku) for sku in skus]
    assert None not in await held.client.get_many(taken)
    await held.passes(over)
    assert await held.due.look() == []
    assert await index(held) == {}
    assert set(await held.client.get_many(taken)) == {None}


async def test_more_of_one_sku_due_than_are_looked_at_in_one_go(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 1000})
    names = {f"r_{number}" for number in range(620)}
    for name in names:
        await pending(held, name)
    await now_passes(held)
    (due,) = await held.due.look()
    assert set(due.doubtful) == names
    # The rest of the index tells nothing new.
    assert await held.due.look() == []
    assert {member.partition(":")[0] for member in await index(held)} == names


@pytest.mark.parametrize("name", HOSTILE)
async def test_whatever_a_name_looks_like_it_touches_its_own(held: HeldStore, name: str) -> None:
    others = [other for other in HOSTILE if other != name]
    line = ReservedLine(name, 1000, (Allocation(name, 1000),))
    now = await held.now_ms()
    for sku in HOSTILE:
        await held.stocked.stock(sku, dict.fromkeys(HOSTILE, 5))
        wanted = [Wanted(sku, {name: (1000, 0)})]
        assert await held.holds.hold("r_all", wanted, name, 9) == [Outcome.DONE]
    before = [await held.state(other) for other in others]
    index_before = await index(held)
    await held.client.redis.delete(KEYS.due)
    reservation = Reservation("r_1", 1, State.HELD, now + HOUR, (line,), name, name, name)
    assert await held.holds.hold("r_1", [Wanted(name, {name: (1000, 0)})], name, 9) == [1]
    assert await held.holds.pin(reservation) == [Outcome.DONE]
    _, customers = await held.entries(name)
    assert customers == {name: 2}
    found = await held.salable(name)
    assert found == {place: 3000 if place == name else 5000 for place in HOSTILE}
    await held.client.redis.zadd(KEYS.holds(name)[3], {"r_1": 0})
    await held.lane.run(held.due.at("r_1", [name], 0))
    assert await held.due.look() == [Due(name, ["r_1"], [])]
    await held.holds.settle(reservation.next(State.RELEASED))
    await held.check(name)
    assert list(await index(held)) == [f"r_1:{name}"]
    assert index_before.keys() == {f"r_all:{sku}" for sku in HOSTILE}
    assert [await held.state(other) for other in others] == before


async def test_where_something_else_lies_the_others_are_looked_at(held: HeldStore) -> None:
    for sku in ("A", "B"):
        await held.stocked.stock(sku, {"W1": 5})
        await pending(held, f"r_{sku}", sku)
    before = await index(held)
    await held.client.redis.set(KEYS.holds("A")[3], b"not ours")
    await now_passes(held)
    assert await held.due.look() == [Due("B", ["r_B"], [])]
    assert held.due.corrupt == 1
    # And what lies under it is looked at once that is gone.
    assert (await index(held)).keys() == before.keys()


async def test_an_index_that_is_not_ours_is_told(held: HeldStore) -> None:
    await held.client.redis.set(KEYS.due, b"not ours")
    with pytest.raises(StoreUnavailableError):
        await held.due.look()


async def test_in_a_full_store_what_stays_is_not_forgotten(full: HeldStore) -> None:
    await full.stocked.stock("A", {"W1": 5})
    await pending(full, "r_1")
    await now_passes(full)
    await full.client.redis.config_set("maxmemory", 1)
    assert await full.due.look() == [Due("A", ["r_1"], [])]
    await full.client.redis.config_set("maxmemory", 0)
    assert await looked(full) == [Due("A", ["r_1"], [])]
