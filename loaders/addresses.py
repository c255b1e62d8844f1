"""The loaders' own addresses, for pushes and for metrics: listening, and closing in good order.

aiohttp answers what it cannot parse in plain text; here that is a problem like every other. Bodies
are taken as they come over the wire: whether a compressed one is whole is ours to see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.web_request import BaseRequest

from gateway.domain.errors import StockspanError
from gateway.store.client import DeposedError
from loaders.errors import NotLeadingError, SourceError
from loaders.problems import ProblemError, json_response
from loaders.sources.push_body import BodyCutShortError

_CLOSING_SECONDS: Final = 5.0
_KEEP_ALIVE_SECONDS: Final = 75.0
_SERVER_ERROR: Final = 500

_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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


async def livez(_request: web.Request) -> web.Response:
    """The answer of a process that turns."""
    return json_response({"status": "alive"})


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what goes wrong into problem+json."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response()
    except (BodyCutShortError, StockspanError, web.HTTPException) as error:
        return _problem(request, error)
    except Exception:  # noqa: BLE001 - the last fence: no mistake of ours reaches a sender as text
        _log.exception("push failed", action="push.broken", path=request.path)
        detail = "Something went wrong here; it is in the log."
        return ProblemError(500, "internal-error", detail).response()


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


def _problem(request: web.Request, error: Exception) -> web.Response:
    """The answer to what the request, or the store, made impossible."""
    if isinstance(error, DeposedError) or (isinstance(error, NotLeadingError) and error.leader):
        detail = "Another loader takes the records now; send them again."
        return ProblemError(503, "not-leading", detail).response()
    if isinstance(error, StockspanError):
        _log.warning("push not taken", action="push.failed", path=request.path, reason=str(error))
        detail = "The records could not be written now; send them again."
        return ProblemError(503, "store-unavailable", detail).response()
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        refused = ProblemError(405, "method-not-allowed", f"Allowed: {allowed}.").response()
        refused.headers[hdrs.ALLOW] = allowed
        return refused
    if isinstance(error, web.HTTPNotFound):
        return ProblemError(404, "not-found", "Nothing is served at this path.").response()
    reason = error.reason if isinstance(error, web.HTTPException) else str(error)
    wrong = {"field": "body", "reason": reason}
    return ProblemError(400, "invalid-request", reason, (wrong,)).response()
