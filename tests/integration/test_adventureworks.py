"""AdventureWorks by queries alone: every product's answer against figures that SQL computes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from gateway.api.server import Address, run_worker
from gateway.config.file import load_settings
from gateway.config.settings import Settings
from gateway.wiring import assemble
from loaders.load import check, load

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "adventureworks" / "stockspan.toml"
_BESIDE = ROOT.parent / "shared" / "data" / "adventureworks"
DATA = Path(os.environ.get("STOCKSPAN_TEST_ADVENTUREWORKS", _BESIDE))
KEY = "test"

pytestmark = pytest.mark.skipif(
    not (DATA / "schema.sql").exists(),
    reason="AdventureWorks' data is not here; name its folder in STOCKSPAN_TEST_ADVENTUREWORKS",
)

# By other paths than the feeds take: discontinued is read off the list price history (a product
# that had list prices, and has none that is still open), the locations off their names.
EXPECTED = """
WITH listed AS (
    SELECT product_id, bool_or(end_date IS NULL) AS open
      FROM aw.product_list_price_history GROUP BY product_id),
held AS (
    SELECT i.product_id, sum(i.quantity) AS salable
      FROM aw.product_inventory i JOIN aw.location l USING (location_id)
     WHERE l.name LIKE '%Storage' OR l.name IN ('Tool Crib', 'Sheet Metal Racks', 'Paint Shop')
     GROUP BY i.product_id),
figures AS (
    SELECT p.product_number AS sku,
           coalesce(h.salable, 0) AS salable,
           coalesce(NOT l.open, false) AS discontinued,
           p.make_flag = 1
             OR EXISTS (SELECT FROM aw.product_vendor v WHERE v.product_id = p.product_id)
             AS backorder
      FROM aw.product p
      LEFT JOIN held h USING (product_id)
      LEFT JOIN listed l USING (product_id))
SELECT sku, salable,
       CASE WHEN salable >= 50 THEN 'in_stock'
            WHEN salable >= 1 THEN 'limited_availability'
            WHEN discontinued THEN 'discontinued'
            WHEN backorder THEN 'backorder'
            ELSE 'out_of_stock' END AS status,
       CASE WHEN salable >= 1000 THEN 1000 WHEN salable >= 250 THEN 250
            WHEN salable >= 50 THEN 50 WHEN salable >= 1 THEN 1 ELSE 0 END AS low,
       CASE WHEN salable >= 1000 THEN NULL WHEN salable >= 250 THEN 999
            WHEN salable >= 50 THEN 249 WHEN salable >= 1 THEN 49 ELSE 0 END AS high
  FROM figures ORDER BY sku
"""


@pytest.fixture
async def settings(database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    await _load_schema(database)
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    monkeypatch.setenv("STOCKSPAN_STORE__URL", redis_url)
    monkeypatch.setenv("STOCKSPAN_STORE__TIMEOUT", "5s")
    monkeypatch.setenv("STOCKSPAN_SOURCES__ADVENTUREWORKS__DSN", database)
    monkeypatch.setenv("STOCKSPAN_KEYS__TEST__SHA256", digest)
    monkeypatch.setenv("STOCKSPAN_KEYS__TEST__SCOPES", '["stock:exact"]')
    return load_settings(EXAMPLE)


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    shutdown, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    worker = asyncio.create_task(
        run_worker(assemble(settings), Address(port=0), shutdown, on_listening=listening.set_result)
    )
    port = await listening
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session:
        yield session
    shutdown.set()
    await worker


async def test_every_product_is_answered_as_sql_computes_it(
    settings: Settings, gateway: aiohttp.ClientSession, database: str
) -> None:
    assert await check(settings) == []
    assert await load(settings, once=True, shutdown=asyncio.Event()) == 0
    await _until_ready(gateway)
    connection = await asyncpg.connect(database)
    expected = {row["sku"]: row for row in await connection.fetch(EXPECTED)}
    await connection.close()
    assert len(expected) == 504

    async with gateway.post("/v1/stock/query", json={"skus": list(expected)}) as answer:
        assert answer.status == 200
        items = {item["sku"]: item for item in (await answer.json())["items"]}
    told = {sku: _figures(items[sku]) for sku in expected}
    computed = {sku: (int(r[1]), r[2], r[3], r[4]) for sku, r in expected.items()}
    assert told == computed

    statuses = {status for _, status, _, _ in told.values()}
    assert statuses == {"in_stock", "limited_availability", "backorder", "discontinued"}
    assert {item["freshness"] for item in items.values()} == {"fresh"}


def _figures(item: dict[str, Any]) -> tuple[int, str, int, int | None]:
    return item["salable"], item["status"], item["span"]["min"], item["span"]["max"]


async def _until_ready(gateway: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(20):
        while True:
            async with gateway.get("/readyz") as answer:
                if answer.status == 200:
                    return


async def _load_schema(dsn: str) -> None:
    """Run schema.sql as psql would: statements, and files copied into tables."""
    connection = await asyncpg.connect(dsn)
    text = (DATA / "schema.sql").read_text(encoding="utf-8")
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("\\copy"))
    await connection.execute(plain)
    for line in text.splitlines():
        if line.startswith("\\copy"):
            _, table, _, name, *_ = line.split()
            await connection.copy_to_table(
                table,
                schema_name="aw",
                source=DATA / name.strip("'"),
                format="csv",
                delimiter="\t",
            )
    await connection.close()
