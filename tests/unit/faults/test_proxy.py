"""The fault proxy before an echo server: each fault does what its name says, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.faults.proxy import FaultProxy


@dataclass
class Echo:
    """Sends back what it reads, and keeps the pieces that it read."""

    port: int = 0
    pieces: list[bytes] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(1 << 16):
                self.pieces.append(piece)
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.ended.set()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    yield echo
    server.close()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[FaultProxy]:
    async with FaultProxy("127.0.0.1", echo.port) as proxy:
        yield proxy


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, what: bytes) -> None:
        self.writer.write(what)
        await self.writer.drain()

    async def hear(self, count: int) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readexactly(count)

    async def end(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.read()


@asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def test_without_faults_everything_passes(proxy: FaultProxy, echo: Echo) -> None:
    async with connected(proxy) as one, connected(proxy) as other:
        await one.say(b"a" * 300_000)
        await other.say(b"b")
        assert await one.hear(300_000) == b"a" * 300_000
        assert await other.hear(1) == b"b"
        assert (proxy.connections, proxy.open) == (2, 2)
        assert proxy.to_server.bytes == 300_001
        await proxy.until(lambda: proxy.to_client.bytes == 300_001)
    await proxy.until(lambda: proxy.open == 0)


async def test_an_end_passes_and_what_was_said_before_is_answered(proxy: FaultProxy) -> None:
    async with connected(proxy) as client:
        await client.say(b"last")
        client.writer.write_eof()
        assert await client.end() == b"last"
        await proxy.until(lambda: proxy.open == 0)


async def test_latency_delays_each_byte_once(proxy: FaultProxy) -> None:
    proxy.to_server.latency = 0.05
    loop = asyncio.get_running_loop()
    async with connected(proxy) as client:
        start = loop.time()
        for _ in range(20):
            await client.say(b"x")
        assert await client.hear(20) == b"x" * 20
        # A floor, no ceiling: a slow machine cannot break it.
        assert loop.time() - start >= 0.05


async def test_bandwidth_limits_a_connection(proxy: FaultProxy) -> None:
    proxy.to_client.bandwidth = 10_000
    loop = asyncio.get_running_loop()
    async with connected(proxy) as client:
        start = loop.time()
        await client.say(b"x" * 1000)
        assert await client.hear(1000) == b"x" * 1000
        assert loop.time() - start >= 0.1


async def test_slices_arrive_in_pieces(proxy: FaultProxy, echo: Echo) -> None:
    proxy.to_server.slices = 1
    async with connected(proxy) as client:
        await client.say(b"sliced")
        assert await client.hear(6) == b"sliced"
    assert len(echo.pieces) > 1


async def test_reset_is_felt_at_both_ends(proxy: FaultProxy, echo: Echo) -> None:
    async with connected(proxy) as client:
        await client.say(b"x")
        assert await client.hear(1) == b"x"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await client.end()
        async with asyncio.timeout(10):
            await echo.ended.wait()
        await proxy.until(lambda: proxy.open == 0)


async def test_a_reset_by_the_client_reaches_the_server(proxy: FaultProxy, echo: Echo) -> None:
    async with connected(proxy) as client:
        await client.say(b"x")
        assert await client.hear(1) == b"x"
    async with asyncio.timeout(10):
        await echo.ended.wait()
    await proxy.until(lambda: proxy.open == 0)


async def test_down_refuses_until_it_is_up_again_on_the_same_port(proxy: FaultProxy) -> None:
    port = proxy.port
    async with connected(proxy) as client:
        await proxy.until(lambda: proxy.open == 1)
        await proxy.down()
        with pytest.raises(ConnectionResetError):
            await client.end()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await proxy.up()
    assert proxy.port == port
    async with connected(proxy) as client:
        await client.say(b"back")
        assert await client.hear(4) == b"back"


async def test_a_black_hole_accepts_and_keeps_until_it_heals(proxy: FaultProxy, echo: Echo) -> None:
    async with connected(proxy) as old:
        await old.say(b"1")
        assert await old.hear(1) == b"1"
        proxy.black_hole()
        async with connected(proxy) as new:
            await old.say(b"2")
            await new.say(b"3")
            await proxy.until(lambda: proxy.connections == 2)
            assert echo.pieces == [b"1"]
            proxy.heal()
            assert await old.hear(1) == b"2"
            assert await new.hear(1) == b"3"


async def test_dropped_replies_were_asked_for(proxy: FaultProxy, echo: Echo) -> None:
    proxy.drop_replies()
    async with connected(proxy) as client:
        await client.say(b"do it")
        await proxy.until(lambda: proxy.to_client.dropped == 5)
        assert b"".join(echo.pieces) == b"do it"
        # What is missing would shift all that follows, so the connection does not outlive it.
        proxy.heal()
        with pytest.raises(ConnectionResetError):
            await client.end()
    async with connected(proxy) as client:
        await client.say(b"again")
        assert await client.hear(5) == b"again"


async def test_of_a_half_open_connection_only_the_server_knows(
    proxy: FaultProxy, echo: Echo
) -> None:
    async with connected(proxy) as client:
        await client.say(b"x")
        assert await client.hear(1) == b"x"
        proxy.half_open()
        async with asyncio.timeout(10):
            await echo.ended.wait()
        await client.say(b"anyone?")
        await proxy.until(lambda: proxy.to_server.dropped == 7)
        assert not client.reader.at_eof()
        assert proxy.open == 1
        async with connected(proxy) as other:
            await other.say(b"new")
            assert await other.hear(3) == b"new"
    await proxy.until(lambda: proxy.open == 0)


async def test_without_a_server_the_client_is_reset(echo: Echo) -> None:
    async with FaultProxy("127.0.0.1", 1) as proxy, connected(proxy) as client:
        with pytest.raises(ConnectionResetError):
            await client.end()
        assert proxy.refused == 1


async def test_it_ends_with_connections_that_are_stalled(echo: Echo) -> None:
    async with FaultProxy("127.0.0.1", echo.port) as proxy:
        proxy.to_client.stalled = True
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        await proxy.until(lambda: proxy.to_server.bytes == 1)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_waiting_for_what_does_not_happen_ends(proxy: FaultProxy) -> None:
    with pytest.raises(TimeoutError):
        await proxy.until(lambda: proxy.open == 1, seconds=0)
