"""The lease and the fence on real servers: who leads, and whose writes are done."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Written
from gateway.store.client import DeposedError, StoreClient
from gateway.store.entries import Op, pack_op
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.fence import Fence, OneFence, SlotFences
from gateway.store.keys import Keyspace
from gateway.store.leadership import Leadership, Leading, Term, leader
from gateway.store.price_places import PricePlaces
from stockspan.embedded.valkey import EmbeddedValkey

KEYS = Keyspace("ss")
LONG_MS = 600_000
SKUS = ("A", "B", "C")


def loader(client: StoreClient, name: str, life_ms: int = LONG_MS) -> Leadership:
    return Leadership(client, KEYS, name, life_ms)


async def begun(leadership: Leadership) -> Term:
    found = await leadership.take()
    assert isinstance(found, Term)
    return found


async def lapse(client: StoreClient) -> None:
    """What the store does when a lease has not been kept for its whole life."""
    await client.redis.delete(KEYS.lease)


async def write(client: StoreClient, fence: Fence | None, sku: str = "A") -> Written:
    encoder = BulkEncoder(KEYS, fence)
    operation = pack_op(Op.PUT | Op.UNVERSIONED, 0, 1, 1, None, 0, b"W1", b"x")

    async def blocks() -> AsyncIterator[Block]:
        yield Block(1, encoder.put(encoder.place_of_stock(sku), [operation]))

    return await BulkWriter(client).write(blocks())


async def test_one_leads_until_it_gives_the_lease_back(client: StoreClient) -> None:
    first, second = loader(client, "first"), loader(client, "the second: 2")
    term = await begun(first)
    other = await second.take()
    assert isinstance(other, Leading)
    assert other.name == await leader(client, KEYS) == "first"
    assert 0 < other.left_ms <= LONG_MS
    assert await first.keep(term)
    await first.give_back(term)
    assert await leader(client, KEYS) is None
    following = await begun(second)
    assert following.before == term.token < following.token
    # What comes late of the first ends nothing.
    await first.give_back(term)
    assert not await first.keep(term)
    assert await leader(client, KEYS) == "the second: 2"


async def test_a_lease_that_lapsed_is_kept_if_nobody_else_took_it(client: StoreClient) -> None:
    first, second = loader(client, "first"), loader(client, "second")
    term = await begun(first)
    await lapse(client)
    assert await first.keep(term)
    await lapse(client)
    await begun(second)
    assert not await first.keep(term)
    await lapse(client)
    # Even when the second has gone: its writes came between.
    assert not await first.keep(term)


async def test_the_lease_ends_by_itself(client: StoreClient) -> None:
    await begun(loader(client, "first", life_ms=1))
    second = loader(client, "second")
    async with asyncio.timeout(10):
        while isinstance(await second.take(), Leading):
            pass


async def test_who_lost_the_reply_begins_another_term(single_client: StoreClient) -> None:
    first = loader(single_client, "first")
    lost = await begun(first)
    old = await first.fence(lost)
    term = await begun(first)
    assert term.before == lost.token
    _ = await first.fence(term)
    with pytest.raises(DeposedError):
        await write(single_client, old)


@pytest.mark.parametrize("key", [KEYS.lease, KEYS.fence])
async def test_what_is_not_ours_at_its_keys_keeps_nobody_from_leading(
    single_client: StoreClient, key: bytes
) -> None:
    await single_client.redis.rpush(key, b"junk")
    first = loader(single_client, "first")
    term = await begun(first)
    assert await first.keep(term)
    assert (await write(single_client, await first.fence(term))).accepted == 1


_NAMES = map(str, itertools.count())
Writes = Callable[[StoreClient, Fence], Awaitable[Any]]
WRITES: dict[str, Writes] = {
    "a record": write,
    "the epoch": lambda client, fence: FeedRegister(client, KEYS, fence).name_epoch(),
    "a feed": lambda client, fence: FeedRegister(client, KEYS, fence).register(
        next(_NAMES), "stock"
    ),
    "a state": lambda client, fence: FeedRegister(client, KEYS, fence).save(
        "f", FeedState("stock", 1)
    ),
    "a feed less": lambda client, fence: FeedRegister(client, KEYS, fence).retire("f"),
    "a number": lambda client, fence: FeedRegister(client, KEYS, fence).number(next(_NAMES)),
    "a list's place": lambda client, fence: PricePlaces(client, KEYS, fence).decide({"L": True}),
}


async def test_every_write_of_a_term_that_is_over_is_refused_whole(client: StoreClient) -> None:
    first, second = loader(client, "first"), loader(client, "second")
    old = await first.fence(await begun(first))
    await lapse(client)
    new = await second.fence(await begun(second))
    await refuses_all(client, old)
    for write_it in WRITES.values():
        await write_it(client, new)
    # And where the store lost the fence, nobody writes until the next term.
    for key in {new.beside(key) for key in guarded()}:
        await client.redis.delete(key)
    await refuses_all(client, new)


async def refuses_all(client: StoreClient, fence: Fence) -> None:
    for what, write_it in WRITES.items():
        before = await contents(client)
        with pytest.raises(DeposedError):
            await write_it(client, fence)
        assert await contents(client) == before, what


def guarded() -> list[bytes]:
    hashes = (KEYS.feeds, KEYS.feed_numbers, KEYS.epoch, KEYS.price_places)
    return [*map(KEYS.sku, SKUS), *hashes]


async def contents(client: StoreClient) -> dict[bytes, bytes]:
    return {key: await client.redis.dump(key) for key in guarded()}


async def test_a_store_that_was_emptied_never_gives_a_token_again(client: StoreClient) -> None:
    first, second = loader(client, "first"), loader(client, "second")
    term = await begun(first)
    old = await first.fence(term)
    async with asyncio.timeout(10):
        while True:
            await client.redis.flushall()
            following = await begun(second)
            assert following.before == 0
            if following.token > term.token:  # a millisecond is over
                break
    _ = await second.fence(following)
    with pytest.raises(DeposedError):
        await write(client, old)


def test_the_fences_of_a_cluster_lie_where_they_guard() -> None:
    from redis.crc import key_slot  # noqa: PLC0415 - how a cluster places keys, for this test alone

    fences = SlotFences(KEYS, 7)
    assert [key_slot(key) for key in fences.keys] == list(range(16_384))
    for key in (KEYS.sku("a}{b"), KEYS.feeds, KEYS.acks):
        assert key_slot(fences.beside(key)) == key_slot(key)


async def test_a_fence_of_a_cluster_never_falls(cluster_client: StoreClient) -> None:
    first, second = loader(cluster_client, "first"), loader(cluster_client, "second")
    late = await begun(first)
    await lapse(cluster_client)
    new = await second.fence(await begun(second))
    # The first comes late, and is held by what the second put up.
    old = await first.fence(late)
    assert (await write(cluster_client, new)).accepted == 1
    with pytest.raises(DeposedError):
        await write(cluster_client, old)


def test_the_fence_of_one_server_guards_all() -> None:
    assert OneFence(KEYS, 7).beside(KEYS.sku("A")) == KEYS.fence


@pytest.fixture(scope="module")
def _machine_url(valkey: EmbeddedValkey) -> Iterator[None]:
    Loaders.url = valkey.url
    yield
    valkey.flush()


class Loaders(RuleBasedStateMachine):
    """Three loaders that take, keep, give back, stand still and write, in any order."""

    url = ""

    @initialize()
    def empty(self) -> None:
        self.runner = asyncio.Runner()
        self.client = StoreClient.connect(self.url, deadline=5.0)
        self.runner.run(self.client.redis.flushall())
        self.loaders = [loader(self.client, f"loader-{n}") for n in range(3)]
        self.terms: list[Term | None] = [None] * 3
        self.tokens = [0]
        self.holder: int | None = None
        self.lost = False

    @rule(n=st.integers(0, 2))
    def take(self, n: int) -> None:
        found = self.runner.run(self.loaders[n].take())
        if isinstance(found, Leading):
            assert self.holder not in {None, n}
            return
        assert self.holder in {None, n}
        assert found.token > self.tokens[-1] or self.lost
        assert found.before == (0 if self.lost else self.tokens[-1])
        self.tokens.append(found.token)
        self.terms[n], self.holder, self.lost = found, n, False

    @rule(n=st.integers(0, 2))
    def keep(self, n: int) -> None:
        term = self.terms[n]
        if term is not None:
            is_latest = term.token == self.tokens[-1] and not self.lost
            given_back = self.holder is None
            assert self.runner.run(self.loaders[n].keep(term)) == is_latest
            if is_latest and given_back:
                self.holder = n

    @rule(n=st.integers(0, 2))
    def give_back(self, n: int) -> None:
        term = self.terms[n]
        if term is not None:
            self.runner.run(self.loaders[n].give_back(term))
            if self.holder == n and term.token == self.tokens[-1]:
                self.holder = None

    @rule()
    def lapse(self) -> None:
        self.runner.run(lapse(self.client))
        self.holder = None

    @rule()
    def lose_everything(self) -> None:
        self.runner.run(self.client.redis.flushall())
        self.holder, self.lost = None, True

    @rule(n=st.integers(0, 2), sku=st.sampled_from(SKUS))
    def write(self, n: int, sku: str) -> None:
        term = self.terms[n]
        if term is None:
            return
        may = term.token == self.tokens[-1] and not self.lost
        try:
            written = self.runner.run(write(self.client, OneFence(KEYS, term.token), sku))
        except DeposedError:
            assert not may
        else:
            assert may
            assert written.accepted == 1

    @invariant()
    def the_name_is_told(self) -> None:
        told = self.runner.run(leader(self.client, KEYS))
        assert told == (None if self.holder is None else f"loader-{self.holder}")

    def teardown(self) -> None:
        self.runner.run(self.client.close())
        self.runner.close()


Loaders.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLoaders = pytest.mark.usefixtures("_machine_url")(Loaders.TestCase)
