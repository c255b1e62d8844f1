"""`stockspan journal`, and alerts of a loader that is killed before it could deliver them."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.observability.events import Event, EventKind
from gateway.store.alert_shelf import AlertShelf
from gateway.store.client import StoreClient
from gateway.store.event_journal import EventJournal
from gateway.store.keys import Keyspace
from gateway.wiring.connections import clock_ms
from stockspan.embedded.ports import free_port
from stockspan.failure import Failure
from stockspan.journal import since_ms
from tests.integration.command.running_command import COMMAND, clean, stockspan
from tests.mail_server import MailServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KEYS = Keyspace("ss")
NOON_MS = 1_795_255_200_000


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[StoreClient]:
    client = StoreClient.connect(redis_url, deadline=5.0)
    yield client
    await client.close()


async def test_what_happened_is_shown_as_it_is(
    client: StoreClient, redis_url: str, tmp_path: Path
) -> None:
    await EventJournal(client, KEYS).append(
        [
            Event(
                "1", EventKind.FEED_FAILED, NOON_MS, "[red]stock", {"reason": "\x1b[2Jgone"}, "a:1"
            ),
            Event("2", EventKind.FEED_RECOVERED, NOON_MS + 1000, "stock", {}, "a:1"),
        ]
    )
    words = ("journal", "--severity", "error", "--since", "2026-11-21T10:00:00Z", "--limit", "5")
    environment = {"STOCKSPAN_STORE__URL": redis_url, "COLUMNS": "160"}
    done = await asyncio.to_thread(stockspan, *words, folder=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "feed.recovered" not in done.stdout
    line = done.stdout.splitlines()[3]
    assert "\x1b" not in done.stdout
    for word in ("2026-11-21 10:00:00", "error", "feed.failed", "[red]stock", "reason:  [2Jgone"):
        assert word in line


def test_a_moment_is_so_long_ago_or_a_time_with_its_offset() -> None:
    before = clock_ms()
    ago = since_ms("2h")
    assert ago is not None
    assert before <= ago + 7_200_000 <= clock_ms()
    assert since_ms("2026-11-21T11:00:00+01:00") == NOON_MS
    assert since_ms(None) is None
    for wrong in ("noon", "2 h", "2026-11-21T10:00:00", "9999999999d"):
        with pytest.raises(Failure, match=r"^--since '.*': must be 30m, 2h or 7d, or a moment"):
            since_ms(wrong)


@asynccontextmanager
async def loader(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "load", cwd=folder, env=clean(), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_loader_that_is_killed_loses_no_alert(
    client: StoreClient, redis_url: str, tmp_path: Path
) -> None:
    password = "hunter2-hunter2"
    async with MailServer() as mail:
        await mail.down()
        (tmp_path / "stockspan.toml").write_text(
            f"""
            [store]
            url = "{redis_url}"
            [sources.erp]
            type = "postgres"
            dsn = "postgresql://erp:{password}@127.0.0.1:{free_port()}/erp"
            [feeds.stock]
            kind = "stock"
            source = "erp"
            query = "SELECT 1"
            [alerts.channels.mail]
            type = "smtp"
            host = "127.0.0.1"
            port = {mail.port}
            security = "none"
            sender = "stockspan@shop.example"
            to = ["ops@shop.example"]
            """,
            "utf-8",
        )
        async with loader(tmp_path) as process, asyncio.timeout(60):
            shelf = AlertShelf(client, KEYS)
            while b"feed.failed" not in ((await shelf.read())[1] or b""):  # noqa: ASYNC110 - a key tells nobody
                await asyncio.sleep(0.05)
            process.kill()
        await mail.up()
        async with loader(tmp_path) as process:
            await mail.until(lambda: bool(mail.mails), 60)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0
    assert mail.subjects[0] == "[stockspan] error: a feed fails: stock"
    told = [mail_.get_content() for mail_ in mail.mails]
    log = (tmp_path / "log").read_text("utf-8")
    journal = [entry.event async for entry in EventJournal(client, KEYS).newest()]
    for text in (*told, log, repr(journal)):
        assert password not in text
    assert '"action":"feed.failed"' in log
