"""Watching for a change: a shopper who asks again and again, and how long a message takes."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gateway.store.client import StoreClient

_TRIES: Final = 200
_ASKED: Final = 100


async def seconds_until(heard: asyncio.Event, act: Callable[[], Awaitable[object]]) -> float:
    """From the moment at which this is begun to that at which something is heard of it."""
    heard.clear()
    began = time.perf_counter()
    acting = asyncio.ensure_future(act())
    await heard.wait()
    took = time.perf_counter() - began
    await acting
    return took


class Shopper:
    """One kept connection to the gateway, by as little code as tells its answers apart."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def public(self, sku: str) -> bytes:
        """Status and span of a SKU, as a stranger sees them."""
        (item,) = await self.items([sku])
        return json.dumps([item["status"], item["span"]]).encode()

    async def items(self, skus: Sequence[str]) -> list[dict[str, object]]:
        """What is told of these SKUs, in their order."""
        body = await self.asked(skus)
        if b'"items"' not in body:
            raise RuntimeError(body.decode())
        items: list[dict[str, object]] = json.loads(body)["items"]
        return items

    async def asked(self, skus: Sequence[str]) -> bytes:
        """The answer to one request for these SKUs, as it comes."""
        return await self._get("/v1/stock?" + "&".join([f"sku={sku}" for sku in skus]))

    async def until_ready(self, sku: str) -> None:
        """Return when it answers for this SKU."""
        async with asyncio.timeout(60):
            while True:
                try:
                    if b'"items"' in await self.asked([sku]):
                        return
                except (OSError, asyncio.IncompleteReadError):
                    self._writer = None
                await asyncio.sleep(0.05)

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()

    async def _get(self, target: str) -> bytes:
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(f"GET {target} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return await self._reader.readexactly(length)


async def until_kept(client: StoreClient, shopper: Shopper, sku: str) -> None:
    """Return when the gateway answers for this SKU without reading the store.

    Raises:
        SystemExit: it never does; what was to be measured would be no near-cache.
    """
    for _ in range(_TRIES):
        before = await keys_read(client)
        for _ in range(_ASKED):
            await shopper.asked([sku])
        # It reads its directory meanwhile.
        if await keys_read(client) - before < _ASKED // 2:
            return
        await asyncio.sleep(0.05)
    sys.exit("the gateway keeps no answers: nothing to be measured")


async def keys_read(client: StoreClient) -> int:
    """How many keys the store was ever asked for that it had."""
    return int((await client.redis.info("stats"))["keyspace_hits"])
