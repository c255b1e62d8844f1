"""The change listener: hears every change, and says so when it may have missed some."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.keys import Change, ChangeKind, Keyspace
from stockspan.embedded.valkey import EmbeddedValkey

KEYS = Keyspace("ss")
FEEDS = Change(ChangeKind.FEEDS, "stock")


async def next_of(heard: asyncio.Queue[Change | None]) -> Change | None:
    async with asyncio.timeout(20):
        return await heard.get()


async def test_it_tells_of_changes_after_saying_that_it_begins(redis_url: str) -> None:
    client = StoreClient.connect(redis_url, deadline=5.0)
    heard: asyncio.Queue[Change | None] = asyncio.Queue()
    listener = ChangeListener(client, KEYS, heard.put_nowait)
    task = asyncio.create_task(listener.run())
    assert await next_of(heard) is None
    assert listener.connected
    await client.redis.publish(KEYS.changes, b"not ours")
    await FeedRegister(client, KEYS).save("stock", FeedState("stock", 1))
    assert await next_of(heard) == FEEDS
    task.cancel()
    await asyncio.wait({task})
    await client.close()


async def test_after_a_broken_link_anything_may_have_changed(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", appendonly=False)
    server.start()
    client = StoreClient.connect(server.url, deadline=1.0)
    heard: asyncio.Queue[Change | None] = asyncio.Queue()
    task = asyncio.create_task(ChangeListener(client, KEYS, heard.put_nowait).run())
    try:
        assert await next_of(heard) is None
        server.kill()
        server.start()
        assert await next_of(heard) is None
        await FeedRegister(client, KEYS).save("stock", FeedState("stock", 1))
        assert await next_of(heard) == FEEDS
    finally:
        task.cancel()
        await asyncio.wait({task})
        await client.close()
        server.stop()
