"""The lane on both kinds of store: many callers on one connection, and each gets its own reply."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis import exceptions

from gateway.domain.errors import StoreUnavailableError
from gateway.store.client import StoreClient
from gateway.store.clock import StoreClock
from gateway.store.hold_scripts import Script
from gateway.store.keys import Keyspace
from gateway.store.lane import Command, Lane
from tests.held_store import HeldStore

KEYS = Keyspace("ss")
CALLS = 6_000
# It is sent by its name alone: no server has it until it is told.
UNKNOWN = Script(b"return {KEYS[1], ARGV[1]}", b"ab" * 20)


@pytest.fixture
async def lane(client: StoreClient) -> AsyncIterator[Lane]:
    lane = Lane(client, KEYS)
    yield lane
    await lane.end()


def echo(number: int) -> Command:
    """Whose reply tells who asked."""
    return (b"EVAL", b"return ARGV[1]", 1, b"{%d}" % (number % 7), number)


async def test_each_of_many_at_once_gets_its_own_reply(lane: Lane) -> None:
    arrived = await asyncio.gather(*(lane.run(echo(number)) for number in range(1_000)))
    assert [one.reply for one in arrived] == [b"%d" % number for number in range(1_000)]


async def test_commands_at_one_key_are_run_in_their_order(lane: Lane) -> None:
    names = [b"%d" % number for number in range(700)]
    await asyncio.gather(
        *(lane.run((b"RPUSH", b"order", name)) for name in names[:300]),
        lane.run_all([(b"RPUSH", b"order", name) for name in names[300:]]),
    )
    assert (await lane.run((b"LRANGE", b"order", 0, -1))).reply == names


async def test_an_error_of_one_command_is_its_callers_alone(lane: Lane) -> None:
    await lane.run((b"RPUSH", b"list", b"x"))
    good, bad, also = await lane.run_all([echo(1), (b"GET", b"list"), echo(2)])
    assert (good.reply, also.reply) == (b"1", b"2")
    assert isinstance(bad.reply, exceptions.ResponseError)


async def test_a_server_that_does_not_know_a_script_is_told_it(lane: Lane) -> None:
    commands = [(b"EVALSHA", UNKNOWN.sha, 1, f"key-{number}", number) for number in range(3)]
    mixed = [echo(7), *commands, echo(8)]
    arrived = await lane.run_all(mixed, UNKNOWN)
    assert [one.reply for one in arrived] == [
        b"7",
        *([b"key-%d" % number, b"%d" % number] for number in range(3)),
        b"8",
    ]
    for one in await lane.run_all(commands):
        assert isinstance(one.reply, exceptions.NoScriptError)


async def test_nothing_to_run_is_nothing(lane: Lane) -> None:
    assert await lane.run_all([]) == []


async def test_what_is_posted_goes_before_what_is_asked_after_it(lane: Lane) -> None:
    lane.post((b"SET", b"posted", b"1"))
    lane.post((b"LPUSH", b"posted", b"nobody hears of the error"))
    assert (await lane.run((b"GET", b"posted"))).reply == b"1"


@pytest.mark.parametrize(
    ("epoch", "restored", "is_restored"),
    [
        (None, None, False),
        (None, b"a", False),
        (b"a", None, False),
        (b"a", b"b", False),
        (b"a", b"a", True),
    ],
)
async def test_a_reply_names_the_epoch_in_which_it_was_given(
    client: StoreClient, lane: Lane, epoch: bytes | None, restored: bytes | None, is_restored: bool
) -> None:
    for key, value in ((KEYS.epoch, epoch), (KEYS.restored, restored)):
        await client.redis.delete(key)
        if value is not None:
            await client.redis.set(key, value)
    arrived = await lane.run(echo(1))
    assert (arrived.epoch, arrived.restored) == (epoch, is_restored)


async def test_something_else_where_the_epoch_is_kept_is_told(
    client: StoreClient, lane: Lane
) -> None:
    await client.redis.delete(KEYS.restored)
    await client.redis.rpush(KEYS.restored, b"not ours")
    with pytest.raises(StoreUnavailableError):
        await lane.run(echo(1))


async def answered(lane: Lane, number: int) -> Any:
    """The reply to an echo, once the server answers."""
    async with asyncio.timeout(20):
        while True:
            try:
                return (await lane.run(echo(number))).reply
            except StoreUnavailableError:
                await asyncio.sleep(0.001)


async def test_after_the_server_has_closed_the_connection_the_lane_goes_on(
    single_client: StoreClient,
) -> None:
    lane = Lane(single_client, KEYS)
    assert (await lane.run(echo(1))).reply == b"1"
    await single_client.redis.client_kill_filter(_type="normal", skipme=True)
    assert await answered(lane, 2) == b"2"
    await lane.end()


async def test_nobody_waits_longer_than_the_deadline_and_the_next_are_served(
    redis_url: str,
) -> None:
    client = StoreClient.connect(redis_url, deadline=0.1)
    lane = Lane(client, KEYS)
    assert (await lane.run(echo(1))).reply == b"1"
    await client.redis.execute_command("CLIENT", "PAUSE", 3_000)
    calls = (lane.run(echo(number)) for number in range(20))
    late = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in late} == {StoreUnavailableError}
    assert await answered(lane, 99) == b"99"
    await lane.end()
    await client.close()


async def test_at_the_end_its_connection_is_given_back(single_client: StoreClient) -> None:
    pool = single_client.redis.connection_pool
    for _ in range(3):
        lane = Lane(single_client, KEYS)
        await lane.run(echo(1))
        await lane.end()
        assert not pool._in_use_connections
    lane = Lane(single_client, KEYS)
    under_way = asyncio.create_task(lane.run((b"BLPOP", b"nothing", 60)))
    for _ in range(20):
        await asyncio.sleep(0)
    await lane.end()
    with pytest.raises((asyncio.CancelledError, StoreUnavailableError)):
        await under_way
    assert not pool._in_use_connections


async def test_a_storm_of_cancelled_calls_mixes_no_replies(client: StoreClient) -> None:
    lane, chance, answered = Lane(client, KEYS), random.Random(11), 0

    async def one(number: int) -> None:
        nonlocal answered
        arrived = await lane.run(echo(number))
        assert arrived.reply == b"%d" % number
        answered += 1

    async def some(number: int) -> None:
        nonlocal answered
        told = (b"EVALSHA", UNKNOWN.sha, 1, "{told}", number)
        arrived = await lane.run_all([echo(number), told, echo(number + 1)], UNKNOWN)
        expected = [b"%d" % number, [b"{told}", b"%d" % number], b"%d" % (number + 1)]
        assert [reply.reply for reply in arrived] == expected
        answered += 1

    for first in range(0, CALLS, 60):
        calls = [
            asyncio.create_task(some(number) if number % 3 == 0 else one(number))
            for number in range(first, first + 60)
        ]
        for task in chance.sample(calls, 35):
            for _ in range(chance.choice((0, 0, 0, 1, 2))):
                await asyncio.sleep(0)
            task.cancel()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
    assert CALLS // 4 < answered < CALLS
    await lane.end()


async def test_a_storm_of_deadlines_mixes_no_replies(redis_url: str) -> None:
    """Whose deadline passes while its reply is under way leaves none of it to the next."""
    client = StoreClient.connect(redis_url, deadline=0.004)
    lane, outcomes = Lane(client, KEYS), {True: 0, False: 0}
    slow = b"local n = 0 for i = 1, tonumber(ARGV[2]) do n = n + i end return ARGV[1]"

    async def call(number: int) -> None:
        work = 250_000 if number % 40 == 0 else 0
        try:
            arrived = await lane.run((b"EVAL", slow, 0, number, work))
        except StoreUnavailableError:
            outcomes[False] += 1
        else:
            assert arrived.reply == b"%d" % number
            outcomes[True] += 1

    for first in range(0, CALLS, 20):
        await asyncio.gather(*map(call, range(first, first + 20)))
    assert all(outcomes.values()), outcomes
    await lane.end()
    await client.close()


async def test_what_many_hold_and_give_up_leaves_no_half(client: StoreClient) -> None:
    chance = random.Random(5)
    async with HeldStore.opened(client) as store:
        await store.stocked.stock("A", {"W1": 100})
        calls = [asyncio.create_task(store.hold(f"r_{number}", 1000)) for number in range(300)]
        for task in chance.sample(calls, 150):
            await asyncio.sleep(0)
            task.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        entries, _ = await store.entries("A")
        assert len(entries) <= 100
        for number, outcome in enumerate(outcomes):
            # Who gave up does not know; who was told knows.
            if not isinstance(outcome, BaseException):
                assert (f"r_{number}" in entries) is (outcome == 1)
        await store.check("A")


def test_the_clock_goes_by_what_was_heard_last() -> None:
    local = [1_000]
    clock = StoreClock(lambda: local[0], lambda: 50_000)
    assert (clock.now_ms(), clock.known) == (50_000, False)
    local[0] += 10
    assert clock.now_ms() == 50_010
    clock.hear(70_000)
    assert (clock.now_ms(), clock.known) == (70_000, True)
    local[0] += 5
    assert clock.now_ms() == 70_005
    clock.hear(60_000)
    assert clock.now_ms() == 60_000
