"""Journals that Redis keeps, each with a lane of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.redis_journal import RedisJournal


@asynccontextmanager
async def a_redis_journal(client: StoreClient) -> AsyncIterator[RedisJournal]:
    """A journal of its own lane, as another worker would have."""
    keys = Keyspace("ss")
    lane = Lane(client, keys)
    journal = RedisJournal(client, keys, lane)
    try:
        yield journal
    finally:
        await journal.close()
        await lane.end()
