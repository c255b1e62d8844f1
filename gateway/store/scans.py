"""Walking over everything of one kind, in pages; for loaders and checks, not for requests.

Whatever is there from first to last comes at least once. A page has a deadline of its own, as it
is far more than a request reads, and between two pages others have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Final

from redis import exceptions
from redis.asyncio.cluster import RedisCluster

from gateway.store.client import StoreClient, is_wrong_type, translated

_COUNT: Final = 1000
LARGE_RECORDS: Final = 100
"""So many in a page of records that may be 64 KiB each: heads of lists, and customers."""
_PAGE_SECONDS: Final = 2.0
# So many hashes at once: a page of a thousand contracts would be megabytes in one reply.
_HASHES: Final = 100

Fields = list[tuple[bytes, bytes]]
Page = tuple[int, dict[bytes, bytes]]
"""The cursor from which the next one goes on, zero after the last; and the fields."""


async def scan_keys(client: StoreClient, pattern: bytes) -> AsyncIterator[list[bytes]]:
    """The keys that match, on every node.

    Raises:
        StoreUnavailableError: the store went away; start again.
    """
    redis = client.redis
    nodes = redis.get_primaries() if isinstance(redis, RedisCluster) else [redis]
    for node in nodes:
        cursor = 0
        while True:
            async with client.asking(_page_seconds(client)):
                cursor, keys = await node.execute_command(
                    "SCAN", cursor, "MATCH", pattern, "COUNT", _COUNT
                )
            if keys:
                yield keys
            await asyncio.sleep(0)
            if not cursor:
                break


async def scan_values(
    client: StoreClient, pattern: bytes, count: int = _COUNT
) -> AsyncIterator[list[tuple[bytes, bytes]]]:
    """The string values at the keys that match, with their keys, in pages of `count` at most.

    Raises:
        StoreUnavailableError: the store went away; start again.
    """
    async for keys in scan_keys(client, pattern):
        for at in range(0, len(keys), count):
            some = keys[at : at + count]
            values = await client.get_many(some, _page_seconds(client))
            yield [
                (key, value) for key, value in zip(some, values, strict=True) if value is not None
            ]
            await asyncio.sleep(0)


async def scan_hashes(
    client: StoreClient, pattern: bytes
) -> AsyncIterator[list[tuple[bytes, Fields]]]:
    """The hashes at the keys that match, with their fields; a large one comes in several pages.

    Raises:
        StoreUnavailableError: the store went away; start again.
    """
    async for keys in scan_keys(client, pattern):
        for at in range(0, len(keys), _HASHES):
            some = keys[at : at + _HASHES]
            firsts = await _first_pages(client, some)
            yield [
                (key, list(fields.items())) for key, (_, fields) in zip(some, firsts, strict=True)
            ]
            for key, (cursor, _) in zip(some, firsts, strict=True):
                if cursor:
                    async for fields in scan_fields(client, key, cursor):
                        yield [(key, fields)]


async def scan_fields(
    client: StoreClient, key: bytes, cursor: int = 0, count: int = _COUNT
) -> AsyncGenerator[Fields, None]:
    """The fields of one hash, from that cursor on, about `count` a page; none where it is no hash.

    Who stops before the end closes it.

    Raises:
        StoreUnavailableError: the store went away; start again.
    """
    while True:
        cursor, fields = await _page(client, key, cursor, count)
        if fields:
            yield list(fields.items())
        await asyncio.sleep(0)
        if not cursor:
            break


def _page_seconds(client: StoreClient) -> float:
    return max(client.deadline, _PAGE_SECONDS)


async def _page(client: StoreClient, key: bytes, cursor: int, count: int) -> Page:
    async with client.asking(_page_seconds(client)) as redis:
        try:
            page: Page = await redis.hscan(key, cursor, count=count)
        except exceptions.ResponseError as error:
            if not is_wrong_type(error):
                raise
            return 0, {}
    return page


async def _first_pages(client: StoreClient, keys: Sequence[bytes]) -> list[Page]:
    """The first page of each hash."""
    async with client.asking(_page_seconds(client)) as redis:
        pipeline = redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hscan(key, 0, count=_COUNT)
        replies = await pipeline.execute(raise_on_error=False)
    pages: list[Page] = []
    for reply in replies:
        if is_wrong_type(reply):
            pages.append((0, {}))
        elif isinstance(reply, Exception):
            with translated():
                raise reply
        else:
            pages.append(reply)
    return pages
