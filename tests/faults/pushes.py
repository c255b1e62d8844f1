"""Records that are pushed to the loaders of a world, whole and broken off."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from stockspan.embedded.ports import HOST
from tests.faults.world import SECRETS, World

_SECONDS: Final = 60.0
_HEADERS: Final = {"Authorization": f"Bearer {SECRETS['erp']}"}


async def push(world: World, kind: str, body: bytes, mode: str = "delta") -> tuple[int, Any]:
    """Status and answer."""
    url = f"{world.ingest}/ingest/{kind}"
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with world.session.post(
        url, params={"mode": mode}, data=body, headers=_HEADERS, timeout=timeout
    ) as answer:
        return answer.status, await answer.json(content_type=None)


async def push_broken_off(world: World, kind: str, body: bytes, at: int) -> bytes:
    """Announce a whole snapshot, send so many bytes and hang up; what was answered."""
    reader, writer = await asyncio.open_connection(HOST, urlsplit(world.ingest).port)
    try:
        head = [
            f"POST /ingest/{kind}?mode=snapshot HTTP/1.1",
            f"Host: {HOST}",
            *(f"{name}: {value}" for name, value in _HEADERS.items()),
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        writer.write("\r\n".join([*head, "", ""]).encode() + body[:at])
        await writer.drain()
        writer.write_eof()
        async with asyncio.timeout(_SECONDS):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
