"""Who may stay connected, and for how long without getting anywhere.

aiohttp has no deadline for a request's head or body, nor for an answer that nobody fetches, and
takes any number of connections. Here each connection notes what it is waiting for and since when,
which costs a request next to nothing, and once in a while all of them are looked at.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final, NoReturn, cast

import msgspec
from aiohttp import web

_LOOKS: Final = 10
"""So many looks within the shortest deadline: one that has passed is noticed by a tenth later."""

_SHORTEST_LOOK: Final = 0.01

_LINGER: Final = 0.25
"""Seconds in which what a client sent before it knew that this server leaves comes in."""

_UNASKED: Final = 256 * 1024
"""Bytes of requests of one connection that are taken while one of it is under way."""


LONGEST_WAIT: Final = 0.05
"""Seconds: a crowd that comes at once is served, one that stays is not let wait."""


class Patience(msgspec.Struct, frozen=True):
    """Seconds for a request's head, for its body, and for a client to take what was sent to it.

    `per_address`: connections of one address; 0 is any number. `unsent`: bytes that may lie there
    for all clients together; past that, those go who take nothing of the most.
    `longest_wait`: seconds that a request may wait for its turn; 0: as long as it takes.
    """

    head: float = 10.0
    body: float = 10.0
    answer: float = 30.0
    per_address: int = 512
    unsent: int = 64 << 20
    longest_wait: float = LONGEST_WAIT


class Connections:
    """The open connections of one server. All moments are the event loop's, in seconds."""

    def __init__(self, patience: Patience, refusal: bytes) -> None:
        """`refusal` is what a connection too many is told."""
        self.patience = patience
        self._refusal = refusal
        self.leaving = False
        self._open: set[PatientHandler] = set()
        self._of_address: Counter[object] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, handler: PatientHandler) -> bytes | None:
        """Take a connection in; or else what to send to it before it is closed."""
        address = handler.address
        most = self.patience.per_address
        if most and self._of_address[address] >= most:
            return self._refusal
        self._of_address[address] += 1
        self._open.add(handler)
        return None

    def left(self, handler: PatientHandler) -> None:
        """A connection has ended."""
        if handler in self._open:
            self._open.discard(handler)
            self._of_address[handler.address] -= 1
            if not self._of_address[handler.address]:
                del self._of_address[handler.address]

    async def leave(self, most: float) -> None:
        """Let requests come in whole that are on their way, for so many seconds at most.

        From now on each answer is the last of its connection, and says so.
        """
        self.leaving = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self._open and (left := loop.time() - began) < most:
            if left > _LINGER and not any(handler.is_receiving for handler in self._open):
                return
            await asyncio.sleep(_SHORTEST_LOOK)

    async def run(self) -> NoReturn:
        """Close those that get nowhere, until cancelled."""
        loop = asyncio.get_running_loop()
        patience = self.patience
        shortest = min(patience.head, patience.body, patience.answer)
        while True:
            await asyncio.sleep(max(_SHORTEST_LOOK, shortest / _LOOKS))
            now = loop.time()
            for handler in [one for one in self._open if one.is_late(now, patience)]:
                handler.abort()
            self._shed_unsent()

    def _shed_unsent(self) -> None:
        """Close those for whom most lies there untaken, until it is little enough in all."""
        unsent = [(handler.unsent, handler) for handler in self._open if handler.unsent]
        total = sum(size for size, _ in unsent)
        if total <= self.patience.unsent:
            return
        for size, handler in sorted(unsent, key=lambda one: one[0], reverse=True):
            handler.abort()
            total -= size
            if total <= self.patience.unsent:
                return


class PatientHandler(web.RequestHandler):
    """aiohttp's, which also knows what it waits for."""

    def __init__(self, *args: Any, connections: Connections, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self._connections = connections
        self.address: object = None
        self._head_since: float | None = None
        self._body: Any = None
        self._body_since = 0.0
        self._stuck_since: float | None = None
        self._stuck_at = 0
        self._unasked = 0

    @property
    def unsent(self) -> int:
        """Bytes that lie there for a client to take."""
        transport = self.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with it, unless its address has as many as it may."""
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else None
        refusal = self._connections.admit(self)
        if refusal is not None:
            writing = cast("asyncio.Transport", transport)
            writing.write(refusal)
            writing.close()
            # Nothing of it is read: this protocol never begins.
            self._force_close = True
            return
        self._head_since = self._loop.time()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It has ended."""
        self._connections.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or several requests."""
        before = self._request_count
        self._unasked = self._unasked + len(data) if self._messages else len(data)
        super().data_received(data)
        if self._unasked > _UNASKED and self._messages and not self._buffer_paused:
            # aiohttp counts requests, of which each may be large. It reads on once one is taken.
            self._pause_reading_for_buffer()
        if self._request_count != before:
            self.begun()
            payload = self._messages[-1][1] if self._messages else None
            if payload is not None and not payload.is_eof():
                self._body, self._body_since = payload, self._loop.time()
        elif data and self._head_since is None and (self._body is None or self._body.is_eof()):
            # The beginning of a head, and not its end.
            self._body = None
            self._head_since = self._loop.time()

    def begun(self) -> None:
        """The head of a request is there."""
        self._head_since = None

    @property
    def is_receiving(self) -> bool:
        """Whether there is more to come of a request's body."""
        return self._body is not None and not self._body.is_eof()

    def is_late(self, now: float, patience: Patience) -> bool:
        """Whether its client has kept it waiting for too long."""
        if self._head_since is not None:
            return now - self._head_since > patience.head
        if self.is_receiving:
            return now - self._body_since > patience.body
        return self._is_stuck(now, patience.answer)

    def abort(self) -> None:
        """Close it at once, with what was not sent yet."""
        if self.transport is not None:
            self.transport.abort()

    def _is_stuck(self, now: float, most: float) -> bool:
        """Whether what was sent lies there, and nobody has taken any of it."""
        waiting = self.unsent
        if not waiting or waiting != self._stuck_at or self._stuck_since is None:
            self._stuck_at, self._stuck_since = waiting, now if waiting else None
            return False
        return now - self._stuck_since > most
