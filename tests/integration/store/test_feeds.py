"""The register of feeds: a number each for good, and what keeps a store cold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from gateway.store.client import StoreClient
from gateway.store.feeds import FeedRegister, FeedState, TooManyFeedsError, unready
from gateway.store.keys import Keyspace

KEYS = Keyspace("ss")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[StoreClient]:
    client = StoreClient.connect(redis_url, deadline=5.0)
    yield client
    await client.close()


async def test_a_feed_keeps_its_number_and_its_state(client: StoreClient) -> None:
    register = FeedRegister(client, KEYS)
    stock = await register.register("stock", "stock")
    products = await register.register("products", "products")
    assert stock.number != products.number
    await register.save("stock", msgspec.structs.replace(stock, verified_through_ms=5))
    again = await register.register("stock", "stock")
    assert (again.number, again.verified_through_ms) == (stock.number, 5)


async def test_a_retired_feed_comes_back_with_its_number_and_nothing_else(
    client: StoreClient,
) -> None:
    register = FeedRegister(client, KEYS)
    first = await register.register("stock", "stock")
    await register.save("stock", msgspec.structs.replace(first, verified_through_ms=5))
    await register.retire("stock")
    assert await register.all() == {}
    assert await register.register("stock", "stock") == FeedState("stock", first.number)


async def test_two_loaders_at_once_agree_on_the_number(client: StoreClient) -> None:
    register = FeedRegister(client, KEYS)
    states = await asyncio.gather(*(register.register("stock", "stock") for _ in range(8)))
    assert len({state.number for state in states}) == 1


async def test_a_state_that_cannot_be_read_is_left_out(client: StoreClient) -> None:
    register = FeedRegister(client, KEYS)
    await register.register("stock", "stock")
    await client.redis.hset(KEYS.feeds, "junk", b"{")
    assert set(await register.all()) == {"stock"}


async def test_there_is_room_for_255_feeds(client: StoreClient) -> None:
    await client.redis.hset(KEYS.feed_numbers, "", 255)
    with pytest.raises(TooManyFeedsError):
        await FeedRegister(client, KEYS).register("one-too-many", "stock")


VERIFIED = FeedState("stock", 1, verified_through_ms=1)
WAITING = FeedState("products", 2)
LATE = FeedState("products", 4, late=True)
PRODUCTS = FeedState("products", 5, verified_through_ms=1)
OTHER_KIND = FeedState("prices", 3)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, ()),
        ({"prices": OTHER_KIND}, ()),
        ({"stock": VERIFIED}, None),
        ({"stock": VERIFIED, "prices": OTHER_KIND}, None),
        ({"stock": VERIFIED, "products": WAITING}, ("products",)),
        ({"stock": VERIFIED, "products": LATE}, None),
        ({"products": PRODUCTS}, ()),
        ({"products": PRODUCTS, "stock": FeedState("stock", 1)}, ("stock",)),
    ],
)
def test_a_store_is_warm_when_every_feed_that_matters_was_loaded(
    states: dict[str, FeedState], expected: tuple[str, ...] | None
) -> None:
    assert unready(states) == expected


async def test_a_feed_that_joins_a_warm_store_takes_nothing_down(client: StoreClient) -> None:
    register = FeedRegister(client, KEYS)
    stock = await register.register("stock", "stock")
    await register.save("stock", msgspec.structs.replace(stock, verified_through_ms=5))
    await register.register("more", "stock")
    assert unready(await register.all()) is None
