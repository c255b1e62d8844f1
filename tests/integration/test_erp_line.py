"""The line to the sample ERP: PostgreSQL behind it, cut and mended; and the key that does it."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from aiohttp import ClientSession

from stockspan.demo.erp_line import Condition, open_line
from stockspan.embedded.postgres import EmbeddedPostgres
from tests.running_shop import answered, nowhere, running_shop

_ROOT = Path(__file__).parents[2]
_LISTENS = """
import asyncio
from stockspan.demo.keyboard import has_keyboard, keys

async def main():
    done = asyncio.Event()
    def pressed(key):
        print(f"<{key}>", flush=True)
        if key == "q":
            done.set()
    with keys(pressed):
        print("ready" if has_keyboard() else "no keyboard", flush=True)
        if has_keyboard():
            await done.wait()

asyncio.run(main())
"""


async def _one(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT 1"))
    finally:
        await connection.close()


async def test_what_goes_over_the_line_ends_with_it(postgres: EmbeddedPostgres) -> None:
    async with open_line(postgres.dsn()) as line:
        began = line.state
        assert began.condition is Condition.UP
        connection = await asyncpg.connect(line.dsn)
        assert await connection.fetchval("SELECT repeat('x', 300000)") == "x" * 300_000
        sleeping = asyncio.create_task(connection.fetchval("SELECT pg_sleep(60)"))
        cut = await line.turn(Condition.DOWN)
        assert (cut.condition, cut.since >= began.since) == (Condition.DOWN, True)
        with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
            await sleeping
        with pytest.raises(ConnectionRefusedError):
            await asyncpg.connect(line.dsn)
        assert await line.turn(Condition.DOWN) == cut, "cut already"
        assert (await line.turn(Condition.UP)).condition is Condition.UP
        assert await _one(line.dsn) == 1
        connection.terminate()
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(line.dsn)


async def test_a_line_that_hangs_refuses_nobody_and_answers_nobody(
    postgres: EmbeddedPostgres,
) -> None:
    async with open_line(postgres.dsn()) as line:
        connection = await asyncpg.connect(line.dsn)
        await line.turn(Condition.HANGING)
        asked = asyncio.create_task(connection.fetchval("SELECT 7"))
        calling = asyncio.create_task(_one(line.dsn))
        assert await _one(postgres.dsn()) == 1, "the ERP itself is well"
        assert not asked.done()
        assert not calling.done()
        await line.turn(Condition.SLOW)
        assert await asked == 7, "what hung goes on"
        await line.turn(Condition.HANGING)
        asked = asyncio.create_task(connection.fetchval("SELECT 8"))
        calling.cancel()
        await line.turn(Condition.DOWN)
        with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
            await asked


async def test_a_line_to_nowhere_leads_nowhere() -> None:
    async with open_line(nowhere()) as line:
        with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
            await asyncpg.connect(line.dsn)


async def _turned(shop: ClientSession, body: object) -> int:
    return (await answered(shop, "POST", "/erp", json=body))[0]


async def test_the_page_turns_it(sample_erp: str) -> None:
    async with running_shop(nowhere().replace("postgresql", "http"), sample_erp) as shop:
        status, state = await answered(shop, "GET", "/erp.json")
        assert (status, state["condition"]) == (200, "up")
        sale = {"sku": "A-100"}
        assert (await answered(shop, "POST", "/sell", json=sale))[0] == 200
        assert await _turned(shop, {"condition": "down"}) == 200
        assert (await answered(shop, "GET", "/erp.json"))[1]["condition"] == "down"
        away = (503, {"error": "the ERP is away"})
        assert await answered(shop, "POST", "/sell", json=sale) == away
        assert (await answered(shop, "GET", "/articles.json"))[0] == 200, "the shop's own"
        for wrong in ({"condition": "odd"}, {}, {"condition": "up", "more": 1}):
            assert await _turned(shop, wrong) == 400
        assert (await answered(shop, "POST", "/erp", data=b"{}"))[0] == 415
        assert await _turned(shop, {"condition": "up"}) == 200
        assert (await answered(shop, "POST", "/sell", json=sale))[0] == 200


def test_keys_are_heard_in_a_terminal_alone() -> None:
    command = [sys.executable, "-c", _LISTENS]
    piped = subprocess.run(
        command, input=b"e", capture_output=True, cwd=_ROOT, check=True, timeout=60
    )
    assert piped.stdout == b"no keyboard\n"

    child, terminal = pty.fork()
    if child == 0:
        os.chdir(_ROOT)
        os.execv(sys.executable, command)
    said = _until_said(terminal, b"ready")
    os.write(terminal, b"eEq")
    said += _until_said(terminal, b"<q>")
    assert [part for part in (b"<e>", b"<E>") if part not in said] == []
    assert os.waitpid(child, 0)[1] == 0
    os.close(terminal)


def _until_said(terminal: int, words: bytes) -> bytes:
    said = b""
    with suppress(OSError):  # its end
        while words not in said:
            said += os.read(terminal, 1000)
    assert words in said
    return said
