"""Transactions of an ERP in any order, and an outbox read between them: at rest nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.config.feed_sections import PostgresSource
from loaders.errors import WholeNeededError
from loaders.feedbook import Feed
from loaders.sources import postgres_outbox
from loaders.sources.outbox import NOTED
from loaders.sources.postgres import PostgresReader
from tests.examples import examples
from tests.noted_erp import NotedErp, noted_feed

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")
SKUS = [f"S{n}" for n in range(1, 5)]
CLERKS = range(3)

Step = tuple[str, int, str, int]
"""What is done, by which clerk, with which SKU, and how many there are then."""

STEPS = st.tuples(
    st.sampled_from(["put", "put", "delete", "commit", "commit", "undo", "delta", "snapshot"]),
    st.sampled_from(CLERKS),
    st.sampled_from(SKUS),
    st.integers(1, 999),
)
LATE: Sequence[Step] = [
    ("put", 0, "S1", 111),
    ("put", 1, "S2", 222),
    ("commit", 1, "", 0),
    ("delta", 0, "", 0),
    ("commit", 0, "", 0),
]
"""The first to write commits last, after what came later was read."""

PUT = """
INSERT INTO bins (sku, place, amount) VALUES ($1, 'W1', $2)
ON CONFLICT (sku, place) DO UPDATE SET amount = EXCLUDED.amount
"""


@dataclass
class Shop:
    """An ERP with some clerks, and the store that follows it."""

    warehouse: Warehouse
    reader: PostgresReader
    clerks: Sequence[asyncpg.Connection]
    locked: dict[str, int] = field(default_factory=dict)

    async def play(self, steps: Sequence[Step]) -> tuple[dict[str, int], dict[str, int]]:
        """What the ERP has at the end, and what the store has."""
        await self.clerks[0].execute("DELETE FROM bins")
        await self.warehouse.register(STOCK)
        await self.snapshot()
        for step in steps:
            await self.step(*step)
        for clerk in CLERKS:
            await self.end(clerk, "COMMIT")
        await self.delta()
        rows = await self.clerks[0].fetch("SELECT sku, amount FROM bins")
        levels = {sku: await self.warehouse.quantity(sku) for sku in SKUS}
        return (
            {row["sku"]: int(row["amount"]) for row in rows},
            {sku: level for sku, level in levels.items() if level is not None},
        )

    async def step(self, what: str, clerk: int, sku: str, amount: int) -> None:
        if what == "delta":
            await self.delta()
        elif what == "snapshot":
            await self.snapshot()
        elif what in {"commit", "undo"}:
            await self.end(clerk, "COMMIT" if what == "commit" else "ROLLBACK")
        elif self.locked.setdefault(sku, clerk) == clerk:
            # Who would have to wait for another does something else.
            connection = self.clerks[clerk]
            if not connection.is_in_transaction():
                await connection.execute("BEGIN")
            if what == "put":
                await connection.execute(PUT, sku, amount)
            else:
                await connection.execute("DELETE FROM bins WHERE sku = $1", sku)

    async def end(self, clerk: int, how: str) -> None:
        if self.clerks[clerk].is_in_transaction():
            await self.clerks[clerk].execute(how)
        self.locked = {sku: other for sku, other in self.locked.items() if other != clerk}

    async def delta(self) -> None:
        try:
            async with self.reader.delta((await self.warehouse.state(STOCK)).watermark) as told:
                assert told is not None
                await self.warehouse.ingest.delta(STOCK, told)
        except WholeNeededError:
            await self.snapshot()

    async def snapshot(self) -> None:
        self.warehouse.clock.now += 1
        async with self.reader.snapshot(None) as whole:
            await self.warehouse.ingest.snapshot(STOCK, whole)


async def played(
    erp: NotedErp, redis_url: str, folder: Path, steps: Sequence[Step]
) -> tuple[dict[str, int], dict[str, int]]:
    """What the ERP has after these steps, and what the store has."""
    from tests.integration.loaders.conftest import opened  # noqa: PLC0415 - a module of fixtures

    source = PostgresSource(type="postgres", dsn=erp.reader)
    reader = PostgresReader("stock", noted_feed(), source, lambda: 0.0)
    clerks = [await asyncpg.connect(erp.clerk) for _ in CLERKS]
    try:
        async with opened(redis_url, folder) as warehouse:
            await warehouse.client.redis.flushall()
            return await Shop(warehouse, reader, clerks).play(steps)
    finally:
        await reader.close()
        for clerk in clerks:
            await clerk.close()


@given(st.lists(STEPS, max_size=25))
@example(LATE)
@settings(
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_at_rest_the_store_has_what_the_erp_has(
    erp: NotedErp, redis_url: str, tmp_path: Path, steps: Sequence[Step]
) -> None:
    there, here = asyncio.run(played(erp, redis_url, tmp_path, steps))
    assert here == there


async def test_a_reader_that_ignored_what_still_runs_would_lose_it(
    erp: NotedErp, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = NOTED.replace("pg_snapshot_xmin", "pg_snapshot_xmax")
    monkeypatch.setattr(postgres_outbox, "NOTED", hasty)
    there, here = await played(erp, redis_url, tmp_path, LATE)
    assert there == {"S1": 111, "S2": 222}
    assert here == {"S2": 222}
