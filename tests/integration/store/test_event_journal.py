"""The journal of events on both kinds of store: bounded, each event once, whoever repeats it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from gateway.domain.errors import StoreUnavailableError
from gateway.observability.events import Event, EventKind
from gateway.observability.recorder import Recorder
from gateway.store.alert_shelf import AlertShelf
from gateway.store.client import StoreClient
from gateway.store.event_journal import AT_A_TIME, EventJournal
from gateway.store.event_writer import EventWriter
from gateway.store.keys import Keyspace
from stockspan.embedded.valkey import EmbeddedValkey

KEYS = Keyspace("ss")


def event(name: str) -> Event:
    return Event(name, EventKind.FEED_FAILED, 5, "stock", {"reason": "Ärger"}, "here")


async def newest(journal: EventJournal) -> list[str]:
    return [entry.event.id if entry.event else "?" async for entry in journal.newest()]


async def test_an_event_is_there_once_however_often_it_is_sent(client: StoreClient) -> None:
    journal = EventJournal(client, KEYS)
    assert await journal.after("0") == []
    assert await journal.append([event("a"), event("b"), event("a")]) == 2
    assert await journal.append([event("b"), event("c")]) == 1
    entries = await journal.after("0")
    assert [entry.event for entry in entries] == [event("a"), event("b"), event("c")]
    assert await newest(journal) == ["c", "b", "a"]
    rest = await journal.after(entries[0].position, 1)
    assert [entry.event for entry in rest] == [event("b")]
    assert await journal.after(entries[-1].position) == []


async def test_the_oldest_go_and_so_do_their_ids(client: StoreClient) -> None:
    journal = EventJournal(client, KEYS, length=3)
    await journal.append([event(name) for name in "abcde"])
    await journal.append([event("f")])
    assert await newest(journal) == ["f", "e", "d"]
    assert await client.redis.zcard(KEYS.event_ids) == 3


async def test_a_long_journal_is_read_in_pages(client: StoreClient) -> None:
    journal = EventJournal(client, KEYS)
    names = [f"e{number:03}" for number in range(2 * AT_A_TIME + 1)]
    await journal.append([event(name) for name in names])
    assert await newest(journal) == names[::-1]


async def test_what_is_not_ours_is_passed_over(client: StoreClient) -> None:
    journal = EventJournal(client, KEYS)
    await client.redis.xadd(KEYS.events, {"e": "junk"})
    await client.redis.xadd(KEYS.events, {"x": "y"})
    assert [entry.event for entry in await journal.after("0")] == [None, None]
    await client.redis.delete(KEYS.events)
    for key in (KEYS.events, KEYS.event_ids):
        await client.redis.set(key, "junk")
    assert await journal.after("0") == []
    assert await newest(journal) == []
    assert await journal.append([event("a")]) == 1
    assert await newest(journal) == ["a"]


async def test_how_alerts_stand_is_written_by_who_read_it_last(client: StoreClient) -> None:
    shelf = AlertShelf(client, KEYS)
    assert await shelf.read() == (0, None)
    assert await shelf.keep(0, b"one") == 1
    assert await AlertShelf(client, KEYS).keep(0, b"other") is None
    assert await shelf.read() == (1, b"one")
    # What it wrote itself, it has seen, though the reply may have been lost.
    assert await shelf.keep(0, b"one") == 2
    await client.redis.delete(KEYS.alerts)
    assert await shelf.keep(0, b"one") == 1
    assert await shelf.keep(1, b"two") == 2
    assert await shelf.read() == (2, b"two")
    await client.redis.delete(KEYS.alerts)
    assert await shelf.keep(2, b"three") == 3
    await client.redis.set(KEYS.alerts, "junk")
    assert await shelf.read() == (0, None)
    assert await shelf.keep(0, b"anew") == 1


class Watched:
    """A journal that says when it was appended to, and when it could not be."""

    def __init__(self, journal: EventJournal) -> None:
        self.journal = journal
        self.refused = asyncio.Event()
        self.appended = asyncio.Event()

    async def append(self, events: Sequence[Event]) -> int:
        try:
            written = await self.journal.append(events)
        except StoreUnavailableError:
            self.refused.set()
            raise
        self.appended.set()
        return written


async def test_events_of_an_outage_are_written_after_it_with_their_own_time(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", appendonly=False)
    client = StoreClient.connect(server.url, deadline=2.0)
    recorder = Recorder("here", iter(range(1, 9)).__next__)
    journal = Watched(EventJournal(client, KEYS))
    writing = asyncio.create_task(EventWriter(recorder, journal).run())
    recorder.record(EventKind.STORE_UNREACHABLE, "store")
    recorder.record(EventKind.FEED_FAILED, "stock")
    try:
        async with asyncio.timeout(20):
            await journal.refused.wait()
            server.start()
            await journal.appended.wait()
        recorder.record(EventKind.STORE_BACK, "store")
        # Told to end before it has come to this: it writes what is left first.
        writing.cancel()
        await asyncio.wait({writing})
        entries = await journal.journal.after("0")
        assert [(entry.event.kind, entry.event.at_ms) for entry in entries if entry.event] == [
            ("store.unreachable", 1),
            ("feed.failed", 2),
            ("store.back", 3),
        ]
        assert recorder.waiting(9) == []
    finally:
        writing.cancel()
        await client.close()
        await asyncio.to_thread(server.stop)
