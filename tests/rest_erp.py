"""An ERP that answers over HTTP, as a test wants it: a polite one, and one that speaks bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class RestErp:
    """Answers what `answer` says; `asked` keeps every request."""

    answer: Handler
    asked: list[web.Request] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        await request.read()
        return await self.answer(request)

    @property
    def addresses(self) -> list[str]:
        return [request.path_qs for request in self.asked]


@asynccontextmanager
async def rest_erp(answer: Handler, tls: SSLContext | None = None) -> AsyncIterator[RestErp]:
    erp = RestErp(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", erp.handle)
    server = TestServer(app, scheme="http" if tls is None else "https")
    await server.start_server(ssl=tls)
    erp.url = str(server.make_url("")).rstrip("/").replace("127.0.0.1", "localhost")
    try:
        yield erp
    finally:
        await server.close()


@asynccontextmanager
async def raw_erp(*answers: bytes, hangs: bool = False) -> AsyncIterator[str]:
    """The address of a server that sends these bytes, one answer a connection.

    Then it closes the connection, or `hangs` until the other side does.
    """
    left = list(answers)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        if hangs:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        await server.wait_closed()
        # Those whose client was cut off fail, which is theirs to do.
        await asyncio.gather(*serving, return_exceptions=True)


def data(body: Any, **headers: str) -> web.Response:
    """An answer with this JSON."""
    return web.Response(
        text=json.dumps(body), content_type="application/json", headers=headers or None
    )


def ok(body: bytes, *headers: str) -> bytes:
    """The bytes of an answer with this body."""
    head = ["HTTP/1.1 200 OK", "Content-Type: application/json", *headers]
    if not any(header.lower().startswith("content-length") for header in headers):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body
