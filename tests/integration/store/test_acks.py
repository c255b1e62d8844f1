"""The inbox of acknowledgements on both kinds of store: what waits, and what is taken."""

from __future__ import annotations

import pytest

from gateway.domain.errors import StoreUnavailableError
from gateway.domain.orders import AckStatus, OrderAck
from gateway.store.ack_codec import ack_payload
from gateway.store.acks import AckInbox, WaitingAck
from gateway.store.client import Mode, StoreClient
from gateway.store.entries import FORMAT, Flag, Op, pack_op
from gateway.store.keys import Keyspace
from tests.stocked_store import StockedStore

KEYS = Keyspace("ss")
ONE = OrderAck("A/12", 1_795_255_200_000)
OTHER = OrderAck("Ärm-42 }{", 5, AckStatus.CANCELLED)
MANY = 10_000


def entry(ack: OrderAck, flags: int = 0) -> bytes:
    """A value as `put.lua` leaves it."""
    payload = b"" if flags & Flag.TOMB else ack_payload(ack)
    return FORMAT + pack_op(Op.UNVERSIONED, flags, 1, 1, None, 9, b"", payload)[1:]


async def fields(client: StoreClient) -> set[bytes]:
    return set(await client.redis.hkeys(KEYS.acks))


async def test_what_waits_is_there_until_it_is_taken(client: StoreClient) -> None:
    inbox = AckInbox(client, KEYS)
    assert await inbox.waiting() == []
    await StockedStore(client).ack(ONE, OTHER)
    assert len(await inbox.waiting()) == 2
    waiting = await inbox.waiting()
    assert {one.order_ref: one.ack for one in waiting} == {
        ONE.order_ref: ONE,
        OTHER.order_ref: OTHER,
    }
    (raw,) = await client.get_fields(KEYS.acks, [ONE.order_ref])
    (one,) = [one for one in waiting if one.order_ref == ONE.order_ref]
    assert one.raw == raw
    await inbox.take([one])
    assert [one.ack for one in await inbox.waiting()] == [OTHER]
    await inbox.take(waiting)
    assert await inbox.waiting() == []
    assert not await client.redis.exists(KEYS.acks)
    await inbox.take(waiting)
    await inbox.take([])
    assert inbox.corrupt == 0


async def test_what_was_written_meanwhile_stays(client: StoreClient) -> None:
    inbox, stocked = AckInbox(client, KEYS), StockedStore(client)
    await stocked.ack(ONE, OTHER)
    waiting = await inbox.waiting()
    cancelled = OrderAck(ONE.order_ref, ONE.acknowledged_ms, AckStatus.CANCELLED)
    await stocked.ack(cancelled)
    await inbox.take(waiting)
    assert [one.ack for one in await inbox.waiting()] == [cancelled]


async def test_a_cancellation_waits_whatever_is_told_besides(client: StoreClient) -> None:
    inbox, stocked = AckInbox(client, KEYS), StockedStore(client)
    cancelled = OrderAck(ONE.order_ref, ONE.acknowledged_ms, AckStatus.CANCELLED)
    for words in ((ONE, cancelled), (cancelled, ONE), (cancelled, ONE, ONE)):
        await stocked.ack(*words)
        (waiting,) = await inbox.waiting()
        assert waiting.ack == cancelled
        await inbox.take([waiting])
        assert await inbox.waiting() == []


async def test_a_word_that_comes_beside_another_is_not_taken_with_it(client: StoreClient) -> None:
    inbox, stocked = AckInbox(client, KEYS), StockedStore(client)
    cancelled = OrderAck(ONE.order_ref, ONE.acknowledged_ms, AckStatus.CANCELLED)
    await stocked.ack(cancelled)
    waiting = await inbox.waiting()
    await stocked.ack(ONE)
    await inbox.take(waiting)
    assert [one.ack for one in await inbox.waiting()] == [cancelled]


async def test_ten_thousand_come_in_pages(client: StoreClient) -> None:
    inbox = AckInbox(client, KEYS)
    everything = {f"O-{number}": entry(OrderAck(f"O-{number}", number)) for number in range(MANY)}
    await client.redis.hset(KEYS.acks, mapping=everything)
    taken: set[str] = set()
    while waiting := await inbox.waiting():
        assert len(waiting) == min(500, MANY - len(taken))
        assert all(one.ack.acknowledged_ms == int(one.order_ref[2:]) for one in waiting)
        taken.update(one.order_ref for one in waiting)
        await inbox.take(waiting)
    assert taken == everything.keys()


async def test_as_many_come_as_are_asked_for(client: StoreClient) -> None:
    inbox = AckInbox(client, KEYS)
    everything = {f"O-{number}": entry(OrderAck(f"O-{number}", number)) for number in range(MANY)}
    for count in (20, MANY):  # the store keeps a small hash otherwise, and scans it whole
        await client.redis.hset(KEYS.acks, mapping=dict(list(everything.items())[:count]))
        assert [len(await inbox.waiting(most)) for most in (1, 7)] == [1, 7]
        waiting = await inbox.waiting(2 * MANY)
        assert len({one.order_ref for one in waiting}) == len(waiting) == count
        await inbox.take(waiting)
        assert await fields(client) == set()


async def test_useless_fields_are_removed_on_the_way(client: StoreClient) -> None:
    inbox = AckInbox(client, KEYS)
    good = entry(ONE)
    await client.redis.hset(
        KEYS.acks,
        mapping={
            "good": good,
            "deleted": entry(ONE, Flag.TOMB),
            "deleted beside a snapshot": entry(ONE, Flag.TOMB | Flag.RECENT),
        },
    )
    assert [one.order_ref for one in await inbox.waiting()] == ["good"]
    assert (await fields(client), inbox.corrupt) == ({b"good"}, 0)
    await client.redis.hset(
        KEYS.acks,
        mapping={
            "junk": b"junk",
            "empty": b"",
            "cut": good[:-1],
            "another": FORMAT + pack_op(0, 0, 1, 1, None, 9, b"", b"\x91\x05")[1:],
            b"\xff": good,
            "": good,
            "a\x00b": good,
            "x" * 65: good,
        },
    )
    assert [one.order_ref for one in await inbox.waiting()] == ["good"]
    assert (await fields(client), inbox.corrupt) == ({b"good"}, 8)


async def test_a_doubted_one_is_the_last_good_one(client: StoreClient) -> None:
    await client.redis.hset(KEYS.acks, "A/12", entry(ONE, Flag.DOUBTED))
    assert [one.ack for one in await AckInbox(client, KEYS).waiting()] == [ONE]


async def test_a_key_of_another_type_is_an_empty_inbox(client: StoreClient) -> None:
    inbox = AckInbox(client, KEYS)
    await StockedStore(client).ack(ONE)
    waiting = await inbox.waiting()
    await client.redis.set(KEYS.acks, b"junk")
    assert await inbox.waiting() == []
    assert [page async for page in inbox.scan()] == []
    await inbox.take(waiting)
    assert await client.redis.get(KEYS.acks) == b"junk"
    await StockedStore(client).ack(ONE)
    assert [one.ack for one in await inbox.waiting()] == [ONE]


async def test_loaders_see_everything_as_it_lies_there(client: StoreClient) -> None:
    await StockedStore(client).ack(ONE, OTHER)
    await client.redis.hset(KEYS.acks, "junk", b"junk")
    held = {name: value async for page in AckInbox(client, KEYS).scan() for name, value in page}
    assert held.keys() == {ONE.order_ref, OTHER.order_ref, "junk"}
    assert held["junk"] == b"junk"


@pytest.mark.parametrize("mode", ["standalone", "cluster"])
async def test_a_store_that_is_away_is_unavailable(mode: Mode) -> None:
    client = StoreClient.connect("redis://127.0.0.1:1/0", mode=mode, deadline=1.0)
    inbox = AckInbox(client, KEYS)
    with pytest.raises(StoreUnavailableError):
        await inbox.waiting()
    with pytest.raises(StoreUnavailableError):
        await inbox.take([WaitingAck(ONE.order_ref, ONE, entry(ONE))])
    await client.close()
