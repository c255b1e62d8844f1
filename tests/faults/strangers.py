"""Clients that do not behave: bytes sent by hand, many connections, from as many addresses as one
wants.

Linux takes any address of 127.0.0.0/8 for its own, so that a crowd need not come from one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from stockspan.embedded.ports import HOST
from tests.faults.world import SECRETS

_OF_ONE_ADDRESS: Final = 400
"""Fewer than a gateway takes."""


class Stranger:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Send it, whether it gets there or not."""
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drip(self, pause: float, first: float) -> None:
        """A little more of a head now and then, until the other side has had enough.

        The first one after `first` seconds: those who drip are not to do so in step.
        """
        await asyncio.sleep(first)
        while not self._reader.at_eof() and not self._writer.is_closing():
            self.send(b"X-More: x\r\n")
            await asyncio.sleep(pause)

    async def closed(self) -> None:
        """Return when the other side has closed it; what it sent before is thrown away."""
        try:
            while await self._reader.read(1 << 16):
                pass
        except ConnectionError:
            pass

    async def asked(self, data: bytes) -> int:
        """The status of the answer, which is read to its end."""
        self._writer.write(data)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split()[0])
        await self._reader.readexactly(length)
        return int(head.split()[1])


@asynccontextmanager
async def strangers(
    port: int, count: int, *, limit: int = 1 << 16, window: int | None = None
) -> AsyncIterator[list[Stranger]]:
    """So many connections.

    `limit`: bytes that each takes before anybody reads, beside those of the system, `window`.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        found = []
        for number in range(count):
            link = socket.socket()
            if window is not None:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            link.setblocking(False)
            link.bind((f"127.0.0.{2 + number // _OF_ONE_ADDRESS}", 0))
            await loop.sock_connect(link, (HOST, port))
            reader, writer = await asyncio.open_connection(sock=link, limit=limit)
            stack.callback(writer.transport.abort)
            found.append(Stranger(reader, writer))
        yield found


def get(target: str, *, key: str | None = None) -> bytes:
    """A GET."""
    known = "" if key is None else f"Authorization: Bearer {SECRETS[key]}\r\n"
    return f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{known}\r\n".encode()


def post(target: str, body: bytes, *, key: str | None = None, said: int | None = None) -> bytes:
    """A POST; `said` is the length that it says, where it is not that of the body."""
    known = "" if key is None else f"Authorization: Bearer {SECRETS[key]}\r\n"
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {HOST}\r\n{known}Content-Type: application/json\r\n"
        f"Content-Length: {len(body) if said is None else said}\r\n\r\n"
    )
    return head.encode() + body


def memory(pids: Sequence[int]) -> int:
    """Bytes of memory that these processes have now (Linux)."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/status").read_text("utf-8")
        total += int(text.partition("VmRSS:")[2].split()[0]) * 1024
    return total
