"""Letters on their way: a real mail server and a real webhook, with what they may say."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from gateway.config.alert_sections import Alerts
from gateway.config.file import SettingsError
from gateway.observability.alerts import Alert
from gateway.observability.events import Event, EventKind
from loaders.alerts.channels import senders
from loaders.alerts.letters import Letter, Sender, UndeliverableError
from tests.faults.proxy import FaultProxy
from tests.mail_server import MailServer, certificate

NOON = 1_795_255_200_000
FAILED = Event(
    "run-7", EventKind.FEED_FAILED, NOON, "stock", {"reason": "no\r\nBcc: x@evil"}, "loaders a:1"
)
ALERT = Alert("errors/run-7", "errors", ("mail",), FAILED, NOON - 60_000, 3)
LETTER = Letter(ALERT, "mail", "ops@shop.example")
PASSWORD, SECRET = "hunter2-hunter2", "0123456789abcdef"


def smtp(port: int, **more: object) -> Sender:
    channel = {
        "type": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "stockspan@shop.example",
        "to": ["ops@shop.example"],
        "timeout": "5s",
    }
    return sender(channel | more)


def sender(channel: dict[str, Any]) -> Sender:
    return senders(Alerts.model_validate({"channels": {"mail": channel}}))["mail"]


async def refusal(sender: Sender) -> UndeliverableError:
    with pytest.raises(UndeliverableError) as caught:
        await sender.send(LETTER)
    await sender.close()
    assert PASSWORD not in str(caught.value)
    assert SECRET not in str(caught.value)
    return caught.value


async def test_a_mail_says_what_where_since_when_and_what_to_do() -> None:
    async with MailServer() as server:
        for _ in range(2):
            await smtp(server.port).send(LETTER)
    one, again = server.mails
    assert one["Subject"] == "[stockspan] error: a feed fails: stock"
    assert one["From"] == "stockspan@shop.example"
    assert one["To"] == "ops@shop.example"
    assert one["X-Stockspan-Alert"] == "errors/run-7"
    assert one["Auto-Submitted"] == "auto-generated"
    assert one["Message-ID"] == again["Message-ID"]
    assert one["Bcc"] is None
    text = one.get_content()
    for line in (
        "A feed fails.",
        "feed:          stock",
        "reason:        no Bcc: x@evil",
        "since:         2026-11-21T09:59:00Z",
        "seen:          3 times, last at 2026-11-21T10:00:00Z",
        "More in docs/feeds.md.",
        "Told by the rule errors; seen by loaders a:1.",
    ):
        assert line in text.splitlines()


async def test_that_it_is_over_is_told_as_such() -> None:
    over = Event("run-8", EventKind.FEED_RECOVERED, NOON, "stock", {}, "loaders a:1")
    async with MailServer() as server:
        letter = Letter(Alert("e/8", "e", (), over, NOON, 1, over=True), "mail", "ops@shop.example")
        await smtp(server.port).send(letter)
    assert server.subjects == ["[stockspan] over: a feed works again: stock"]
    assert "What to do" not in server.mails[0].get_content()


async def test_a_login_goes_by_starttls_and_trusts_what_is_configured(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    login = {"security": "starttls", "username": "stockspan"}
    async with MailServer(context, ("stockspan", PASSWORD)) as server:
        known = login | {"ca_file": str(trusted)}
        await smtp(server.port, **known, password=PASSWORD).check()
        assert server.mails == []
        await smtp(server.port, **known, password=PASSWORD).send(LETTER)
        assert len(server.mails) == 1
        wrong = await refusal(smtp(server.port, **known, password="wrong-" + PASSWORD))
        assert str(wrong) == "the mail server refused the user or password"
        strange = await refusal(smtp(server.port, **login, password=PASSWORD))
        assert "certificate" in str(strange)
    async with MailServer() as server:
        plain = await refusal(smtp(server.port, **known, password=PASSWORD))
        assert "STARTTLS" in str(plain)
        assert not plain.only_this
        assert not server.mails


@pytest.mark.parametrize(
    ("answer", "only_this"), [("550 no such user", True), ("451 come back later", True)]
)
async def test_an_address_that_is_refused_concerns_its_letters_alone(
    answer: str, *, only_this: bool
) -> None:
    async with MailServer() as server:
        server.refusing["ops@shop.example"] = answer
        error = await refusal(smtp(server.port))
    assert str(error) == f"the mail server said {answer}"
    assert error.only_this is only_this


async def test_a_mail_server_that_is_down_or_silent_takes_nothing() -> None:
    async with MailServer() as server:
        pass
    down = await refusal(smtp(server.port))
    assert (str(down), down.only_this) == ("no connection to the mail server", False)
    async with MailServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        proxy.to_client.stalled = True
        silent = await refusal(smtp(proxy.port, timeout="200ms"))
        assert (str(silent), silent.only_this) == ("the mail server gave no answer in time", False)


@asynccontextmanager
async def receiver(
    status: int = 200,
) -> AsyncIterator[tuple[str, list[tuple[web.Request, bytes]]]]:
    """A webhook's address, and what has come to it."""
    come: list[tuple[web.Request, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        come.append((request, await request.read()))
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_post("/hook/{rest}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/hook/{SECRET}", come
    finally:
        await runner.cleanup()


async def test_a_webhook_gets_json_that_is_signed() -> None:
    async with receiver(204) as (url, come):
        signed = sender({"type": "webhook", "url": url, "secret": SECRET})
        plain = sender({"type": "webhook", "url": url})
        for one in (signed, plain):
            await one.send(LETTER)
            await one.close()
    (request, body), (unsigned, _) = come
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert request.headers["X-Stockspan-Signature"] == f"sha256={digest}"
    assert "X-Stockspan-Signature" not in unsigned.headers
    assert request.headers["X-Stockspan-Alert"] == "errors/run-7"
    assert request.content_type == "application/json"
    assert json.loads(body) == {
        "id": "errors/run-7",
        "state": "firing",
        "kind": "feed.failed",
        "severity": "error",
        "subject": "stock",
        "summary": "[stockspan] error: a feed fails: stock",
        "details": {"reason": "no\r\nBcc: x@evil"},
        "since": "2026-11-21T09:59:00Z",
        "at": "2026-11-21T10:00:00Z",
        "times": 3,
        "rule": "errors",
        "source": "loaders a:1",
        "advice": FAILED.meaning.advice,
        "docs": "docs/feeds.md",
    }


@pytest.mark.parametrize(
    ("status", "only_this"), [(500, False), (429, False), (404, True), (302, False)]
)
async def test_any_other_answer_of_a_webhook_is_no_delivery(
    status: int, *, only_this: bool
) -> None:
    async with receiver(status) as (url, come):
        error = await refusal(sender({"type": "webhook", "url": url, "secret": SECRET}))
        assert (str(error), error.only_this) == (f"the webhook answered {status}", only_this)
        assert len(come) == 1


async def test_a_webhook_that_is_away_or_silent_takes_nothing() -> None:
    async with receiver() as (url, _):
        pass
    away = await refusal(sender({"type": "webhook", "url": url, "secret": SECRET}))
    assert (str(away), away.only_this) == ("no connection to the webhook", False)
    async with receiver() as (url, _):
        port = URL(url).port
        assert port is not None
        async with FaultProxy("127.0.0.1", port) as proxy:
            proxy.to_client.stalled = True
            hook = {"type": "webhook", "url": str(URL(url).with_port(proxy.port))}
            silent = await refusal(sender(hook | {"timeout": "200ms"}))
    assert str(silent) == "the webhook gave no answer in time"


def test_a_channel_that_cannot_work_is_named() -> None:
    with capture_logs() as logs:
        with pytest.raises(SettingsError, match=r"^alerts.channels.mail.password is missing"):
            smtp(1, security="tls", username="u")
        with pytest.raises(SettingsError, match=r"^alerts.channels.mail.ca_file = '/nowhere': "):
            smtp(1, security="tls", ca_file="/nowhere")
    assert logs == []
