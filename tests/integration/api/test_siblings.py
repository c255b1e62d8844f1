"""Workers that share an address tell of each other, and of one that does not answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from gateway.api.app import create_app
from gateway.api.server import Address, listening
from gateway.api.siblings import Siblings
from gateway.wiring.assembly import assemble
from tests.gateway_server import Clock, settings


@asynccontextmanager
async def telling(siblings: Siblings, text: bytes) -> AsyncIterator[None]:
    task = asyncio.create_task(siblings.run(lambda: text))
    try:
        await asyncio.sleep(0)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_up(siblings: Siblings, *expected: bool) -> None:
    async with asyncio.timeout(10):
        while list((await siblings.up()).values()) != list(expected):  # noqa: ASYNC110 - asked
            await asyncio.sleep(0.01)


async def test_whoever_is_asked_tells_of_all(tmp_path: Path) -> None:
    one, other = Siblings(tmp_path, 0, 2), Siblings(tmp_path, 1, 2)
    async with telling(one, b"a 1.0\n"), telling(other, b"a 2.0\n"):
        await until_up(one, True, True)
        assert await one.metrics() == await other.metrics()
        assert (await one.metrics()).splitlines()[-2:] == [
            b'a{worker="0"} 1.0',
            b'a{worker="1"} 2.0',
        ]


async def test_one_that_is_gone_or_says_nothing_or_half_of_it_is_down(tmp_path: Path) -> None:
    asked = Siblings(tmp_path, 0, 4, patience=0.2)
    silent, broken = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    silent.bind(str(tmp_path / "2.sock"))
    silent.listen()
    broken.bind(str(tmp_path / "3.sock"))

    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((100).to_bytes(8, "big") + b"a 1.0\n")
        writer.close()

    with silent:
        server = await asyncio.start_unix_server(half, sock=broken)
        async with server, telling(asked, b"a 1.0\n"):
            assert await asked.up() == {0: True, 1: False, 2: False, 3: False}
            text = await asked.metrics()
    assert b'stockspan_worker_up{worker="0"} 1.0\n' in text
    assert b'stockspan_worker_up{worker="3"} 0.0\n' in text
    assert text.count(b"\na{") == 1


async def test_a_follower_takes_the_place_of_one_that_was_killed(tmp_path: Path) -> None:
    asked = Siblings(tmp_path, 0, 2)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "1.sock"))
    left.close()
    async with telling(asked, b"a 1.0\n"):
        assert await asked.up() == {0: True, 1: False}
        async with telling(Siblings(tmp_path, 1, 2), b"a 2.0\n"):
            await until_up(asked, True, True)


async def test_a_folder_that_was_left_is_taken_away(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "0.sock"))
    Siblings(folder, 1, 2).abandon()
    assert not folder.exists()
    Siblings(folder, 0, 2).abandon()


async def test_an_operator_sees_all_workers_at_one_address(redis_url: str, tmp_path: Path) -> None:
    chosen = settings(redis_url)
    async with AsyncExitStack() as stack:
        ports = []
        for place in (0, 1):
            parts = assemble(chosen, Clock())
            stack.push_async_callback(parts.close)
            siblings = Siblings(tmp_path, place, 3, replaced=place, patience=5)
            app = create_app(parts, siblings=siblings)
            ports.append(await stack.enter_async_context(listening(app, Address(port=0), grace=1)))
            task = asyncio.create_task(siblings.run(lambda: b"told 1.0\n"))
            stack.callback(task.cancel)
            await until_up(siblings, *(number <= place for number in range(3)))
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{ports[0]}/metrics") as answer:
                text = await answer.text()
            async with session.get(f"http://127.0.0.1:{ports[1]}/readyz?verbose") as answer:
                checks = (await answer.json())["checks"]
    assert 'told{worker="0"} 1.0\ntold{worker="1"} 1.0\n' in text
    assert 'stockspan_worker_up{worker="2"} 0.0\n' in text
    assert checks[-3:] == [
        {"name": "worker:0", "ok": True},
        {"name": "worker:1", "ok": True},
        {"name": "worker:2", "ok": False},
    ]
