"""An ERP with a REST API: `/stock` answers its rows, whole or in whatever way a scenario wants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebErp:
    """`answer` says what is answered; `asked` counts how often that was."""

    def __init__(self) -> None:
        self.answer: Answer = answering(b"{}")
        self.asked = 0
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        return await self.answer(request)


@asynccontextmanager
async def web_erp(rows: Sequence[Mapping[str, Any]]) -> AsyncIterator[WebErp]:
    """Listening, with these rows."""
    erp = WebErp()
    erp.answer = answering(page(rows))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", erp.handle)
    server = TestServer(app)
    await server.start_server()
    erp.port = server.port or 0
    try:
        yield erp
    finally:
        await server.close()


def page(rows: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    """The body of an answer with these rows."""
    return json.dumps({"value": rows, **more}).encode()


def answering(body: bytes, **headers: str) -> Answer:
    """Always the same."""

    async def answer(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(body=body, content_type="application/json", headers=headers)

    return answer


def breaking_off(body: bytes, at: int) -> Answer:
    """The whole is announced, and the connection is reset after so many bytes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(body[:at])
        assert request.transport is not None
        request.transport.abort()
        return response

    return answer
