"""A worker's life: it listens, it stops in good order, and it says why it cannot."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web

from gateway.api.server import Address, listening, run_worker
from gateway.store.stock import HeldReading, StockStore
from gateway.wiring.assembly import Assembly, assemble
from tests.gateway_server import NOON_MS, Clock, settings
from tests.stocked_store import StockedStore


class Worker:
    """A worker in a task of its own."""

    def __init__(self, parts: Assembly, port: int, shutdown: asyncio.Event, task: Any) -> None:
        self.parts = parts
        self.url = f"http://127.0.0.1:{port}"
        self.shutdown = shutdown
        self.task: asyncio.Task[None] = task


@asynccontextmanager
async def working(redis_url: str, address: Address) -> AsyncIterator[Worker]:
    parts = assemble(settings(redis_url), Clock())
    shutdown, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_worker(parts, address, shutdown, on_listening=port.set_result))
    await asyncio.wait({task, port}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield Worker(parts, port.result(), shutdown, task)
    finally:
        shutdown.set()
        await asyncio.gather(task, return_exceptions=True)


async def _until_ready(session: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(10):
        while True:
            async with session.get(f"{url}/readyz") as response:
                if response.status == 200:
                    return
            await asyncio.sleep(0.01)


async def test_a_worker_sees_what_is_loaded_after_it_started(redis_url: str) -> None:
    async with working(redis_url, Address(port=0)) as worker, aiohttp.ClientSession() as session:
        store = StockedStore(worker.parts.client)
        await store.stock("A", {"W1": 30})
        await store.verify(NOON_MS)
        await _until_ready(session, worker.url)
        async with session.get(f"{worker.url}/v1/stock/A") as response:
            assert (await response.json())["status"] == "in_stock"


async def test_a_request_under_way_is_answered_before_the_worker_ends(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(redis_url, Address(port=0)) as worker, aiohttp.ClientSession() as session:
        await StockedStore(worker.parts.client).verify(NOON_MS)
        await _until_ready(session, worker.url)
        reached, go_on = asyncio.Event(), asyncio.Event()

        read = StockStore.read_held

        async def waiting(store: StockStore, skus: Sequence[str]) -> HeldReading:
            reached.set()
            await go_on.wait()
            return await read(store, skus)

        monkeypatch.setattr(StockStore, "read_held", waiting)

        async def ask() -> int:
            async with session.get(f"{worker.url}/v1/stock/A") as response:
                return response.status

        asking = asyncio.create_task(ask())
        async with asyncio.timeout(10):
            await reached.wait()
        worker.shutdown.set()
        async with asyncio.timeout(10):
            await _until_refused(worker.url)
        assert not worker.task.done()
        go_on.set()
        assert await asking == 404
        async with asyncio.timeout(10):
            await worker.task


async def _until_refused(url: str) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        except ConnectionRefusedError:
            return
        writer.close()
        await asyncio.sleep(0.01)


async def test_idle_connections_do_not_hold_a_worker_up(redis_url: str) -> None:
    async with working(redis_url, Address(port=0)) as worker, aiohttp.ClientSession() as session:
        async with session.get(f"{worker.url}/livez") as response:
            assert response.status == 200
        silent = await asyncio.open_connection("127.0.0.1", int(worker.url.rpartition(":")[2]))
        worker.shutdown.set()
        async with asyncio.timeout(5):
            await worker.task
        assert await silent[0].read() == b""
        silent[1].close()


@pytest.mark.parametrize("turns", range(10))
def test_a_connection_accepted_at_the_last_moment_does_not_either(turns: int) -> None:
    # On the loop that workers run on, because the moment differs from loop to loop.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_stop_just_after_accepting(turns))


async def _stop_just_after_accepting(turns: int) -> None:
    stack = AsyncExitStack()
    port = await stack.enter_async_context(listening(web.Application(), Address(port=0), grace=60))
    with socket.create_connection(("127.0.0.1", port)):
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await stack.aclose()


async def test_a_port_in_use_is_told(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"):
            async with working(redis_url, address):
                pass


async def test_workers_share_a_port(redis_url: str) -> None:
    first = Address(port=0, reuse_port=True)
    async with working(redis_url, first) as one, aiohttp.ClientSession() as session:
        port = int(one.url.rpartition(":")[2])
        async with working(redis_url, Address(port=port, reuse_port=True)):
            pass
        async with session.get(f"{one.url}/livez") as response:
            assert response.status == 200


async def test_a_bound_socket_is_taken_over(redis_url: str) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    async with (
        working(redis_url, Address(sockets=(sock,))) as worker,
        aiohttp.ClientSession() as session,
    ):
        assert worker.url.endswith(f":{port}")
        async with session.get(f"{worker.url}/livez") as response:
            assert response.status == 200


async def test_a_part_that_fails_ends_the_worker_with_its_error(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(redis_url, Address(port=0)) as worker:

        async def broken(_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(type(worker.parts.directory), "renew", broken)
        async with asyncio.timeout(10):
            with pytest.raises(ZeroDivisionError):
                await worker.task
