"""The same store code on a Redis Cluster: one node that has all slots, which is a cluster still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.domain.errors import StoreUnavailableError
from gateway.domain.stock import StockLevel
from gateway.store.bulk import Block, BulkEncoder, BulkWriter, Written
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.codec import level_payload
from gateway.store.entries import pack_op
from gateway.store.feeds import FeedRegister
from gateway.store.keys import Change, ChangeKind, Keyspace
from gateway.store.stock import StockStore
from stockspan.embedded.valkey import EmbeddedValkey

KEYS = Keyspace("ss")
SKUS = [f"SKU-{number}" for number in range(40)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    folder = tmp_path_factory.mktemp("cluster")
    with EmbeddedValkey(folder, appendonly=False, cluster=True) as server:
        server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        yield server


@pytest.fixture
async def client(cluster: EmbeddedValkey) -> AsyncIterator[StoreClient]:
    client = StoreClient.connect(cluster.url, mode="cluster", deadline=5.0)
    async with asyncio.timeout(30):
        while True:  # a new cluster takes a moment to find itself whole
            try:
                await FeedRegister(client, KEYS).name_epoch()
                break
            except StoreUnavailableError:
                await asyncio.sleep(0.05)
    yield client
    await client.close()


async def blocks(version: int) -> AsyncIterator[Block]:
    encoder = BulkEncoder(KEYS)
    payload = level_payload(StockLevel(version * 1000))
    for sku in SKUS:
        wire = encoder.sku(sku, [pack_op(0, 0, 1, 1, version, 1, b"W1", payload)])
        yield Block(1, wire)


async def test_written_read_scanned_and_heard(client: StoreClient) -> None:
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

    store = StockStore(client, KEYS)
    reading = await store.read([*SKUS, "nope"])
    assert reading.epoch is not None
    levels = [held.levels["W1"].quantity for held in reading.stock if held is not None]
    assert levels == [1000] * 40
    assert reading.stock[-1] is None
    assert {sku async for page in store.scan() for sku, _ in page} == set(SKUS)


async def test_feeds_are_kept(client: StoreClient) -> None:
    register = FeedRegister(client, KEYS)
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
