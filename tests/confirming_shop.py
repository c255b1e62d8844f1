"""A shop that has the ERP confirm what it sells: a real ERP behind a proxy, loader and gateways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from msgspec.structs import replace

from gateway.config.settings import Settings
from tests.faults.proxy import FaultProxy
from tests.gateway_server import ALL, Gateway, running
from tests.running_loaders import running_loaders

SECONDS: Final = 30
TABLE: Final = """
CREATE TABLE bins (sku text, place text, amount numeric, rev bigserial, PRIMARY KEY (sku, place));
INSERT INTO bins (sku, place, amount) SELECT 'S' || n, 'W1', 100 FROM generate_series(1, 60) n;
"""
# Each call of the ERP tells of itself, once: whether it asks for some SKUs or for all.
QUERY: Final = """
SELECT b.sku, b.place AS location, b.amount AS quantity, b.rev AS version
  FROM (SELECT pg_notify('calls', (current_query() ~ 'AN[Y][(][$]1')::text)) told, bins b
"""


class Erp:
    """The ERP: its database, the proxy before it, and how often it was asked for some SKUs."""

    def __init__(self, connection: asyncpg.Connection, proxy: FaultProxy, dsn: str) -> None:
        self.proxy = proxy
        self.dsn = dsn
        self._connection = connection
        self._calls = 0
        self._called_again = asyncio.Event()

    async def listen(self) -> None:
        await self._connection.add_listener("calls", self._called)

    async def calls(self) -> int:
        """How many calls for some SKUs there were until now."""
        # What was notified before comes before the answer to this.
        await self._connection.execute("SELECT 1")
        return self._calls

    async def until_called(self, times: int) -> None:
        """Wait for so many calls in all."""
        async with asyncio.timeout(SECONDS):
            while self._calls < times:
                self._called_again.clear()
                await self._called_again.wait()

    async def sets(self, sku: str, amount: float, place: str = "W1") -> None:
        """The ERP changes a figure."""
        await self._connection.execute(
            "INSERT INTO bins (sku, place, amount) VALUES ($1, $2, $3::text::numeric) "
            "ON CONFLICT (sku, place) DO UPDATE SET amount = EXCLUDED.amount, rev = EXCLUDED.rev",
            sku,
            place,
            str(amount),
        )

    async def forgets(self, sku: str) -> None:
        """The ERP drops a row."""
        await self._connection.execute("DELETE FROM bins WHERE sku = $1", sku)

    def _called(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._calls += payload == "true"
        self._called_again.set()


class Shop:
    """Gateways over one store, and the ERP."""

    def __init__(self, erp: Erp, gateways: Sequence[Gateway]) -> None:
        self.erp = erp
        self.gateways = gateways

    async def look(
        self,
        *skus: str,
        at: int = 0,
        quantities: Sequence[float] | None = None,
        location: str | None = None,
        **asked: Any,
    ) -> list[dict[str, Any]]:
        """The lines of a checkout of one of each, or of so many."""
        for gateway in self.gateways:
            gateway.clock.now_ms = time.time_ns() // 1_000_000
        lines = [
            {"sku": sku, "quantity": quantity, "location": location}
            for sku, quantity in zip(skus, quantities or [1] * len(skus), strict=True)
        ]
        body = {"lines": lines, "confirm": "always", "deadline_ms": 5_000, **asked}
        answer = await self.gateways[at].ask("/v1/checkout", "POST", key=ALL, json=body)
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json["lines"]
        return found

    async def grown_older(self, milliseconds: int) -> int | None:
        """Let the ERP's feed be verified so much earlier; gives until when."""
        feeds = self.gateways[0].store.feeds
        state = (await feeds.all())["stock"]
        earlier = (state.verified_through_ms or 0) - milliseconds
        await feeds.save("stock", replace(state, verified_through_ms=earlier))
        for gateway in self.gateways:
            await gateway.refresh()
        return earlier

    async def verified_through(self) -> int | None:
        """Until when the ERP's feed is known to be right."""
        return (await self.gateways[0].store.feeds.all())["stock"].verified_through_ms

    async def until_loaded(self, feeds: int, *, refreshing: bool) -> None:
        """Wait for the first snapshots, and for the loader to take requests."""
        gateway = self.gateways[0]
        redis, channel = gateway.parts.client.redis, gateway.store.keys.refresh
        async with asyncio.timeout(SECONDS):
            while True:
                known = await gateway.store.feeds.all()
                loaded = [feed for feed in known.values() if feed.verified_through_ms is not None]
                ((_, listening),) = await redis.pubsub_numsub(channel)
                if len(loaded) == feeds and bool(listening) is refreshing:
                    break
                await asyncio.sleep(0.005)
        for each in self.gateways:
            await each.refresh()


@asynccontextmanager
async def erp(database: str) -> AsyncIterator[Erp]:
    """An ERP with sixty SKUs of a hundred each."""
    address = urlsplit(database)
    connection = await asyncpg.connect(database)
    await connection.execute(TABLE)
    async with FaultProxy(address.hostname or "", address.port or 0) as proxy:
        dsn = database.replace(f":{address.port}/", f":{proxy.port}/")
        made = Erp(connection, proxy, dsn)
        await made.listen()
        try:
            yield made
        finally:
            await connection.close()


def sections(erp_dsn: str, folder: Path, **source: Any) -> dict[str, Any]:
    """The settings of a loader with one feed of stock; `source` goes to the ERP's section."""
    # A test's machine may be slow; what happens after that is tested at the desk. An audit's calls
    # would be counted with the others.
    patient = {"refresh_rate": 1_000, "refresh_timeout": "20s", "audit_rate": 0}
    found = {"type": "postgres", "dsn": erp_dsn, **patient, **source}
    return {
        "loaders": {"spool_dir": folder / "spool"},
        "sources": {"erp": found},
        "feeds": {"stock": {"kind": "stock", "source": "erp", "query": QUERY}},
    }


@asynccontextmanager
async def loading(redis_url: str, chosen: Mapping[str, Any]) -> AsyncIterator[None]:
    """The loaders as they run, on this store."""
    settings = Settings(store={"url": redis_url, "timeout": "5s"}, **chosen)
    async with running_loaders(settings):
        yield


@asynccontextmanager
async def shop(
    redis_url: str,
    erp: Erp,
    chosen: Mapping[str, Any],
    *,
    gateways: int = 1,
    refreshing: bool = True,
) -> AsyncIterator[Shop]:
    """Everything, loaded and listening."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(loading(redis_url, chosen))
        opened = [await stack.enter_async_context(running(redis_url)) for _ in range(gateways)]
        for gateway in opened:
            gateway.clock.now_ms = time.time_ns() // 1_000_000
            await gateway.listen()
        made = Shop(erp, opened)
        await made.until_loaded(len(chosen["feeds"]), refreshing=refreshing)
        yield made
