"""The same store code on a Redis Cluster: one node that has all slots, which is a cluster still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import StoreUnavailableError
from gateway.domain.price_lists import EVERYTHING
from gateway.domain.stock import StockLevel
from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Written
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.entries import pack_op
from gateway.store.feeds import FeedRegister
from gateway.store.keys import Change, ChangeKind, Keyspace
from gateway.store.lane import Lane
from gateway.store.level_codec import level_payload
from gateway.store.places import values_at
from gateway.store.sampling import random_skus
from gateway.store.stock import StockStore, scan_stock

KEYS = Keyspace("ss")
SKUS = [f"SKU-{number}" for number in range(40)]


async def blocks(version: int) -> AsyncIterator[Block]:
    encoder = BulkEncoder(KEYS)
    payload = level_payload(StockLevel(version * 1000))
    operation = pack_op(0, 0, 1, 1, version, 1, b"W1", payload)
    for sku in SKUS:
        wire = encoder.put(encoder.place_of_stock(sku), [operation])
        yield Block(1, wire)


async def test_written_read_scanned_and_heard(cluster_client: StoreClient) -> None:
    client = cluster_client
    heard: asyncio.Queue[Change | None] = asyncio.Queue()
    listening = asyncio.create_task(ChangeListener(client, KEYS, heard.put_nowait).run())
    async with asyncio.timeout(30):
        assert await heard.get() is None
    assert await BulkWriter(client).write(blocks(1)) == Written(40, 40, 0)
    assert await BulkWriter(client).write(blocks(1)) == Written(0, 0, 0)
    async with asyncio.timeout(30):
        changes = {await heard.get() for _ in SKUS}
    assert changes == {Change(ChangeKind.SKU, sku) for sku in SKUS}
    listening.cancel()
    await asyncio.wait({listening})

    store = StockStore(client, KEYS, Lane(client, KEYS))
    reading = await store.read([*SKUS, "nope"])
    assert reading.epoch is not None
    levels = [held.levels["W1"].quantity for held in reading.stock if held is not None]
    assert levels == [1000] * 40
    assert reading.stock[-1] is None
    assert {sku async for page in scan_stock(client, KEYS) for sku, _ in page} == set(SKUS)


async def test_places_are_read_and_skus_drawn(cluster_client: StoreClient) -> None:
    await BulkWriter(cluster_client).write(blocks(1))
    await cluster_client.redis.hset(KEYS.price_lists, "K", b"head")
    await cluster_client.redis.set(KEYS.list_prices("L"), b"of another type")
    encoder = BulkEncoder(KEYS)
    places = [
        encoder.place_of_price_list("none"),
        encoder.place_of_stock("SKU-1"),
        encoder.place_of_price_list("K"),
        encoder.place_of_prices("L", EVERYTHING, with_skus=False),
        encoder.place_of_stock("none"),
    ]
    values = await values_at(cluster_client, places)
    assert values == [None, values[1], b"head", None, None]
    assert values[1] is not None
    skus = await random_skus(cluster_client, KEYS, 10)
    assert len(set(skus)) == len(skus) == 10
    assert set(skus) <= set(SKUS)


async def test_feeds_are_kept(cluster_client: StoreClient) -> None:
    register = FeedRegister(cluster_client, KEYS)
    state = await register.register("stock", "stock")
    assert await register.all() == {"stock": state}
    await register.retire("stock")


async def test_a_cluster_that_is_not_there_is_away() -> None:
    client = StoreClient.connect("redis://127.0.0.1:1/0", mode="cluster", deadline=1.0)
    with pytest.raises(StoreUnavailableError):
        await client.ping()
    listening = asyncio.create_task(ChangeListener(client, KEYS, lambda _: None).run())
    await asyncio.wait({listening}, timeout=0.2)
    assert not listening.done()
    listening.cancel()
    await asyncio.wait({listening})
    await client.close()
