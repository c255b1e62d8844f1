"""JSON in and out of the shop's own server."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

_Body = TypeVar("_Body")


async def read_body(request: web.Request, type_: type[_Body]) -> _Body:
    """The body of a request; 415 when it is not said to be JSON, 400 when it is another one."""
    # Another site's form cannot send this content type without asking first.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        return msgspec.json.decode(await request.read(), type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise web.HTTPBadRequest from None


def json_response(body: object, status: int = 200) -> web.Response:
    """An answer."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )
