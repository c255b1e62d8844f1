"""A feed of stock from a REST API, and ways to read it as the loaders do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.http_sections import HttpSource
from loaders.feedbook import Feed
from loaders.outcome import Outcome
from loaders.sources.http import HttpReader
from loaders.sources.http_erp import HttpLimits

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")
MAPPING = {"sku": "no", "location": "'W1'", "quantity": "stock", "updated_at": "changed"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def http_reader(url: str, **more: Any) -> HttpReader:
    return http_readers(url, 1, **more)[0]


def http_readers(
    url: str,
    count: int,
    *,
    kind: str = "stock",
    source: Any = None,
    clock: Callable[[], float] = time.monotonic,
    **feed: Any,
) -> list[HttpReader]:
    """The readers of so many feeds of one source."""
    settings = HttpSource.model_validate({"type": "http", "url": url, **(source or {})})
    asked = {"path": "items", "rows": "value", "mapping": MAPPING, **feed}
    limits = HttpLimits(settings, clock)
    read = FeedSettings.model_validate({"kind": kind, "source": "erp", **asked})
    return [HttpReader("stock", read, settings, limits, clock, now_ms) for _ in range(count)]


@asynccontextmanager
async def http_feed(url: str, **more: Any) -> AsyncIterator[HttpReader]:
    reader = http_reader(url, **more)
    try:
        yield reader
    finally:
        await reader.close()


async def lines(reader: HttpReader, done: str | None = None) -> list[bytes]:
    """The lines of a snapshot."""
    async with reader.snapshot(done) as reading:
        assert reading is not None
        return [line async for chunk in reading.lines for line in chunk.split(b"\n")]


async def take(warehouse: Warehouse, reader: HttpReader, feed: Feed = STOCK) -> Outcome:
    await warehouse.register(feed)
    async with reader.snapshot((await warehouse.state(feed)).watermark) as reading:
        assert reading is not None
        return await warehouse.ingest.snapshot(feed, reading)


async def follow(warehouse: Warehouse, reader: HttpReader, feed: Feed = STOCK) -> Outcome:
    async with reader.delta((await warehouse.state(feed)).watermark) as reading:
        assert reading is not None
        return await warehouse.ingest.delta(feed, reading)
