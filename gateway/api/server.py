"""Listening, and stopping in good order.

aiohttp answers what it cannot parse in plain text; the request handler here answers as everything
else does.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, Protocol

import msgspec
import structlog
from aiohttp import hdrs, http_exceptions, web
from aiohttp.web_request import BaseRequest

from gateway.api import caching, problems, refusals
from gateway.api.app import GATE, METRICS, SHORTCUT, Parts, create_app
from gateway.api.connections import Connections, Patience
from gateway.api.gate import Gate
from gateway.api.pressure import PressedHandler
from gateway.api.problem_kinds import KINDS
from gateway.api.shapes import ProblemField
from gateway.api.siblings import Siblings

KEEP_ALIVE: Final = 75.0
"""Seconds an idle connection stays open: longer than a load balancer's minute."""

GRACE: Final = 10.0
"""Seconds that requests under way may still take when the worker stops."""

LONGEST_ADDRESS: Final = 160 * 1024
"""Bytes of a request line: 200 SKUs of 64 characters, each up to 12 bytes when encoded."""

MOST_HEADERS: Final = 64
"""Of a request, each of 8 KiB at most."""

PATIENCE: Final = Patience()

_BACKLOG: Final = 1024
_CANCEL_EVERY: Final = 0.05
_TURNS_TO_ACCEPT: Final = 8
_log = structlog.get_logger(__name__)


class Address(msgspec.Struct, frozen=True):
    """Where to listen: host and port, or sockets that are bound already; and who else does."""

    host: str = "127.0.0.1"
    port: int = 8080
    reuse_port: bool = False
    sockets: tuple[socket.socket, ...] = ()
    siblings: Siblings | None = None


class Running(Protocol):
    """Goes on until cancelled."""

    async def run(self) -> None: ...


class WorkerParts(Parts, Protocol):
    """What a worker consists of: what is served, and what goes on beside it."""

    @property
    def changes(self) -> Running: ...
    @property
    def events(self) -> Running: ...
    @property
    def upkeep(self) -> Running | None: ...
    async def close(self) -> None: ...


async def run_worker(
    parts: WorkerParts,
    address: Address,
    shutdown: asyncio.Event,
    *,
    cors_origins: Sequence[str] = ("*",),
    patience: Patience = PATIENCE,
    grace: float = GRACE,
    on_listening: Callable[[int], None] | None = None,
) -> None:
    """Serve until `shutdown` is set, then finish what is under way and let go of the store.

    `grace` is for what is under way, in seconds. `on_listening` is told the port once connections
    are accepted.

    Raises:
        OSError: the address cannot be bound.
    """
    siblings = address.siblings
    app = create_app(
        parts, cors_origins=cors_origins, siblings=siblings, longest_wait=patience.longest_wait
    )
    running = [
        asyncio.create_task(work)
        for work in (
            parts.directory.run(),
            parts.book.run(),
            parts.changes.run(),
            parts.events.run(),
            *(() if parts.upkeep is None else (parts.upkeep.run(),)),
            *(() if siblings is None else (siblings.run(app[METRICS].text),)),
            _set(shutdown),
        )
    ]
    try:
        async with listening(app, address, grace=grace, patience=patience) as port:
            if on_listening is not None:
                on_listening(port)
            # Each of these runs for ever: the first to end is the shutdown, or a failure.
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        try:
            await _ended(running)
        finally:
            await parts.close()


@asynccontextmanager
async def listening(
    app: web.Application, address: Address, *, grace: float = GRACE, patience: Patience = PATIENCE
) -> AsyncIterator[int]:
    """Accept connections for `app` while the context lasts; gives the port.

    Raises:
        OSError: the address cannot be bound.
    """
    runner = web.AppRunner(app, shutdown_timeout=grace, access_log=None)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - setup() made it; mypy cannot know
    gate = app.get(GATE) or Gate(0, {})
    loop = asyncio.get_running_loop()
    connections = Connections(patience, refusals.too_many_connections())
    gate.connected = connections.__len__
    protocol = partial(
        ProblemRequestHandler,
        runner.server,
        connections=connections,
        gate=gate,
        at_once=app.get(SHORTCUT),
        loop=loop,
        keepalive_timeout=KEEP_ALIVE,
        access_log=None,
        max_line_size=LONGEST_ADDRESS,
        max_headers=MOST_HEADERS,
        logger=logging.getLogger("gateway.http"),
    )
    try:
        servers = await _bound(loop, protocol, address)
        looking = [asyncio.create_task(work) for work in (connections.run(), gate.run())]
        try:
            yield servers[0].sockets[0].getsockname()[1]
        finally:
            for server in servers:
                server.close()
            # A connection accepted just now takes some turns of the loop until it waits for its
            # request; stopped before, it would not notice, and be waited for until the grace ends.
            for _ in range(_TURNS_TO_ACCEPT):
                await asyncio.sleep(0)
            # aiohttp reads nothing more of what it is to close, not even the rest of a body.
            await connections.leave(grace)
            await _ended(looking)
    finally:
        await runner.cleanup()


_UNREADABLE: Final = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
_NO_HTTP: Final = "is not HTTP/1.1 as RFC 9112 has it"
_REASONS: Final[Sequence[tuple[type[BaseException], str]]] = (
    (http_exceptions.LineTooLong, "has a line that is too long: its address, or a header"),
    (http_exceptions.ContentEncodingError, "has a Content-Encoding that is not understood"),
    (http_exceptions.InvalidHeader, "has a header that is not well formed"),
    (http_exceptions.InvalidURLError, "has an address that is not well formed"),
    (http_exceptions.BadStatusLine, "does not begin with a method, an address and a version"),
    (http_exceptions.TransferEncodingError, "has a Transfer-Encoding that is not understood"),
    (http_exceptions.ContentLengthError, "has a Content-Length that is not right"),
)


class ProblemRequestHandler(PressedHandler):
    """aiohttp's, but what goes wrong before or after our handlers is a problem as well."""

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, or to what got past every middleware."""
        del message  # aiohttp's words, which repeat what was sent
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is on its way already")
        if status < 500:
            # What strangers send is no event of ours, and may be a key: it is never repeated.
            reason = next((text for type_, text in _REASONS if isinstance(exc, type_)), _NO_HTTP)
            kind = KINDS["invalid-request"]
            response = problems.problem(kind, fields=[ProblemField("request", reason)])
            # Nobody knows for which route it was meant.
            response.headers[hdrs.CACHE_CONTROL] = caching.PRIVATE
            response.headers[hdrs.VARY] = hdrs.AUTHORIZATION
        else:
            _log.error(
                "request failed outside every handler", action="request.broken", exc_info=exc
            )
            response = problems.unexpected()
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Write down what went wrong, but not that a stranger's body could not be decoded."""
        if not isinstance(kw.get("exc_info"), _UNREADABLE):
            super().log_exception(*args, **kw)

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; what aiohttp refused on its own gets the form of all others."""
        if isinstance(resp, web.HTTPException):
            resp = problems.answer(resp)
        if self._connections.leaving:
            resp.force_close()
        return await super().finish_response(request, resp, start_time)


async def _bound(
    loop: asyncio.AbstractEventLoop, protocol: Callable[[], asyncio.Protocol], address: Address
) -> Sequence[asyncio.Server]:
    if address.sockets:
        return [
            await loop.create_server(protocol, sock=sock, backlog=_BACKLOG)
            for sock in address.sockets
        ]
    server = await loop.create_server(
        protocol,
        address.host,
        address.port,
        reuse_port=address.reuse_port or None,
        backlog=_BACKLOG,
    )
    return [server]


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _ended(running: Sequence[asyncio.Task[None]]) -> None:
    """Cancel what still runs, and again: some library may lose a cancellation (Python 3.11).

    Raises:
        Exception: one of them had failed on its own.
    """
    pending = set(running)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_EVERY)
    for task in running:
        if not task.cancelled():
            task.result()
