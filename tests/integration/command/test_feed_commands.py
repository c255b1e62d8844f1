"""`stockspan feed …` against a loader that runs: a held-back snapshot from the guard to its end."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from rich.console import Console

from gateway.config.settings import Settings
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.feed_requests import Act, FeedRequests
from gateway.store.feeds import FeedRegister, FeedState
from gateway.store.keys import Keyspace
from gateway.store.leadership import Leadership
from stockspan import feeds
from stockspan.failure import Failure
from tests.integration.command.running_command import stockspan
from tests.running_loaders import running_loaders

SECONDS = 60
MANY = 60
KEYS = Keyspace("ss")
HELD_BACK = "40 of 60 SKUs in stock would fall to zero or vanish (67%; allowed: 20%)"


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> Settings:
    (tmp_path / "drop").mkdir()
    return Settings(
        store={"url": redis_url, "timeout": 5.0},
        loaders={"spool_dir": tmp_path / "spool"},
        sources={"drop": {"type": "files", "directory": tmp_path / "drop"}},
        feeds={"stock": {"kind": "stock", "source": "drop", "delta_every": "20ms"}},
    )


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[StoreClient]:
    client = StoreClient.connect(redis_url, deadline=5.0)
    yield client
    await client.close()


def drop(folder: Path, count: int, version: int) -> None:
    row = {"location": "W1", "quantity": version, "version": version}
    data = "\n".join(json.dumps({"sku": f"S{n}", **row}) for n in range(count)).encode()
    (folder / "drop" / "stock.ndjson").write_bytes(data)
    manifest = {"stock": {"count": count, "sha256": hashlib.sha256(data).hexdigest()}}
    written = folder / "manifest"
    written.write_text(json.dumps(manifest), encoding="utf-8")
    written.replace(folder / "drop" / "manifest.json")


async def until(client: StoreClient, holds: Callable[[FeedState], bool]) -> None:
    """Wait for a state of the feed of which this holds."""
    changed = asyncio.Event()
    listener = ChangeListener(client, KEYS, lambda _: changed.set())
    listening = asyncio.create_task(listener.run())
    async with asyncio.timeout(SECONDS):
        while True:
            changed.clear()
            state = (await FeedRegister(client, KEYS).all()).get("stock")
            if state is not None and holds(state):
                break
            await changed.wait()
    listening.cancel()


async def shown(settings: Settings) -> str:
    table, leads = await feeds.status(settings)
    console = Console(width=400)
    with console.capture() as captured:
        console.print(table)
    return captured.get() + leads


async def asked(settings: Settings, act: Act, feed: str = "stock") -> str:
    try:
        return await feeds.ask(settings, act, feed, SECONDS)
    except Failure as failure:
        return f"refused: {failure}"


async def test_from_the_guard_to_the_end(
    settings: Settings, client: StoreClient, tmp_path: Path
) -> None:
    drop(tmp_path, MANY, 1)
    assert await asked(settings, Act.SYNC) == "refused: there is no feed stock; known: none yet"
    async with running_loaders(settings):
        await until(client, lambda state: state.verified_through_ms is not None)
        assert await asked(settings, Act.RELEASE) == (
            "refused: nothing is held back of the feed stock"
        )
        assert await asked(settings, Act.SYNC, "stork") == (
            "refused: there is no feed stork; known: stock"
        )
        drop(tmp_path, 20, 2)
        await until(client, lambda state: state.held is not None)
        said = await shown(settings)
        assert f": {HELD_BACK} (20 rows" in said
        assert "(20 rows, 0 rejected, 40 places to remove from; kept)" in said
        assert "leader: " in said
    assert "no loader leads" in await shown(settings)
    assert await asked(settings, Act.RELEASE) == (
        "refused: no loader leads: start `stockspan load`"
    )
    async with running_loaders(settings):
        # Another process it might be: the file is still there. Two ask at once, and one is heard.
        await until(client, lambda _: True)
        while "no loader leads" in await shown(settings):
            continue
        answers = await asyncio.gather(asked(settings, Act.RELEASE), asked(settings, Act.RELEASE))
        released = "stock: released; 20 accepted, 0 ignored, 0 quarantined, 40 removed"
        assert released in answers
        (other,) = set(answers) - {released}
        assert other.startswith(("refused: nothing is held back", "refused: something else"))
        assert "good" in await shown(settings)
        drop(tmp_path, 0, 3)
        await until(client, lambda state: state.held is not None)
        assert await asked(settings, Act.DISCARD) == "stock: dropped"
        assert "good" in await shown(settings)
        # What was read once is not read again by itself, but by request.
        assert (await asked(settings, Act.SYNC)).startswith("stock: a snapshot is taken now")
        await until(client, lambda state: state.held_back == "the snapshot is empty")
        told = await asyncio.to_thread(
            stockspan,
            *("feed", "discard", "stock"),
            folder=tmp_path,
            STOCKSPAN_STORE__URL=settings.store.url,
            STOCKSPAN_STORE__TIMEOUT="5s",
        )
        assert (told.returncode, told.stdout, told.stderr) == (0, "stock: dropped\n", "")


async def test_what_is_pushed_and_what_is_not_configured_cannot_be_asked_for(
    settings: Settings, client: StoreClient, tmp_path: Path
) -> None:
    drop(tmp_path, 1, 1)
    register = FeedRegister(client, KEYS)
    async with running_loaders(settings):
        await until(client, lambda state: state.verified_through_ms is not None)
        # The watch that retires what is not configured has looked already.
        for name in ("push:stock", "other"):
            await register.register(name, "stock")
        assert "is pushed: only its sender" in await asked(settings, Act.SYNC, "push:stock")
        assert "is not configured where the leader runs" in await asked(settings, Act.SYNC, "other")


async def test_nobody_waits_longer_than_told_and_nothing_is_done_afterwards(
    settings: Settings, client: StoreClient
) -> None:
    await FeedRegister(client, KEYS).register("stock", "stock")
    # It leads, and stands still.
    await Leadership(client, KEYS, "stopped", 600_000).take()
    with pytest.raises(Failure, match=r"no answer within 0\.05 s"):
        await feeds.ask(settings, Act.RELEASE, "stock", 0.05)
    requests = FeedRequests(client, KEYS)
    assert await requests.next() is None


async def test_what_is_not_ours_among_the_requests_is_passed_over(client: StoreClient) -> None:
    requests = FeedRequests(client, KEYS)
    for name, text in (("a", b"{"), ("b", b'{"name":"b","act":"burn","feed":"stock"}')):
        await client.redis.set(KEYS.request(name), text)
        await client.redis.rpush(KEYS.asked, name)
    await client.redis.rpush(KEYS.asked, b"\xff")
    asking = asyncio.create_task(requests.ask(Act.SYNC, "stock", SECONDS))
    async with asyncio.timeout(SECONDS):
        while (request := await requests.next()) is None:
            continue
    assert (request.act, request.feed) == (Act.SYNC, "stock")
    asking.cancel()


async def test_only_so_many_requests_wait(client: StoreClient) -> None:
    requests = FeedRequests(client, KEYS)
    for _ in range(3):
        await asyncio.gather(*(requests.ask(Act.SYNC, "stock", 0.001) for _ in range(40)))
    assert await client.redis.llen(KEYS.asked) == 100
