"""An ingest on the session's Valkey, and ways to look at what it left there."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.domain.price_lists import PriceRow, Scope, Target
from gateway.domain.stock import Location, Product, SkuStock, StockLevel
from gateway.store.client import StoreClient
from gateway.store.codec import decode_sku
from gateway.store.entries import Head, entries
from gateway.store.feeds import FeedState
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.store.price_codec import decode_rows
from gateway.store.prices import PriceStore
from gateway.store.stock import StockStore, scan_stock
from loaders.feedbook import Feed
from loaders.ingest import Ingest
from loaders.outcome import Outcome
from loaders.reading import Proof, Reading, proved_by_end
from stockspan.embedded.postgres import EmbeddedPostgres
from tests.held_prices import held_price_rows
from tests.noted_erp import NotedErp, make_noted_erp


@dataclass
class Clock:
    """A clock that tests set: milliseconds since the epoch."""

    now: int = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Warehouse:
    """One store with its ingest."""

    client: StoreClient
    keys: Keyspace
    ingest: Ingest
    clock: Clock

    async def register(self, *feeds: Feed) -> None:
        for feed in feeds:
            await self.ingest.register.register(feed.name, feed.kind)

    async def snapshot(
        self, feed: Feed, rows: Iterable[object], proof: Proof = proved_by_end
    ) -> Outcome:
        return await self.ingest.snapshot(feed, Reading(lines(rows), proof))

    async def delta(self, feed: Feed, *rows: object) -> Outcome:
        return await self.ingest.delta(feed, Reading(lines(rows)))

    async def sku(self, sku: str) -> SkuStock | None:
        (held,) = (await self._stock().read([sku])).stock
        return held

    def _stock(self) -> StockStore:
        return StockStore(self.client, self.keys, Lane(self.client, self.keys))

    async def level(self, sku: str, location: str = "W1") -> StockLevel | None:
        held = await self.sku(sku)
        return None if held is None else held.levels.get(location)

    async def quantity(self, sku: str, location: str = "W1") -> int | None:
        level = await self.level(sku, location)
        return None if level is None else level.quantity // 1000

    async def product(self, sku: str) -> Product | None:
        held = await self.sku(sku)
        return None if held is None else held.product

    async def rows(self) -> list[PriceRow]:
        """Every price row held, wherever it lies."""
        return sorted(
            await held_price_rows(self.client, self.keys),
            key=lambda row: (
                row.price_list,
                row.target.scope,
                row.target.name,
                row.min_quantity,
                row.validity.from_ms or 0,
            ),
        )

    async def prices(self) -> dict[tuple[str, str, int], int | None]:
        """Unit price by list, target's name and minimum quantity in units, in whole units."""
        return {
            (row.price_list, row.target.name, row.min_quantity // 1000): (
                None if row.unit_price is None else row.unit_price // 10_000
            )
            for row in await self.rows()
        }

    async def with_skus(self) -> set[str]:
        """The SKUs with which price rows lie."""
        pages = PriceStore(self.client, self.keys).scan_sku_prices()
        return {
            sku
            async for page in pages
            for sku, value in page
            if decode_rows(value, None, Target(Scope.SKU, sku))
        }

    async def locations(self) -> list[Location]:
        return list(await self._stock().locations())

    async def heads(self, sku: str) -> dict[str, Head]:
        (value,) = await self.client.get_many([self.keys.sku(sku)])
        return {entry.head.name: entry.head for entry in entries(value or b"\x01")}

    async def everything(self) -> dict[str, SkuStock | None]:
        found: dict[str, SkuStock | None] = {}
        async for page in scan_stock(self.client, self.keys):
            found.update({sku: decode_sku(value) for sku, value in page})
        return found

    async def state(self, feed: Feed) -> FeedState:
        return (await self.ingest.register.all())[feed.name]


async def lines(rows: Iterable[object], size: int = 7) -> AsyncIterator[bytes]:
    """The rows as a source would yield them, some at a time."""
    ready = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    for at in range(0, len(ready), size):
        yield b"\n".join(ready[at : at + size])


@asynccontextmanager
async def opened(redis_url: str, tmp_path: Path) -> AsyncIterator[Warehouse]:
    """A warehouse for tests that are no coroutines."""
    client = StoreClient.connect(redis_url, deadline=2.0)
    keys = Keyspace("t")
    clock = Clock()
    yield Warehouse(client, keys, Ingest(client, keys, tmp_path / "spool", clock), clock)
    await client.close()


@pytest.fixture
async def warehouse(redis_url: str, tmp_path: Path) -> AsyncIterator[Warehouse]:
    async with opened(redis_url, tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def _noted_erp(postgres: EmbeddedPostgres) -> NotedErp:
    name = f"noted_{secrets.token_hex(6)}"
    postgres.psql(f"CREATE DATABASE {name}")
    return asyncio.run(make_noted_erp(postgres.dsn(name)))


@pytest.fixture
def erp(_noted_erp: NotedErp) -> NotedErp:
    """An ERP's table with a fresh outbox, in a database that is made once."""
    asyncio.run(_noted_erp.begin_anew())
    return _noted_erp
