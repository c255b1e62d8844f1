"""The programs in the guide to the clients, and in the client's own README, run as they stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.gateway_server import ALL, Gateway
from tests.integration.api.reserving import priced_shop
from tests.pages import ROOT, tried

PAGES = (ROOT / "docs" / "clients.md", ROOT / "clients" / "python" / "README.md")
PROGRAMS = [block.text for block in tried("python", *PAGES)]


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with priced_shop(redis_url, ledger_dsn) as gateway:
        yield gateway


async def test_every_program_runs(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(PROGRAMS) >= 4
    monkeypatch.setenv("STOCKSPAN_URL", gateway.url)
    monkeypatch.setenv("STOCKSPAN_KEY", ALL)
    capsys.readouterr()
    for program in PROGRAMS:
        # In a thread: each runs a loop of its own, and the gateway is in ours.
        await asyncio.to_thread(_run, program)
    said = capsys.readouterr().out
    assert "20+ available True 2026-11-21 10:00:00+00:00\nconfirmed\n" in said
    assert "A-100 79.00 SEK\nX-1 Unknown SKU\n" in said
    assert "too little of A-100\n" in said


def _run(program: str) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(program, names)  # noqa: S102 - from our own pages
