"""A TCP proxy that does to a connection what networks do: `async with FaultProxy(host, port)`.

Each direction is a `Way` with its own faults, switched by setting its fields while all runs; faults
of whole connections are methods of the proxy. Nothing here decides by chance.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from tests.faults.ways import Way

_CHUNK: Final = 1 << 16
_BEHIND: Final = 64
"""So many chunks wait on a way before its sender is made to wait."""


class FaultProxy:
    """Listens on a free port of 127.0.0.1, `port`, and forwards to a server.

    `connections` were accepted so far; `refused` of them found no server. `noted` is told of each
    the port of its client.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.to_server = Way()
        self.to_client = Way()
        self.connections = 0
        self.refused = 0
        self.noted: Callable[[int], None] | None = None
        self.port = 0
        self._black_hole = False
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.down()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """Connections of clients that stand now."""
        return len(self._links)

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait till something that the proxy did makes the condition true.

        Raises:
            TimeoutError: it was not within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def down(self) -> None:
        """Refuse connections, and reset those that stand."""
        self.refuse()
        await asyncio.sleep(0)  # transports say goodbye in the next turn of the loop

    def refuse(self) -> None:
        """The same, which is done in the next turn of the loop."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self.reset()

    async def up(self) -> None:
        """Accept connections again, on the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def reset(self) -> None:
        """Cut every connection, with a reset to both ends."""
        for link in list(self._links):
            link.reset()

    def half_open(self) -> None:
        """Cut every connection at the server's end only: clients are not told, and may go on."""
        for link in self._links:
            link.lose_server()

    def black_hole(self) -> None:
        """Accept connections and bytes, forward nothing, tell nobody; `heal` ends it."""
        self._black_hole = True
        self.to_server.stalled = self.to_client.stalled = True

    def drop_replies(self) -> None:
        """Requests arrive, answers never return; `heal` ends it."""
        self.to_client.dropping = True

    def heal(self) -> None:
        """End all faults. Connections that bytes are missing from are reset: TCP has no gaps."""
        self._black_hole = False
        self.to_server.heal()
        self.to_client.heal()
        for link in list(self._links):
            if link.lossy:
                link.reset()

    def note(self) -> None:
        """Something happened."""
        self._changed.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.noted is not None:
            self.noted(writer.get_extra_info("peername")[1])
        link = _Link(self, writer)
        self._links.add(link)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            link.task = task
        self.note()
        try:
            if self._server is not None:  # or it was accepted while the proxy went down
                await self._serve(link, reader)
        except* (OSError, asyncio.CancelledError):
            # Cancelled by `reset` alone, or at the end.
            pass
        finally:
            link.reset()
            self._links.discard(link)
            if task is not None:
                self._tasks.discard(task)
            self.note()

    async def _serve(self, link: _Link, reader: asyncio.StreamReader) -> None:
        if self._black_hole:
            await self.to_server.flowing()
        try:
            back, server = await asyncio.open_connection(*self._target)
        except OSError:
            self.refused += 1
            raise
        link.server = server
        async with asyncio.TaskGroup() as group:
            group.create_task(link.forward(reader, server, self.to_server))
            group.create_task(link.forward(back, link.client, self.to_client))
        await link.close()


class _Link:
    """A client's connection and the one to the server that is made for it."""

    def __init__(self, proxy: FaultProxy, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.task: asyncio.Task[None] | None = None
        self.lossy = False
        self._server_lost = False
        self._proxy = proxy

    def reset(self) -> None:
        for writer in (self.client, self.server):
            if writer is not None:
                _reset(writer)
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()

    def lose_server(self) -> None:
        self._server_lost = self.lossy = True
        if self.server is not None:
            _reset(self.server)

    async def close(self) -> None:
        for writer in (self.client, self.server):
            if writer is not None:
                writer.close()
                await writer.wait_closed()

    async def forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        """Everything from one end to the other, and then the end of it."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_BEHIND)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(reader, waiting, way))
            group.create_task(self._write(waiting, writer, way))

    async def _read(
        self, reader: asyncio.StreamReader, waiting: asyncio.Queue[tuple[float, bytes]], way: Way
    ) -> None:
        now = asyncio.get_running_loop().time
        data = b"."
        while data:
            try:
                data = await reader.read(_CHUNK)
            except ConnectionError:
                self._broken()
                data = b""
            way.arrived += len(data)
            self._proxy.note()
            await waiting.put((now() + way.latency, data))

    async def _write(
        self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, way: Way
    ) -> None:
        now = asyncio.get_running_loop().time
        while True:
            due, data = await waiting.get()
            if due > now():
                await asyncio.sleep(due - now())
            await way.flowing()
            if not data:
                break
            await self._deliver(data, writer, way)
        if way.dropping:
            self.lossy = True
        elif not self._server_lost and not writer.is_closing():
            # Of a lost server the client is not told: it waits until it goes, or is reset.
            writer.write_eof()

    async def _deliver(self, data: bytes, writer: asyncio.StreamWriter, way: Way) -> None:
        step = way.slices or len(data)
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            left = len(piece) if way.cut_at is None else max(0, way.cut_at - way.bytes)
            broken_off = left < len(piece)
            piece = piece[:left]
            if way.dropping or self._server_lost:
                way.dropped += len(piece)
                self.lossy = True
                self._proxy.note()
                continue
            if way.bandwidth:
                await asyncio.sleep(len(piece) / way.bandwidth)
            try:
                writer.write(piece)
                await writer.drain()
            except ConnectionError:
                self._broken()
                continue
            way.bytes += len(piece)
            self._proxy.note()
            if broken_off:
                raise ConnectionResetError
            if way.slices:
                await asyncio.sleep(0)  # or the pieces would leave as one

    def _broken(self) -> None:
        """One end reset the connection: so does the other, if it is to know."""
        if not self._server_lost:
            raise ConnectionResetError


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an end."""
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.is_closing():
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
