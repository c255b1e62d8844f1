"""Both kinds of store: one Valkey, and a cluster of one node that has all slots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.domain.errors import StoreUnavailableError
from gateway.store.client import StoreClient
from gateway.store.feeds import FeedRegister
from gateway.store.keys import Keyspace
from stockspan.embedded.valkey import EmbeddedValkey
from tests.held_store import HeldStore


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """The session's cluster; what tests leave in it is cleared before the next."""
    folder = tmp_path_factory.mktemp("cluster")
    with EmbeddedValkey(folder, appendonly=False, cluster=True) as server:
        server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        yield server


@pytest.fixture
async def cluster_client(cluster: EmbeddedValkey) -> AsyncIterator[StoreClient]:
    """A client of the empty cluster; its content has a name."""
    cluster.command("FLUSHALL")
    client = StoreClient.connect(cluster.url, mode="cluster", deadline=5.0)
    async with asyncio.timeout(30):
        while True:  # a new cluster takes a moment to find itself whole
            try:
                await FeedRegister(client, Keyspace("ss")).name_epoch()
                break
            except StoreUnavailableError:
                await asyncio.sleep(0.05)
    yield client
    await client.close()


@pytest.fixture
async def single_client(redis_url: str) -> AsyncIterator[StoreClient]:
    """A client of the empty Valkey; its content has a name."""
    client = StoreClient.connect(redis_url, deadline=5.0)
    await FeedRegister(client, Keyspace("ss")).name_epoch()
    yield client
    await client.close()


@pytest.fixture(params=["single", "cluster"])
def client(request: pytest.FixtureRequest) -> StoreClient:
    """A client of each kind of store, in turn."""
    found: StoreClient = request.getfixturevalue(f"{request.param}_client")
    return found


@pytest.fixture
async def held(client: StoreClient) -> AsyncIterator[HeldStore]:
    """A store that takes holds."""
    async with HeldStore.opened(client) as store:
        yield store
