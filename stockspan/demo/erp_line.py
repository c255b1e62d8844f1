"""The line to the sample ERP, which one may break to see how the shop gets on without it.

All that Stockspan and the shop ask of the ERP goes through here. It may be cut, as when the ERP is
down; hang, so that nobody is refused and nobody answered; or be slow. The ERP itself goes on behind
it: its tills sell, so that there is something to catch up with.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from stockspan.embedded.ports import HOST, free_port

_PIECE: Final = 1 << 16
_SLOW_SECONDS: Final = 1.0  # that each piece of an answer takes


class Condition(StrEnum):
    """What the line is like."""

    UP = "up"
    SLOW = "slow"
    HANGING = "hanging"
    DOWN = "down"


@dataclass(frozen=True)
class LineState:
    """What the line is like, and since when."""

    condition: Condition
    since: datetime


class ErpLine:
    """Passes bytes on between a port of its own and the ERP's, as well as its condition lets it."""

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
        self._moving = asyncio.Event()  # cleared while the line hangs
        self.state = LineState(Condition.DOWN, now())

    async def turn(self, condition: Condition) -> LineState:
        """Bring the line into this condition; when it is cut, with all that goes over it.

        Raises:
            OSError: its port was taken by somebody else meanwhile.
        """
        async with self._turning:
            if condition is self.state.condition:
                return self.state
            if condition is Condition.DOWN:
                await self._cut()
            elif self._server is None:
                await self._mend()
            self.state = LineState(condition, self._now())
            self._let_move()
            return self.state

    def _let_move(self) -> None:
        if self.state.condition is Condition.HANGING:
            self._moving.clear()
        else:
            self._moving.set()

    async def _mend(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, self._port)

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()
        self._moving.set()  # those that hang find their end gone
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
            ways = (self._copied(reader, back), self._copied(there, writer, answers=True))
            await asyncio.wait(
                [asyncio.create_task(way) for way in ways], return_when=asyncio.ALL_COMPLETED
            )
        finally:
            self._ends.discard(back)
            back.transport.abort()

    async def _copied(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                if answers and self.state.condition is Condition.SLOW:
                    await asyncio.sleep(_SLOW_SECONDS)
                await self._moving.wait()
                writer.write(piece)
                await writer.drain()
        # Either side's end is the end: PostgreSQL knows no half-closed connection.
        writer.transport.abort() if writer.transport.is_closing() else writer.close()


@asynccontextmanager
async def open_line(
    dsn: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[ErpLine]:
    """A line to the ERP at `dsn`, up; cut at the end."""
    line = ErpLine(dsn, now)
    await line.turn(Condition.UP)
    try:
        yield line
    finally:
        await line.turn(Condition.DOWN)
