"""The worker's directory follows the change channel, and keeps its copy without a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.domain.errors import StoreUnavailableError
from gateway.domain.stock import Location
from gateway.services.directory import Directory
from gateway.store.bulk import Block, BulkEncoder, BulkWriter
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.codec import location_payload
from gateway.store.entries import Op, pack_op
from gateway.store.feeds import FeedRegister
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.stock import StockStore
from stockspan.embedded.valkey import EmbeddedValkey

KEYS = Keyspace("ss")
WAREHOUSE = Location("W1", name="North", handling_days=2, channels=("se",))


async def one(block: Block) -> AsyncIterator[Block]:
    yield block


async def write_location(client: StoreClient, place: Location) -> None:
    operation = pack_op(
        Op.UNVERSIONED, 0, 1, 1, None, 0, place.location.encode(), location_payload(place)
    )
    encoder = BulkEncoder(KEYS)
    wire = encoder.put(encoder.place_of_locations, [operation])
    await BulkWriter(client).write(one(Block(1, wire)))


async def until_it_has(directory: Directory, places: tuple[Location, ...]) -> None:
    async with asyncio.timeout(20):
        while directory.current.locations != places:  # noqa: ASYNC110 - nobody tells of the copy
            await asyncio.sleep(0)


async def test_a_change_reaches_every_worker(redis_url: str) -> None:
    client = StoreClient.connect(redis_url, deadline=5.0)
    directory = Directory(StockStore(client, KEYS, Lane(client, KEYS)), FeedRegister(client, KEYS))
    listener = ChangeListener(client, KEYS, directory.on_change)
    tasks = [asyncio.create_task(part.run()) for part in (directory, listener)]
    await until_it_has(directory, ())
    await write_location(client, WAREHOUSE)
    await until_it_has(directory, (WAREHOUSE,))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await client.close()


async def test_the_last_copy_serves_while_the_store_is_away(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", appendonly=False)
    server.start()
    client = StoreClient.connect(server.url, deadline=1.0)
    directory = Directory(StockStore(client, KEYS, Lane(client, KEYS)), FeedRegister(client, KEYS))
    await write_location(client, WAREHOUSE)
    await directory.renew()
    server.kill()
    with pytest.raises(StoreUnavailableError):
        await directory.renew()
    assert directory.current.locations == (WAREHOUSE,)
    assert not directory.reachable
    await client.close()


async def test_a_list_of_locations_that_is_not_ours_is_no_list(redis_url: str) -> None:
    client = StoreClient.connect(redis_url, deadline=5.0)
    stock = StockStore(client, KEYS, Lane(client, KEYS))
    await client.redis.set(KEYS.locations, b"junk")
    assert await stock.locations() == ()
    assert stock.corrupt == 1
    await client.close()


async def test_an_outage_is_told_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", appendonly=False)
    client = StoreClient.connect(server.url, deadline=1.0)
    directory = Directory(StockStore(client, KEYS, Lane(client, KEYS)), FeedRegister(client, KEYS))
    with capture_logs() as logs:
        task = asyncio.create_task(directory.run())
        async with asyncio.timeout(30):
            while not logs:  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0)
            server.start()
            while len(logs) < 2:
                directory.on_change(None)
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
    assert [log["action"] for log in logs] == ["store.unreachable", "store.back"]
    await client.close()
    server.stop()
