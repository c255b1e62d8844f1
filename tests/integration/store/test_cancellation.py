"""Cancelled calls: a task that is told to end does, and no reply goes to the wrong caller."""

from __future__ import annotations

import asyncio
import random

from gateway.domain.errors import StoreUnavailableError
from gateway.services.directory import Directory
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.feeds import FeedRegister
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.stock import StockStore

KEYS = Keyspace("ss")
CALLS = 3000


async def test_whatever_the_moment_a_cancelled_loop_ends(redis_url: str) -> None:
    for steps in range(60):
        client = StoreClient.connect(redis_url, deadline=5.0)
        directory = Directory(
            StockStore(client, KEYS, Lane(client, KEYS)), FeedRegister(client, KEYS)
        )
        listener = ChangeListener(client, KEYS, directory.on_change)
        tasks = {asyncio.create_task(part.run()) for part in (directory, listener)}
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        _, alive = await asyncio.wait(tasks, timeout=5)
        assert not alive, f"still running when cancelled after {steps} turns of the loop"
        await client.close()


async def test_a_storm_of_cancelled_calls_mixes_no_replies(redis_url: str) -> None:
    client = StoreClient.connect(redis_url, deadline=0.5)
    names = [b"%d" % number for number in range(50)]
    for name in names:
        await client.redis.set(name, b"value of " + name)
    chance = random.Random(7)
    answered = 0

    async def call() -> None:
        nonlocal answered
        asked = chance.sample(names, 3)
        assert await client.get_many(asked) == [b"value of " + name for name in asked]
        answered += 1

    for _ in range(CALLS // 30):
        calls = [asyncio.create_task(call()) for _ in range(30)]
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        for task in chance.sample(calls, 15):
            task.cancel()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert outcome is None or isinstance(
                outcome, asyncio.CancelledError | StoreUnavailableError
            ), outcome
    assert answered > CALLS // 4
    await client.close()
