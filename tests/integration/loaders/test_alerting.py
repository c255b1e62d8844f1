"""Alerts as they go out: from the journal of all processes to a real mail server, come what may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.config.alert_sections import Alerts
from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from gateway.store.alert_shelf import AlertShelf
from gateway.store.client import StoreClient
from gateway.store.event_journal import EventJournal
from gateway.store.event_writer import EventWriter
from gateway.store.keys import Keyspace
from loaders.alerts.channels import telling
from loaders.alerts.following import Alerting, always
from loaders.load import clock_ms
from loaders.resilience import ended
from stockspan.embedded.valkey import EmbeddedValkey
from tests.mail_server import MailServer

KEYS = Keyspace("t")
EVERY = 0.02
FAILED = "[stockspan] error: a feed fails: "


def configured(server: MailServer, *to: str, **rules: Any) -> Alerts:
    channel = {
        "type": "smtp",
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "sender": "stockspan@shop.example",
        "to": list(to) or ["ops@shop.example"],
    }
    return Alerts.model_validate({"channels": {"mail": channel}, "rules": rules})


class Process:
    """A process that writes its events into the journal, and may deliver alerts."""

    def __init__(self, url: str, name: str) -> None:
        self.client = StoreClient.connect(url, deadline=2.0)
        self.recorder = Recorder(name)
        self.journal = EventJournal(self.client, KEYS)
        self.tasks = [asyncio.create_task(EventWriter(self.recorder, self.journal).run())]

    def deliver(self, alerts: Alerts, leads: Callable[[], bool] = always) -> None:
        """Follow the journal from now on."""
        shelf = AlertShelf(self.client, KEYS)
        told = telling(alerts)
        alerting = Alerting(told, self.journal, shelf, self.recorder, clock_ms, leads, EVERY)
        self.tasks.append(asyncio.create_task(alerting.run()))

    async def stop(self) -> None:
        await ended(self.tasks)
        await self.client.close()


@asynccontextmanager
async def process(url: str, name: str = "loaders a:1") -> AsyncIterator[Process]:
    started = Process(url, name)
    try:
        yield started
    finally:
        await started.stop()


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with MailServer() as server:
        yield server


async def waiting(client: StoreClient, letters: int) -> None:
    """Until so many letters lie on the shelf."""
    async with asyncio.timeout(20):
        while True:
            _, text = await AlertShelf(client, KEYS).read()
            if text is not None and text.count(b'"channel":') == letters:
                return
            await asyncio.sleep(EVERY)


async def test_what_a_gateway_saw_is_told_by_the_loader_and_that_it_is_over(
    redis_url: str, mail: MailServer
) -> None:
    async with process(redis_url, "gateway b:2") as gateway, process(redis_url) as loader:
        loader.deliver(configured(mail))
        gateway.recorder.record(EventKind.LEDGER_UNREACHABLE, "ledger", reason="no connection")
        await mail.until(lambda: len(mail.mails) == 1)
        gateway.recorder.record(EventKind.LEDGER_BACK, "ledger")
        await mail.until(lambda: len(mail.mails) == 2)
        await waiting(loader.client, 0)
    assert mail.subjects == [
        "[stockspan] error: the ledger does not answer: ledger",
        "[stockspan] over: the ledger answers again: ledger",
    ]
    assert "seen by gateway b:2." in mail.mails[0].get_content()


async def test_a_mail_server_that_is_down_delays_nobody_and_loses_nothing(
    redis_url: str, mail: MailServer
) -> None:
    alerts = configured(mail)
    await mail.down()
    async with process(redis_url) as loader:
        loader.deliver(alerts)
        for name in ("stock", "prices"):
            loader.recorder.record(EventKind.FEED_FAILED, name)
        # Two, and the one which says that they cannot be delivered.
        await waiting(loader.client, 3)
        await mail.up()
        await mail.until(lambda: len(mail.mails) == 4)
        await waiting(loader.client, 0)
    assert mail.subjects == [
        FAILED + "stock",
        FAILED + "prices",
        "[stockspan] warning: alerts cannot be delivered: mail",
        "[stockspan] over: alerts are delivered again: mail",
    ]


async def test_the_next_loader_delivers_what_the_last_one_could_not(
    redis_url: str, mail: MailServer
) -> None:
    alerts = configured(mail)
    await mail.down()
    async with process(redis_url) as loader:
        loader.deliver(alerts)
        loader.recorder.record(EventKind.FEED_FAILED, "stock")
        await waiting(loader.client, 2)
    await mail.up()
    async with process(redis_url, "loaders a:2") as loader:
        loader.recorder.record(EventKind.FEED_RECOVERED, "stock")
        loader.deliver(alerts)
        await mail.until(lambda: len(mail.mails) == 3)
        await waiting(loader.client, 0)
    assert mail.subjects[0] == FAILED + "stock"
    assert mail.subjects[2] == "[stockspan] over: a feed works again: stock"


async def test_one_address_that_is_refused_keeps_nothing_from_the_other(
    redis_url: str, mail: MailServer
) -> None:
    mail.refusing["away@shop.example"] = "550 no such user"
    rule = {"kinds": ["feed.failed"]}
    async with process(redis_url) as loader:
        loader.deliver(configured(mail, "away@shop.example", "ops@shop.example", feeds=rule))
        for name in ("stock", "prices"):
            loader.recorder.record(EventKind.FEED_FAILED, name)
        await mail.until(lambda: len(mail.mails) == 2)
        assert {mail_["To"] for mail_ in mail.mails} == {"ops@shop.example"}
        await waiting(loader.client, 2)
        mail.refusing.clear()
        await mail.until(lambda: len(mail.mails) == 4)
        await waiting(loader.client, 0)
    assert [mail_["To"] for mail_ in mail.mails[2:]] == ["away@shop.example"] * 2


async def test_that_the_store_is_away_is_told_while_it_is_and_once(
    tmp_path: Path, mail: MailServer
) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", appendonly=False)
    server.start()
    try:
        async with process(server.url) as loader:
            loader.deliver(configured(mail))
            loader.recorder.record(EventKind.FEED_FAILED, "stock")
            await mail.until(lambda: len(mail.mails) == 1)
            server.stop()
            loader.recorder.record(EventKind.STORE_UNREACHABLE, "store", reason="no connection")
            await mail.until(lambda: len(mail.mails) == 2)
            server.start()
            loader.recorder.record(EventKind.STORE_BACK, "store")
            await mail.until(lambda: len(mail.mails) == 3)
            # What was told early comes by the journal as well now, and is no news.
            loader.recorder.record(EventKind.FEED_FAILED, "prices")
            await mail.until(lambda: len(mail.mails) == 4)
    finally:
        server.stop()
    assert mail.subjects == [
        FAILED + "stock",
        "[stockspan] error: the store does not answer: store",
        "[stockspan] over: the store answers again: store",
        FAILED + "prices",
    ]


async def test_a_store_that_was_never_there_is_told_of_and_forgets_nothing(
    tmp_path: Path, mail: MailServer
) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", appendonly=False)
    try:
        async with process(server.url) as loader:
            loader.deliver(configured(mail))
            loader.recorder.record(EventKind.STORE_UNREACHABLE, "store")
            await mail.until(lambda: len(mail.mails) == 1)
            server.start()
            loader.recorder.record(EventKind.STORE_BACK, "store")
            await mail.until(lambda: len(mail.mails) == 2)
    finally:
        server.stop()
    assert mail.subjects[1] == "[stockspan] over: the store answers again: store"


async def test_of_two_loaders_the_one_that_leads_delivers(redis_url: str, mail: MailServer) -> None:
    leader = ["a"]

    def leads(name: str) -> bool:
        return leader[0] == name

    async with process(redis_url, "a") as one, process(redis_url, "b") as other:
        for loader in (one, other):
            loader.deliver(configured(mail), partial(leads, loader.recorder.source))
        one.recorder.record(EventKind.FEED_FAILED, "stock")
        await mail.until(lambda: len(mail.mails) == 1)
        await waiting(one.client, 0)
        leader[0] = "b"
        other.recorder.record(EventKind.FEED_RECOVERED, "stock")
        await mail.until(lambda: len(mail.mails) == 2)
        await waiting(one.client, 0)
        leader[0] = "a"
        one.recorder.record(EventKind.FEED_FAILED, "prices")
        await mail.until(lambda: len(mail.mails) == 3)
        await waiting(one.client, 0)
    assert mail.subjects == [
        FAILED + "stock",
        "[stockspan] over: a feed works again: stock",
        FAILED + "prices",
    ]


async def test_two_that_both_think_they_lead_undo_nothing(redis_url: str, mail: MailServer) -> None:
    async with process(redis_url, "a") as one, process(redis_url, "b") as other:
        for loader in (one, other):
            loader.deliver(configured(mail))
        names = [f"feed-{number}" for number in range(5)]
        for name in names:
            one.recorder.record(EventKind.FEED_FAILED, name)
        await mail.until(lambda: {FAILED + name for name in names} <= set(mail.subjects))
        await waiting(other.client, 0)
    # Each may come twice, and then says so by its number.
    numbers = {mail_["X-Stockspan-Alert"] for mail_ in mail.mails}
    assert len(numbers) == len(names)
