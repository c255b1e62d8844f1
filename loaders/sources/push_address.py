"""The loaders' own address: listening for pushes, and closing in good order.

aiohttp answers what it cannot parse in plain text; here that is a problem like every other. Bodies
are taken as they come over the wire: whether a compressed one is whole is ours to see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog
from aiohttp import web
from aiohttp.web_request import BaseRequest

from loaders.errors import SourceError
from loaders.sources.push_problems import ProblemError

_CLOSING_SECONDS: Final = 5.0
_KEEP_ALIVE_SECONDS: Final = 75.0
_SERVER_ERROR: Final = 500

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, section: str = "push"
) -> AsyncIterator[int]:
    """Accept requests at the address of this section while the context lasts; gives the port.

    Raises:
        SourceError: the address cannot be opened.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSING_SECONDS)
    await runner.setup()
    loop = asyncio.get_running_loop()
    protocol = partial(
        _Handler,
        runner.server,  # type: ignore[arg-type] # set up above
        loop=loop,
        access_log=None,  # type: ignore[arg-type] # None is how aiohttp spells "no access log"
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        auto_decompress=False,
    )
    try:
        server = await loop.create_server(protocol, host, port)
    except OSError as error:
        await runner.cleanup()
        raise SourceError(f"{section}: {host}:{port} cannot be opened: {error.strerror}") from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await runner.cleanup()


class _Handler(web.RequestHandler):
    def handle_error(
        self,
        request: BaseRequest,
        status: int = _SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, or to what got past every fence."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is on its way already")
        if status < _SERVER_ERROR:
            # Never in aiohttp's words: they repeat what was sent, and that may be a key.
            reason = "is not HTTP/1.1, or has a line that is too long"
            wrong = {"field": "request", "reason": reason}
            response = ProblemError(400, "invalid-request", reason, (wrong,)).response()
        else:
            _log.error("push failed", action="push.broken", exc_info=exc)
            response = ProblemError(500, "internal-error", "It is in the log.").response()
        response.force_close()
        return response
