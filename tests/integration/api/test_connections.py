"""Clients that get nowhere are let go, others are not disturbed, and none has all the room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web

from gateway.api.connections import Patience
from gateway.api.server import Address, listening

LONG = 3600.0
SHORT = 0.05
SECONDS = 20
WHOLE = b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n"
POSTED = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> bytes:
        """A head, and a body of the length that it says."""
        async with asyncio.timeout(SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            return head + await self.reader.readexactly(length)

    async def closed(self) -> bytes:
        """What still comes before the server closes."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


class Site:
    def __init__(self, port: int) -> None:
        self.port = port
        self.stack = AsyncExitStack()
        self.go_on = asyncio.Event()
        self.gone = asyncio.Event()

    async def client(self, *sent: bytes) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 16)
        self.stack.callback(writer.close)
        for part in sent:
            writer.write(part)
        await writer.drain()
        return Client(reader, writer)


@asynccontextmanager
async def site(patience: Patience) -> AsyncIterator[Site]:
    made: list[Site] = []

    async def quick(_: web.Request) -> web.Response:
        return web.Response(text="here")

    async def read(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def slow(_: web.Request) -> web.Response:
        await made[0].go_on.wait()
        return web.Response(text="at last")

    async def huge(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(1000):
                await response.write(b"x" * 65536)
        except ConnectionError:
            made[0].gone.set()
            raise
        return response

    app = web.Application()
    app.router.add_get("/quick", quick)
    app.router.add_post("/read", read)
    app.router.add_get("/slow", slow)
    app.router.add_get("/huge", huge)
    async with listening(app, Address(port=0), grace=1, patience=patience) as port:
        made.append(Site(port))
        async with made[0].stack:
            yield made[0]


UNFINISHED = {
    "silent": (),
    "half a line": (b"GET /qui",),
    "half a head": (b"GET /quick HTTP/1.1\r\nHo",),
}


@pytest.mark.parametrize("what", UNFINISHED)
async def test_a_head_that_does_not_end_is_waited_for_no_longer(what: str) -> None:
    async with site(Patience(head=SHORT, body=LONG, answer=LONG)) as made:
        client = await made.client(*UNFINISHED[what])
        assert await client.closed() == b""


async def test_nor_is_that_of_a_second_request() -> None:
    async with site(Patience(head=SHORT, body=LONG, answer=LONG)) as made:
        client = await made.client(WHOLE)
        assert (await client.answer()).endswith(b"here")
        client.writer.write(b"GET /quick HT")
        assert await client.closed() == b""


async def test_a_head_that_drips_has_no_more_time() -> None:
    async with site(Patience(head=SHORT, body=LONG, answer=LONG)) as made:
        client = await made.client(b"GET /quick HTTP/1.1\r\n")

        async def drip() -> None:
            while not client.writer.is_closing():
                client.writer.write(b"A: b\r\n")
                await asyncio.sleep(SHORT / 10)

        dripping = asyncio.create_task(drip())
        assert await client.closed() == b""
        dripping.cancel()


@pytest.mark.parametrize("sent", [b"", b"12345"])
async def test_a_body_that_does_not_end_is_waited_for_no_longer(sent: bytes) -> None:
    async with site(Patience(head=LONG, body=SHORT, answer=LONG)) as made:
        client = await made.client(POSTED, sent)
        assert await client.closed() == b""


async def test_who_takes_nothing_of_an_answer_is_let_go() -> None:
    async with site(Patience(head=LONG, body=LONG, answer=SHORT)) as made:
        client = await made.client(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(SECONDS):
            await made.gone.wait()
        assert client.reader.at_eof() is False


async def test_nor_has_one_who_takes_nothing_all_the_room_there_is_for_answers() -> None:
    # `body` says only how often is looked: there is none.
    async with site(Patience(head=LONG, body=SHORT, answer=LONG, unsent=1)) as made:
        await made.client(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(SECONDS):
            await made.gone.wait()


async def test_what_is_sent_ahead_waits_until_what_is_before_it_is_answered() -> None:
    # 32 requests of that size are as many as aiohttp would take at once.
    large = WHOLE.replace(b"Host: x", b"Host: x\r\n" + b"A: " + b"x" * 8000) * 200
    async with site(Patience(LONG, LONG, LONG)) as made:
        client = await made.client(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        client.writer.write(large)
        made.go_on.set()
        assert (await client.answer()).endswith(b"at last")
        for _ in range(200):
            assert (await client.answer()).endswith(b"here")


async def test_what_takes_us_long_is_no_fault_of_the_client() -> None:
    async with site(Patience(head=SHORT, body=SHORT, answer=SHORT)) as made:
        client = await made.client(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        late = await made.client()
        assert await late.closed() == b""  # by then the deadlines of the first have passed, too
        made.go_on.set()
        assert (await client.answer()).endswith(b"at last")
        client.writer.write(POSTED + b"0123456789" + WHOLE)
        assert (await client.answer()).endswith(b"0123456789")
        assert (await client.answer()).endswith(b"here")


async def test_an_address_has_so_many_connections_and_is_told_so() -> None:
    async with site(Patience(LONG, LONG, LONG, per_address=2)) as made:
        first = await made.client(WHOLE)
        second = await made.client(WHOLE)
        assert (await first.answer()).endswith(b"here")
        assert (await second.answer()).endswith(b"here")
        third = await made.client(WHOLE)
        said = await third.answer()
        assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"Retry-After: 1\r\n" in said
        assert b"too many connections from this address" in said
        assert await third.closed() == b""
        # There is room again once one has gone.
        first.writer.close()
        for _ in range(1000):
            if b"200 OK" in (await (await made.client(WHOLE)).answer()):
                return
        pytest.fail("there is no room")
