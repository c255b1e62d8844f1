"""The journal in Redis where it is not like PostgreSQL's: what a crash leaves, and what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.domain.errors import KeyTakenError, LedgerUnavailableError, VoidedError
from gateway.domain.orders import OrderAck
from gateway.domain.reservations import Reservation, State
from gateway.store.claims import key_digest
from gateway.store.client import StoreClient
from gateway.store.journal_codec import VOLUMES, member_of, volume_of
from gateway.store.journal_scripts import EXPECT, SURE
from gateway.store.keys import Keyspace
from gateway.store.redis_journal import RedisJournal
from stockspan.embedded.valkey import EmbeddedValkey
from tests.integration.ledger.promises import acknowledged, answered, confirmed, held
from tests.redis_journals import a_redis_journal

KEYS = Keyspace("ss")


@asynccontextmanager
async def journal_at(url: str, deadline: float = 5.0) -> AsyncIterator[RedisJournal]:
    client = StoreClient.connect(url, deadline=deadline)
    try:
        async with a_redis_journal(client) as journal:
            yield journal
    finally:
        await client.close()


@pytest.fixture
async def journal(client: StoreClient) -> AsyncIterator[RedisJournal]:
    async with a_redis_journal(client) as made:
        yield made


def volume(one: Reservation) -> tuple[bytes, ...]:
    return KEYS.journal_volume(volume_of(one.reservation.encode()))


def orders(order_ref: str) -> tuple[bytes, ...]:
    return KEYS.journal_orders(volume_of(order_ref.encode()))


async def test_whatever_was_acknowledged_outlives_a_killed_server(tmp_path: Path) -> None:
    kept: dict[str, Reservation] = {}
    told = {}
    with EmbeddedValkey(tmp_path, appendonly=True) as server:

        async def promise(journal: RedisJournal) -> None:
            while True:
                one, answer = held(), answered()
                try:
                    await journal.open(one, answer)
                    kept[one.reservation], told[answer.key] = one, answer
                    order = confirmed(one, one.reservation)
                    if await journal.move(order, "confirm"):
                        kept[one.reservation] = order
                except LedgerUnavailableError:
                    return

        async with journal_at(server.url) as journal:
            promising = asyncio.gather(*(promise(journal) for _ in range(20)))
            async with asyncio.timeout(60):
                while len(kept) < 200:
                    await journal.ping()
            server.kill()
            await promising
        server.start()
        async with journal_at(server.url) as journal:
            found = await journal.find(list(kept))
            assert found.keys() == kept.keys()
            assert all(found[name].revision >= one.revision for name, one in kept.items())
            walked = [one async for page in journal.open_reservations() for one in page]
            assert kept.keys() <= {one.reservation for one in walked}
            for key, answer in told.items():
                assert await journal.answer("checkout", key) == answer
            for one in found.values():
                if one.state is State.CONFIRMED:
                    assert await journal.of_order(one.reservation) == [one]


async def test_without_a_file_it_works_and_says_so_once(redis_url: str) -> None:
    one, answer = held(), answered()
    with capture_logs() as logs:
        async with journal_at(redis_url) as journal:
            await journal.ping()
            await journal.open(one, answer)
            await journal.ping()
    assert [log["action"] for log in logs] == ["journal.memory_alone"]
    async with journal_at(redis_url) as journal:
        assert await journal.find([one.reservation]) == {one.reservation: one}


async def test_with_a_file_nothing_is_said(tmp_path: Path) -> None:
    with (
        EmbeddedValkey(tmp_path, appendonly=True, cluster=True) as server,
        capture_logs() as logs,
    ):
        server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        client = StoreClient.connect(server.url, mode="cluster", deadline=5.0)
        async with a_redis_journal(client) as journal, asyncio.timeout(30):
            while True:  # a new cluster takes a moment to find itself whole
                try:
                    await journal.ping()
                    break
                except LedgerUnavailableError:
                    await asyncio.sleep(0.05)
            one = held()
            await journal.open(one, answered())
            assert await journal.move(confirmed(one), "confirm")
        await client.close()
    assert logs == []


async def test_what_is_not_on_disk_in_time_is_not_acknowledged(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path, appendonly=True) as server:
        async with journal_at(server.url, 1.0) as journal:
            await journal.open(held(), answered())
            server.command("CONFIG", "SET", "appendfsync", "no")
            one = held()
            with pytest.raises(LedgerUnavailableError, match="not on disk"):
                await journal.open(one, answered())
            server.command("CONFIG", "SET", "appendfsync", "always")
            assert await journal.move(confirmed(one), "confirm")


async def test_an_answer_whose_reservation_never_came_is_none(journal: RedisJournal) -> None:
    late, answer, one, other = held(), answered(), held(), answered()
    await journal._answers.put(answer, late.reservation)
    assert await journal.answer(answer.caller, answer.key) is None
    # Somebody else with the key takes its place, and then it cannot come any more.
    await journal.open(one, answered(answer.key, body=b"second"))
    found = await journal.answer(answer.caller, answer.key)
    assert found is not None
    assert found.body == b"second"
    with pytest.raises(VoidedError):
        await journal.open(late, other)
    assert await journal.answer(other.caller, other.key) is None
    with pytest.raises(KeyTakenError):
        await journal.refuse(answer)


async def test_an_answer_of_a_reservation_that_was_voided_goes_at_once(
    journal: RedisJournal,
) -> None:
    late, answer = held(), answered()
    await journal._answers.put(answer, late.reservation)
    assert await journal.void(late.reservation)
    await journal.refuse(answer)
    assert await journal.answer(answer.caller, answer.key) == answer


async def test_a_key_is_free_again_after_a_day(journal: RedisJournal, client: StoreClient) -> None:
    answer = answered()
    await journal.open(held(), answer)
    place = KEYS.answer(key_digest(answer.caller, answer.key))
    day = 86_400_000
    assert day - 60_000 < await client.redis.pttl(place) <= day
    await client.redis.pexpire(place, 0)
    assert await journal.answer(answer.caller, answer.key) is None
    await journal.open(held(), answer)


async def test_an_order_that_was_noted_but_never_made_is_passed_over_and_removed(
    journal: RedisJournal, client: StoreClient
) -> None:
    one, word = held(), OrderAck("O-1", 5)
    await journal.open(one, None)
    step = confirmed(one)
    await journal._lanes.run([journal._orders._expecting("O-1", one.reservation)], EXPECT)
    await journal.remember(word)
    notes = orders("O-1")[2]
    assert await journal.of_order("O-1") == []
    assert await journal.acks_to_apply() == []
    # It may still become the order.
    assert await client.redis.zcard(notes) == 1
    assert await journal.move(step.next(State.HELD), "x") is None
    assert await journal.move(one.next(State.EXPIRED), "lapse")
    assert await journal.acks_to_apply() == []
    assert await client.redis.exists(notes) == 0
    assert await client.redis.exists(orders("O-1")[3]) == 0


async def test_what_is_said_while_an_order_is_looked_at_is_not_lost(journal: RedisJournal) -> None:
    one, word = held(), OrderAck("O-1", 5)
    await journal.open(one, None)
    assert await journal.move(confirmed(one), "confirm")
    seen = await journal._orders._unsure(dict.fromkeys(range(VOLUMES), b"0"))
    (order,) = [order for some in seen.values() for order in some]
    await journal.remember(word)
    await journal._lanes.run([journal._orders._forgetting("O-1", order.number, [])], SURE)
    assert await journal.acks_to_apply() == [(confirmed(one), word)]


async def test_what_is_settled_or_purged_twice(journal: RedisJournal, client: StoreClient) -> None:
    one = held()
    await journal.open(one, None)
    assert await journal.move(confirmed(one), "confirm")
    assert await journal.move(acknowledged(confirmed(one)), "accept")
    number, over = volume_of(one.reservation.encode()), volume(one)[6]
    assert await journal._volumes.forget(number, [one.reservation]) == 0
    await journal.settled([one.reservation])
    assert await journal._volumes.forget(number, [one.reservation]) == 0
    await client.redis.zadd(over, {one.reservation: 1})
    await journal.settled([one.reservation])
    assert await client.redis.zscore(over, one.reservation) == 1
    assert await journal._volumes.forget(number, [one.reservation]) == 1
    assert await journal._volumes.forget(number, [one.reservation]) == 0


async def test_what_is_over_is_forgotten_in_time_and_nothing_is_left(
    journal: RedisJournal, client: StoreClient
) -> None:
    ended, absorbed, void, open_one = held(), held(), held(), held()
    for one in (ended, absorbed, open_one):
        await journal.open(one, None)
        assert await journal.move(confirmed(one), "confirm")
    assert await journal.move(confirmed(ended).next(State.CANCELLED), "cancel")
    assert await journal.move(acknowledged(confirmed(absorbed)), "accept")
    await journal.settled([absorbed.reservation])
    await journal.void(void.reservation)
    await journal.remember(OrderAck("O-1", 1))
    assert await journal.purge() == 0
    day = 86_400_000
    now = await _now_ms(client)
    lives = {ended.reservation: 7, absorbed.reservation: 30, void.reservation: 1}
    for one in (ended, absorbed, void):
        over = volume(one)[6]
        moment = await client.redis.zscore(over, one.reservation)
        assert abs(moment - now - lives[one.reservation] * day) < 60_000
        await client.redis.zadd(over, {one.reservation: 1})
    assert await client.redis.zscore(volume(open_one)[6], open_one.reservation) is None
    assert await journal.purge() == 3
    kept = await journal.find([one.reservation for one in (ended, absorbed, void, open_one)])
    assert kept == {open_one.reservation: confirmed(open_one)}
    notes = await client.redis.zrange(orders("O-1")[2], 0, -1)
    assert notes == [member_of(b"O-1", open_one.reservation.encode())]
    await client.redis.zadd(orders("O-1")[1], {"O-1": 1})
    assert await journal.purge() == 1
    assert await journal.purge() == 0
    assert await client.redis.exists(orders("O-1")[0]) == 0
    assert await journal.listed(None, 9) == [
        (confirmed(open_one), (await journal.unacknowledged())[0][1])
    ]


async def test_nothing_that_is_open_has_a_life(journal: RedisJournal, client: StoreClient) -> None:
    one = held()
    await journal.open(one, None)
    for key in volume(one):
        assert await client.redis.ttl(key) in {-1, -2}


async def test_what_is_damaged_or_not_ours_is_not_taken_for_nothing(
    journal: RedisJournal, client: StoreClient
) -> None:
    one, answer = held(), answered()
    await journal.open(one, answer)
    await client.redis.hset(volume(one)[0], one.reservation, b"\x00\x00\x00\x01\x01junk")
    with pytest.raises(LedgerUnavailableError, match="damaged"):
        await journal.find([one.reservation])
    with pytest.raises(LedgerUnavailableError, match="damaged"):
        await journal.overdue(1 << 50)
    await client.redis.set(KEYS.answer(key_digest(answer.caller, answer.key)), b"\xff")
    with pytest.raises(LedgerUnavailableError, match="damaged"):
        await journal.answer(answer.caller, answer.key)
    await client.redis.delete(volume(one)[0])
    await client.redis.set(volume(one)[0], b"somebody else's")
    with pytest.raises(LedgerUnavailableError, match="WRONGTYPE"):
        await journal.open(one, None)


async def test_an_emptied_store_has_nothing_to_restore(
    journal: RedisJournal, client: StoreClient
) -> None:
    await journal.open(held(), answered())
    mark = await journal.mark()
    await client.redis.flushall()
    assert [page async for page in journal.open_reservations()] == []
    assert await journal.changed_since(mark) == (0, [])


async def test_a_server_that_is_away_is_the_ledger_away(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path, appendonly=False) as server:
        async with journal_at(server.url) as journal:
            one, answer = held(), answered()
            await journal.open(one, answer)
            server.kill()
            for call in (
                journal.ping(),
                journal.find([one.reservation]),
                journal.open(held(), answered()),
                journal.move(confirmed(one), "confirm"),
                journal.answer(answer.caller, answer.key),
                journal.purge(),
            ):
                with pytest.raises(LedgerUnavailableError):
                    await call
            server.start()
            await journal.ping()


async def test_where_memory_is_full_nothing_is_opened_but_what_was_goes_on(
    redis_url: str, valkey: EmbeddedValkey
) -> None:
    async with journal_at(redis_url) as journal:
        one, answer = held(), answered()
        await journal.open(one, None)
        valkey.command("CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(LedgerUnavailableError):
                await journal.open(held(), answer)
            with pytest.raises(LedgerUnavailableError):
                await journal.open(held(), None)
            await journal.remember(OrderAck("O-1", 5))
            moved = await journal.move(confirmed(one), "confirm")
            assert moved is not None
            assert moved.ack == OrderAck("O-1", 5)
        finally:
            valkey.command("CONFIG", "SET", "maxmemory", "0")


async def _now_ms(client: StoreClient) -> int:
    seconds, microseconds = await client.redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000
