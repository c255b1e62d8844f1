"""Holds at real servers: taken by many at once, judged only when proved, kept whatever breaks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import NotReadyError, StoreFullError, StoreUnavailableError
from gateway.domain.reservations import State
from gateway.store.client import StoreClient
from gateway.store.entries import FORMAT, Op, pack_op
from gateway.store.hold_scripts import EXPIRE, HOLD, PIN, SETTLE
from gateway.store.holds import Outcome, Wanted
from gateway.store.steps import step
from tests.held_store import (
    ACKNOWLEDGED,
    HOUR,
    HeldStore,
    promised,
)


@pytest.fixture
async def unproved(client: StoreClient) -> AsyncIterator[HeldStore]:
    # What earlier tests told the server, it would know still.
    await client.redis.script_flush()
    async with HeldStore.opened(client, proved=False) as store:
        yield store


@pytest.fixture
async def full(single_client: StoreClient) -> AsyncIterator[HeldStore]:
    """A store that a test may fill up."""
    async with HeldStore.opened(single_client) as store:
        yield store
        await single_client.redis.config_set("maxmemory", 0)


async def test_of_two_hundred_at_once_as_many_get_some_as_there_are(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 50})
    outcomes = await asyncio.gather(*(held.hold(f"r_{n}", 1000) for n in range(200)))
    assert Counter(outcomes) == {Outcome.DONE: 50, Outcome.SHORT: 150}
    assert await held.salable("A") == {"W1": 0}
    await held.check("A")


async def test_several_skus_at_once_are_each_judged_by_themselves(held: HeldStore) -> None:
    stock = {"A": 30, "B": 20, "}{": 0.5}
    for sku, units in stock.items():
        await held.stocked.stock(sku, {"W1": units})
    wanted = [Wanted(sku, {"W1": (500, 0)}) for sku in stock]
    found = await asyncio.gather(*(held.holds.hold(f"r_{n}", wanted, None, 0) for n in range(100)))
    for place, (sku, units) in enumerate(stock.items()):
        assert Counter(outcomes[place] for outcomes in found)[Outcome.DONE] == units * 2
        await held.check(sku)


async def test_a_customer_at_the_cap_gets_no_more_however_many_are_asked_at_once(
    held: HeldStore,
) -> None:
    await held.stocked.stock("A", {"W1": 1000})
    asked = [(f"r_{n}", f"C{n % 3}") for n in range(90)]
    outcomes = await asyncio.gather(*(held.hold(name, 1000, whose, 5) for name, whose in asked))
    done = Counter(
        whose
        for (_, whose), outcome in zip(asked, outcomes, strict=True)
        if outcome is Outcome.DONE
    )
    assert done == {"C0": 5, "C1": 5, "C2": 5}
    assert set(outcomes) == {Outcome.DONE, Outcome.CAPPED}
    assert await held.hold("r_nobody", 1000, None, 5) is Outcome.DONE
    await held.check("A")


async def test_where_a_hold_was_given_back_the_cap_has_room(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    assert await held.hold("r_1", 1000, "C1", 1) is Outcome.DONE
    assert await held.hold("r_2", 1000, "C1", 1) is Outcome.CAPPED
    await held.holds.end("r_1", ["A"])
    assert await held.hold("r_2", 1000, "C1", 1) is Outcome.DONE


async def test_all_that_is_there_may_be_held_and_not_a_thousandth_more(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    assert await held.hold("r_1", 4000) is Outcome.DONE
    assert await held.hold("r_2", 6001) is Outcome.SHORT
    assert await held.hold("r_3", 6000) is Outcome.DONE
    assert await held.hold("r_4", 1) is Outcome.SHORT


async def test_what_lapsed_is_there_for_the_next_without_anybody_looking(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    until = await held.now_ms() + 300
    await held.holds.settle(promised("r_1", 10_000, until))
    assert await held.hold("r_2", 1) is Outcome.SHORT
    await held.passes(until)
    assert await held.hold("r_2", 10_000) is Outcome.DONE
    assert list((await held.entries("A"))[0]) == ["r_2"]
    await held.check("A")


@pytest.mark.parametrize(("moment", "outcome"), [(1, Outcome.DONE), (2, Outcome.SHORT)])
async def test_a_hold_counts_an_order_until_the_figure_is_as_new(
    held: HeldStore, moment: int, outcome: Outcome
) -> None:
    await held.stocked.stock("A", {"W1": 10})  # a figure of moment 1
    await held.run(SETTLE, "A", "r_1", 3, ACKNOWLEDGED, moment, "", HOUR, 0, "W1", 1000)
    assert await held.hold("r_2", 10_000) is outcome


async def test_one_life_from_hold_to_the_erps_own_figure(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    assert await held.hold("r_1", 4000, "C1", 5) is Outcome.DONE
    first = promised("r_1", 4000, await held.now_ms() + HOUR)
    assert await held.holds.promise(first)
    assert await held.holds.pin(first) == [Outcome.DONE]
    confirmed = first.next(State.CONFIRMED, order_ref="O1")
    assert await held.holds.settle(confirmed) == {"A": Outcome.DONE}
    assert await held.salable("A") == {"W1": 6000}
    # StockedStore's figures are of moment 1.
    await held.holds.settle(confirmed.next(State.ACKNOWLEDGED, acknowledged_ms=2))
    assert await held.salable("A") == {"W1": 6000}
    await held.holds.settle(confirmed.next(State.ACKNOWLEDGED, acknowledged_ms=1))
    assert await held.salable("A") == {"W1": 6000}
    again = confirmed.next(State.ACKNOWLEDGED).next(State.ACKNOWLEDGED, acknowledged_ms=1)
    await held.holds.settle(again)
    assert await held.salable("A") == {"W1": 10_000}
    await held.check("A")


async def test_what_has_ended_is_not_held_again(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    await held.holds.end("r_1", ["A"])
    assert await held.hold("r_1", 1000) is Outcome.SUPERSEDED
    first = promised("r_1", 1000, await held.now_ms() + HOUR)
    assert await held.holds.settle(first) == {"A": Outcome.SUPERSEDED}
    assert await held.holds.pin(first) == [Outcome.SUPERSEDED]
    assert await held.salable("A") == {"W1": 10_000}


async def test_what_the_store_has_lost_is_not_promised(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    await held.stocked.stock("B", {"W1": 10})
    assert await held.hold("r_1", 1000) is Outcome.DONE
    first = promised("r_1", 1000, await held.now_ms() + HOUR, "A", "B")
    assert not await held.holds.promise(first)
    assert await held.entries("B") == ({}, {})
    assert await held.summary("B") == {}


async def test_an_order_stays_however_long_ago_its_hold_would_have_been_over(
    held: HeldStore,
) -> None:
    await held.stocked.stock("A", {"W1": 10})
    order = promised("r_1", 1000, await held.now_ms() - HOUR).next(State.CONFIRMED)
    assert await held.holds.settle(order) == {"A": Outcome.DONE}
    assert await held.holds.pin(order) == [Outcome.DONE]
    assert await held.salable("A") == {"W1": 9000}


async def test_a_hold_that_was_sent_too_long_ago_is_not_done(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    assert await held.hold("r_0", 1000) is Outcome.DONE
    held.clock.hear(await held.now_ms() - HOUR)
    assert await held.hold("r_1", 1000) is Outcome.LATE
    held.clock.hear(await held.now_ms() - HOUR)
    assert await held.hold("r_0", 1000) is Outcome.DONE
    assert await held.salable("A") == {"W1": 9000}


async def test_restored_into_an_unproved_store_what_was_promised_counts(
    unproved: HeldStore,
) -> None:
    await unproved.stocked.stock("A", {"W1": 10})
    now = await unproved.now_ms()
    over = promised("r_over", 1000, now - 1)
    ended = promised("r_ended", 1000, now + HOUR).next(State.RELEASED)
    await unproved.holds.restore(
        [promised(f"r_{n}", 1000, now + HOUR) for n in range(3)] + [over, ended]
    )
    assert await unproved.salable("A") == {"W1": 7000}
    await unproved.check("A")


async def refused(store: HeldStore) -> None:
    before = store.unproved, await store.state("A")
    with pytest.raises(NotReadyError):
        await store.hold("r_refused", 1000)
    assert (store.unproved - 1, await store.state("A")) == before


async def test_a_server_that_was_not_proved_judges_nothing(unproved: HeldStore) -> None:
    await unproved.stocked.stock("A", {"W1": 10})
    assert not await unproved.holds.is_restored()
    await refused(unproved)
    await unproved.prove()
    assert await unproved.holds.is_restored()
    assert await unproved.hold("r_1", 1000) is Outcome.DONE
    await unproved.client.redis.script_flush()
    assert not await unproved.holds.is_restored()
    await refused(unproved)
    await unproved.prove()
    assert await unproved.hold("r_2", 1000) is Outcome.DONE


async def test_all_but_holding_needs_no_proof_of_the_server(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    await held.holds.settle(promised("r_1", 1000, await held.now_ms() + HOUR))
    await held.client.redis.script_flush()
    assert await held.holds.pin(promised("r_1", 1000, await held.now_ms() + HOUR)) == [1]
    await held.client.redis.script_flush()
    await held.holds.settle(promised("r_2", 1000, await held.now_ms() + HOUR))
    await held.client.redis.script_flush()
    moment, following, doubtful, absorbed = await held.run(EXPIRE, "A", 1000, "r_2", "r_none")
    assert (following[0], doubtful, absorbed) == (b"r_2", [], [])
    assert following[1] > moment
    await held.check("A")
    for script in (PIN, SETTLE, EXPIRE):
        await held.client.redis.script_load(script.text)
    await refused(held)


@pytest.mark.parametrize("restored", [None, b"another epoch"])
async def test_in_an_epoch_for_which_holds_are_not_restored_nothing_is_judged(
    held: HeldStore, restored: bytes | None
) -> None:
    await held.stocked.stock("A", {"W1": 10})
    first = promised("r_1", 1000, await held.now_ms() + HOUR)
    await held.holds.settle(first)
    if restored is None:
        await held.client.redis.delete(held.keys.restored)
    else:
        await held.client.redis.set(held.keys.restored, restored)
    assert not await held.holds.is_restored()
    for call in (held.hold("r_2", 1000), held.holds.pin(first), held.holds.settle(first)):
        with pytest.raises(NotReadyError):
            await call
    assert held.unproved == 3
    # What holds took while it was doubted is pending, and will be given back.
    await held.check("A")


async def test_a_full_store_holds_nothing_and_lets_go_of_what_it_has(full: HeldStore) -> None:
    await full.stocked.stock("A", {"W1": 10})
    now = await full.now_ms()
    for name in ("r_1", "r_2", "r_3"):
        assert await full.hold(name, 1000, "C1", 5) is Outcome.DONE
    await full.holds.settle(promised("r_2", 1000, now + HOUR))
    await full.client.redis.config_set("maxmemory", 1)
    before = await full.state("A")
    with pytest.raises(StoreFullError):
        await full.hold("r_4", 1000, "C1", 5)
    assert await full.state("A") == before
    assert await full.holds.promise(promised("r_1", 1000, now + HOUR))
    await full.holds.settle(promised("r_1", 1000, now).next(State.RELEASED))
    await full.holds.end("r_3", ["A"])
    assert await full.holds.settle(promised("r_2", 1000, now).next(State.CONFIRMED)) == {"A": 1}
    assert (await full.run(EXPIRE, "A", 1000))[2:] == [[], []]
    assert await full.salable("A") == {"W1": 9000}
    await full.check("A")


@pytest.mark.parametrize("place", range(4))
async def test_what_is_not_ours_at_one_of_its_keys_raises_nothing_unknown(
    held: HeldStore, place: int
) -> None:
    await held.stocked.stock("A", {"W1": 10})
    key = held.keys.holds("A")[place]
    await held.client.redis.delete(key)
    await held.client.redis.rpush(key, b"not", b"ours")
    first = promised("r_1", 1000, await held.now_ms() + HOUR)
    calls = (
        held.hold("r_1", 1000),
        held.holds.promise(first),
        held.holds.pin(first),
        held.holds.settle(first),
        held.holds.end("r_1", ["A"]),
    )
    judged, *others = await asyncio.gather(*calls, return_exceptions=True)
    assert judged is Outcome.SHORT if place == 0 else type(judged) is StoreUnavailableError
    for outcome in others:
        assert not isinstance(outcome, BaseException) or type(outcome) is StoreUnavailableError
    assert await held.due.look() == []
    (found,) = (await held.stock.read(["A"])).stock
    assert (found is None) is (place == 0)


@pytest.mark.parametrize("garbage", [b"garbage", b"\xc1", b"\x05", b"\x91\x05"])
async def test_a_sum_that_is_not_ours_is_a_miss_and_nothing_is_held(
    held: HeldStore, garbage: bytes
) -> None:
    await held.stocked.stock("A", {"W1": 10})
    await held.client.redis.set(held.keys.taken("A"), garbage)
    with pytest.raises(StoreUnavailableError):
        await held.hold("r_1", 1000)
    assert await held.salable("A") is None
    assert held.stock.corrupt == 1


@pytest.mark.parametrize("call", ["pin", "settle"])
async def test_where_the_moments_are_not_ours_nothing_is_half_done(
    held: HeldStore, call: str
) -> None:
    await held.stocked.stock("A", {"W1": 10})
    looks = held.keys.holds("A")[3]
    await held.client.redis.rpush(looks, b"not ours")
    first = promised("r_1", 1000, await held.now_ms() + HOUR)
    with pytest.raises(StoreUnavailableError):
        await (held.holds.pin(first) if call == "pin" else held.holds.settle(first))
    await held.client.redis.delete(looks)
    await held.check("A")
    await held.holds.settle(first)
    assert await held.salable("A") == {"W1": 9000}


async def test_where_the_figures_are_not_ours_nothing_is_half_done(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    figures = await held.client.redis.get(held.keys.sku("A"))
    until = await held.now_ms() + 300
    await held.run(SETTLE, "A", "r_1", 1, 1, until, "C1", 0, 0, "W1", 2000)
    damaged = FORMAT + pack_op(Op.PUT, 0, 1, 0, 1, 5, b"W1", b"\xc1")[1:]
    await held.client.redis.set(held.keys.sku("A"), damaged)
    await held.passes(until)
    assert await held.hold("r_2", 1000) is Outcome.SHORT
    await held.client.redis.set(held.keys.sku("A"), figures)
    await held.check("A")


async def test_where_nothing_can_be_restored_is_told(unproved: HeldStore) -> None:
    await unproved.client.redis.rpush(unproved.keys.taken("A"), b"not ours")
    order = promised("r_1", 1000, await unproved.now_ms() + HOUR)
    assert await unproved.holds.restore([order]) == {"A"}
    await unproved.holds.clear(["A"])
    assert await unproved.holds.restore([order]) == set()


async def test_a_late_step_of_an_absorbed_order_takes_nothing(held: HeldStore) -> None:
    await held.stocked.stock("A", {"W1": 10})
    order = promised("r_1", 1000, await held.now_ms() + HOUR).next(State.CONFIRMED)
    await held.holds.settle(order)
    await held.run(SETTLE, "A", "r_1", 3, ACKNOWLEDGED, 1, "C1", 0, 0, "W1", 1000)
    assert (await held.run(EXPIRE, "A", 1000))[3] == [b"r_1"]
    await held.holds.settle(order)
    assert await held.salable("A") == {"W1": 10_000}


async def commands(store: HeldStore) -> Counter[str]:
    found = await store.client.redis.info("commandstats")
    return Counter({name: stats["calls"] for name, stats in found.items()})


@pytest.mark.parametrize("name", ["hold", "pin", "settle", "expire"])
async def test_a_step_among_many_holds_costs_what_it_costs_among_few(
    single_client: StoreClient, name: str
) -> None:
    async with HeldStore.opened(single_client) as store:
        await store.stocked.stock("A", {"W1": 10_000})
        until = await store.now_ms() + HOUR
        steps = {
            "hold": (HOLD, ("{}", HOUR, 0, "C1", 0, "W1", 1000, 0)),
            "pin": (PIN, ("r_0", 1, until, HOUR, "C1", "W1", 1000)),
            "settle": (SETTLE, ("{}", 2, 3, 0, "C1", HOUR, 0, "W1", 1000)),
            "expire": (EXPIRE, (1000, "r_0", "{}")),
        }
        script, arguments = steps[name]

        async def cost(once: str) -> Counter[str]:
            named = [once if argument == "{}" else argument for argument in arguments]
            before = await commands(store)
            assert not isinstance(await store.run(script, "A", *named), Exception)
            spent = await commands(store)
            spent.subtract(before)
            return +spent

        for early in ("r_0", "r_00"):
            await store.run(SETTLE, "A", early, 1, 1, until, "C1", 0, 0, "W1", 1000)
        _ = await cost("r_warm"), await cost("r_warmer")
        few = await cost("r_few")
        # None of them is due while this is counted.
        head, places = (HOUR, 0, "C1", 0), ("W1", 1000, 0)
        many = [step(store.keys, HOLD, "A", (f"r_{n}", *head, *places)) for n in range(1, 501)]
        assert {arrived.reply[0] for arrived in await store.lane.run_all(many)} == {1}
        assert await cost("r_many") == few
        await store.check("A")
