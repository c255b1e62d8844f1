"""The line to the sample ERP, which one may cut to see how the shop gets on without it.

All that Stockspan and the shop ask of the ERP goes through here. The ERP itself goes on behind a
cut line: its tills sell, so that there is something to catch up with.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from stockspan.embedded.ports import HOST, free_port

_PIECE: Final = 1 << 16


@dataclass(frozen=True)
class LineState:
    """Whether the line holds, and since when."""

    up: bool
    since: datetime


class ErpLine:
    """Passes bytes on between a port of its own and the ERP's, as long as it is up."""

    def __init__(self, dsn: str, now: Callable[[], datetime]) -> None:
        parts = urlsplit(dsn)
        self._port = free_port()
        self._target = (parts.hostname or HOST, parts.port or 5432)
        user, at, _ = parts.netloc.rpartition("@")
        self.dsn: Final = urlunsplit(parts._replace(netloc=f"{user}{at}{HOST}:{self._port}"))
        """The ERP's address by way of the line."""
        self._now = now
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self._turning = asyncio.Lock()
        self.state = LineState(up=False, since=now())

    async def turn(self, *, up: bool) -> LineState:
        """Mend the line, or cut it with all that goes over it.

        Raises:
            OSError: its port was taken by somebody else meanwhile.
        """
        async with self._turning:
            if up != self.state.up:
                await (self._mend() if up else self._cut())
                self.state = LineState(up, self._now())
            return self.state

    async def _mend(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, self._port)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one; mypy cannot know
        self._passing.add(task)
        self._ends.add(writer)
        try:
            await self._passed(reader, writer)
        finally:
            self._ends.discard(writer)
            self._passing.discard(task)
            writer.transport.abort()

    async def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            return
        self._ends.add(back)
        try:
            ways = (_copied(reader, back), _copied(there, writer))
            await asyncio.wait(
                [asyncio.create_task(way) for way in ways], return_when=asyncio.ALL_COMPLETED
            )
        finally:
            self._ends.discard(back)
            back.transport.abort()


@asynccontextmanager
async def open_line(
    dsn: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[ErpLine]:
    """A line to the ERP at `dsn`, up; cut at the end."""
    line = ErpLine(dsn, now)
    await line.turn(up=True)
    try:
        yield line
    finally:
        await line.turn(up=False)


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    # Either side's end is the end: PostgreSQL knows no half-closed connection.
    writer.transport.abort() if writer.transport.is_closing() else writer.close()
