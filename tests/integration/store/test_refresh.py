"""Both ends of refresh requests, over a real store of each kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.domain.confirmations import Confirmation, Unconfirmed
from gateway.store.changes import ChangeListener
from gateway.store.client import StoreClient
from gateway.store.keys import Change, ChangeKind, Keyspace
from gateway.store.refresh import RefreshInbox, RefreshRequests
from gateway.store.refresh_codec import LONGEST_MS, MOST_SKUS, Refreshed, RefreshRequest
from stockspan.embedded.valkey import EmbeddedValkey

KEYS = Keyspace("ss")
SECONDS = 20
NO_LOADER = Confirmation(refused=Unconfirmed.NO_LOADER)
DEADLINE = Confirmation(refused=Unconfirmed.DEADLINE)


class Ends:
    """A gateway's end and a loader's, and what the latter has heard."""

    def __init__(self, client: StoreClient) -> None:
        self.client = client
        self.inbox = RefreshInbox(client, KEYS)
        self.heard: asyncio.Queue[RefreshRequest] = asyncio.Queue()
        self.listener = ChangeListener(client, KEYS, self._on_change)
        self.requests = RefreshRequests(client, KEYS, lambda: self.listener.connected)
        self._here = asyncio.Event()

    def _on_change(self, change: Change | None) -> None:
        self._here.set()
        if change is not None and change.kind is ChangeKind.REFRESHED:
            self.requests.hear(change)

    @asynccontextmanager
    async def listening(self, *, loader: bool = True) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.listener.run())]
        if loader:
            tasks.append(asyncio.create_task(self.inbox.listen(self.heard.put_nowait)))
        try:
            async with asyncio.timeout(SECONDS):
                await self._here.wait()
                if loader:
                    await self._until_heard()
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self.requests.end()

    async def _until_heard(self) -> None:
        # In a cluster no node knows who listens at the others: what is no request tells it.
        while True:
            await self.client.redis.publish(KEYS.refresh, b"?")
            if self.inbox.corrupt:
                return
            await asyncio.sleep(0.001)

    async def next(self) -> RefreshRequest:
        async with asyncio.timeout(SECONDS):
            return await self.heard.get()


@pytest.fixture
def ends(client: StoreClient) -> Ends:
    return Ends(client)


async def test_who_asks_in_one_turn_shares_a_message(ends: Ends) -> None:
    async with ends.listening():
        asking = asyncio.gather(ends.requests.ask(["A", "B"], SECONDS), ends.requests.ask("A", 10))
        request = await ends.next()
        assert (request.skus, request.callers) == (("A", "B"), 2)
        assert request.within_ms == LONGEST_MS
        read = {"A": ("W1", "W2")}
        refused = {"B": Unconfirmed.NOT_IN_ERP}
        await ends.inbox.tell(Refreshed((request.request,), as_of_ms=7, read=read, refused=refused))
        there = Confirmation({"W1": 7, "W2": 7})
        missing = Confirmation(refused=Unconfirmed.NOT_IN_ERP)
        assert list(await asking) == [{"A": there, "B": missing}, {"A": there}]
        assert ends.heard.empty()


async def test_an_answer_to_others_is_none(ends: Ends) -> None:
    async with ends.listening():
        asking = asyncio.create_task(ends.requests.ask(["A"], SECONDS))
        request = await ends.next()
        await ends.inbox.tell(Refreshed(("someone-else",), as_of_ms=1, read={"A": ("W1",)}))
        await ends.inbox.tell(Refreshed((request.request,), as_of_ms=2, read={"A": ("W1",)}))
        assert await asking == {"A": Confirmation({"W1": 2})}


async def test_every_feed_is_waited_for(ends: Ends) -> None:
    async with ends.listening():
        asking = asyncio.create_task(ends.requests.ask(["A"], SECONDS))
        names = ((await ends.next()).request,)
        await ends.inbox.tell(Refreshed(names, 2, refused={"A": Unconfirmed.NOT_IN_ERP}))
        await ends.inbox.tell(Refreshed(names, 2, 5, {"A": ("W1",)}))
        assert await asking == {"A": Confirmation({"W1": 5}, Unconfirmed.NOT_IN_ERP)}


async def test_at_the_deadline_what_is_there_is_told(ends: Ends) -> None:
    async with ends.listening():
        asking = asyncio.create_task(ends.requests.ask(["A", "B"], 0.3))
        names = ((await ends.next()).request,)
        await ends.inbox.tell(Refreshed(names, 2, 5, {"A": ("W1",)}))
        said = await asking
        assert said["A"] in (Confirmation({"W1": 5}, Unconfirmed.DEADLINE), DEADLINE)
        assert said["B"] == DEADLINE
        # What comes later is for nobody.
        await ends.inbox.tell(Refreshed(names, 2, 6, {"A": ("W1",)}))
        assert await ends.requests.ask(["A"], 0.001) == {"A": DEADLINE}


async def test_many_skus_are_more_than_one_message(ends: Ends) -> None:
    async with ends.listening():
        halves = [[f"{half}-{number}" for number in range(MOST_SKUS - 1)] for half in "AB"]
        asking = asyncio.gather(*(ends.requests.ask(half, SECONDS) for half in halves))
        for half in halves:
            request = await ends.next()
            assert list(request.skus) == half
            refused = dict.fromkeys(half, Unconfirmed.ERP_BUSY)
            await ends.inbox.tell(Refreshed((request.request,), refused=refused))
        assert [len(said) for said in await asking] == [MOST_SKUS - 1] * 2


async def test_where_no_loader_listens_one_is_told_at_once(single_client: StoreClient) -> None:
    ends = Ends(single_client)
    async with ends.listening(loader=False):
        assert await ends.requests.ask(["A"], SECONDS) == {"A": NO_LOADER}
    # What nobody heard was not kept.
    assert await single_client.redis.keys("*refresh*") == []


async def test_who_would_not_hear_the_answer_does_not_ask(single_client: StoreClient) -> None:
    ends = Ends(single_client)
    assert await ends.requests.ask(["A"], SECONDS) == {"A": NO_LOADER}


async def test_a_store_that_is_away_confirms_nothing(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "valkey", appendonly=False) as server:
        client = StoreClient.connect(server.url, deadline=1.0)
        ends = Ends(client)
        ends.requests = RefreshRequests(client, KEYS, lambda: True)
        server.kill()
        assert await ends.requests.ask(["A"], SECONDS) == {"A": NO_LOADER}
        await client.close()
