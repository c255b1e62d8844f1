"""A server that answers as it is told, byte for byte, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

DROPPED: Final = b""
"""Read the request, and close without a word."""


class FaultyGateway:
    """`answers` are given one a request, the last of them from then on; None never comes."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self._hear(reader)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if answer is None:
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
                if not _complete(answer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client went
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        body = await reader.readexactly(int(headers.get("Content-Length", 0)))
        self.asked.append((first, headers, body))


@asynccontextmanager
async def faulty(*answers: bytes | None) -> AsyncIterator[FaultyGateway]:
    """Such a server on a free port."""
    gateway = FaultyGateway(*answers)
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    gateway.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield gateway
    finally:
        server.close()
        await server.wait_closed()


def saying(status: int, body: Any, **headers: str) -> bytes:
    """The bytes of an answer: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status} -", f"Content-Length: {len(content)}"]
    head += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode() + content


def problem(name: str, status: int, *, retry_after: str | None = None, **more: Any) -> bytes:
    """The bytes of a problem."""
    body = {"type": f"/problems/{name}", "title": name, "status": status, **more}
    headers = {} if retry_after is None else {"Retry_After": retry_after}
    return saying(status, body, **headers)


def _complete(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    return f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
