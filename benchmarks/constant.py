"""The yardstick of the machine: an aiohttp handler that always says the same, and nothing around.

`GET /` answers a few bytes, `GET /sized` as many as it was started with, as does `POST /` once it
has read the body it is sent. `python -m benchmarks.constant <port> <bytes>`
"""

from __future__ import annotations

import sys
from typing import Final

import uvloop
from aiohttp import web

from stockspan.embedded.ports import HOST

_SMALL: Final = b'{"status":"ok"}'


def _app(size: int) -> web.Application:
    large = b"x" * size

    async def small(_: web.Request) -> web.Response:
        return web.Response(body=_SMALL, content_type="application/json")

    async def sized(_: web.Request) -> web.Response:
        return web.Response(body=large, content_type="application/json")

    async def posted(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=large, content_type="application/json")

    app = web.Application()
    app.router.add_get("/", small)
    app.router.add_get("/sized", sized)
    app.router.add_post("/", posted)
    return app


def main() -> None:
    """Serve until SIGTERM."""
    port, size = map(int, sys.argv[1:])
    loop = uvloop.new_event_loop()
    web.run_app(_app(size), host=HOST, port=port, access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
