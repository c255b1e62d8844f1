"""A store that came back: what lay idle meanwhile fails one caller, not one for each connection."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.errors import StoreUnavailableError
from gateway.store.client import StoreClient
from stockspan.embedded.valkey import EmbeddedValkey
from tests.faults.proxy import FaultProxy

CONNECTIONS = 5


async def use_all(client: StoreClient) -> list[BaseException]:
    """Use so many connections at once; what came of those that failed."""
    together = asyncio.Barrier(CONNECTIONS)

    async def use() -> None:
        async with client.asking() as redis:
            connection = await redis.connection_pool.get_connection()
            try:
                await together.wait()
                await connection.send_command("PING")
                await connection.read_response()
            finally:
                await redis.connection_pool.release(connection)

    done = await asyncio.gather(*(use() for _ in range(CONNECTIONS)), return_exceptions=True)
    return [one for one in done if isinstance(one, BaseException)]


async def test_what_broke_one_broke_those_that_lay_idle(valkey: EmbeddedValkey) -> None:
    async with FaultProxy("127.0.0.1", valkey.port) as way:
        secret = valkey.url.rpartition("@")[0]
        client = StoreClient.connect(f"{secret}@127.0.0.1:{way.port}/0", deadline=2.0)
        try:
            assert await use_all(client) == []
            way.reset()
            await way.until(lambda: not way.open)
            with pytest.raises(StoreUnavailableError):
                await client.ping()
            assert await use_all(client) == []
        finally:
            await client.close()
