"""AdventureWorks by queries alone: every product's answer against figures that SQL computes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from gateway.api.server import Address, run_worker
from gateway.config.file import load_settings
from gateway.config.settings import Settings
from gateway.wiring.assembly import assemble
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

# What the ERP would charge, straight from its own tables: the list price of the day, and the best
# of the offers that hold for the product, the day and the quantity, both ends included. $1 is the
# day, $2 the quantity, $3 the category of offers.
EXPECTED_PRICES = """
SELECT p.product_number AS sku,
       l.price AS list_price,
       round(l.price * (1 - best.discount), 4) AS unit_price
  FROM aw.product p
  LEFT JOIN LATERAL (
       SELECT coalesce(
           (SELECT h.list_price FROM aw.product_list_price_history h
             WHERE h.product_id = p.product_id AND h.start_date <= $1
               AND (h.end_date IS NULL OR h.end_date >= $1)),
           (SELECT nullif(p.list_price, 0)
             WHERE p.product_id NOT IN (SELECT product_id FROM aw.product_list_price_history)))
           AS price) l ON true
  LEFT JOIN LATERAL (
       SELECT coalesce(max(o.discount_pct), 0) AS discount
         FROM aw.special_offer o, aw.special_offer_product op
        WHERE op.special_offer_id = o.special_offer_id AND op.product_id = p.product_id
          AND o.category IN ('No Discount', $3)
          AND $1 BETWEEN o.start_date AND o.end_date
          AND $2 >= o.min_qty AND ($2 <= o.max_qty OR o.max_qty IS NULL)) best ON true
"""

# The first list prices and the Mountain-100 sale end with the first of these, and others begin with
# the second; pedals, frames and volumes overlap at the third; at the fourth the last offers run.
MOMENTS = (
    "2012-05-29T23:59:59.999Z",
    "2012-05-30T00:00:00Z",
    "2013-06-15T12:00:00Z",
    "2014-04-15T12:00:00Z",
    None,  # now: every offer has ended
)
QUANTITIES = (1, 11, 14, 25, 61)
CATEGORIES = {"web": "Customer", "reseller": "Reseller"}


@pytest.fixture
async def settings(database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    await _load_schema(database)
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    monkeypatch.setenv("STOCKSPAN_STORE__URL", redis_url)
    monkeypatch.setenv("STOCKSPAN_STORE__TIMEOUT", "5s")
    monkeypatch.setenv("STOCKSPAN_SOURCES__ADVENTUREWORKS__DSN", database)
    monkeypatch.setenv("STOCKSPAN_KEYS__TEST__SHA256", digest)
    monkeypatch.setenv("STOCKSPAN_KEYS__TEST__SCOPES", '["stock:exact", "prices:any"]')
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
    assert (await check(settings)).problems == []
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


async def test_every_product_has_the_price_that_sql_computes(
    settings: Settings, gateway: aiohttp.ClientSession, database: str
) -> None:
    assert await load(settings, once=True, shutdown=asyncio.Event()) == 0
    await _until_ready(gateway)
    connection = await asyncpg.connect(database)
    compared = priced = discounted = 0
    for moment in MOMENTS:
        at = datetime.now(UTC) if moment is None else datetime.fromisoformat(moment)
        day = datetime(at.year, at.month, at.day)  # noqa: DTZ001 - this ERP's times have no zone
        for quantity in QUANTITIES:
            for channel, category in CATEGORIES.items():
                rows = await connection.fetch(EXPECTED_PRICES, day, quantity, category)
                computed = {row["sku"]: _charged(row, quantity) for row in rows}
                told = await _prices(gateway, list(computed), quantity, channel, moment)
                assert told == computed, (moment, quantity, channel)
                compared += len(computed)
                prices = [price for price in computed.values() if price is not None]
                priced += len(prices)
                discounted += sum(unit < base for unit, base, _ in prices)
    await connection.close()
    assert (compared, priced, discounted) == (25_200, 8_400, 677)


def _charged(row: asyncpg.Record, quantity: int) -> tuple[Decimal, Decimal, Decimal] | None:
    """Unit price, list price and the line's sum; None where nothing is charged."""
    unit, listed = row["unit_price"], row["list_price"]
    return None if listed is None else (unit, listed, _cents(unit * quantity))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


async def _prices(
    gateway: aiohttp.ClientSession,
    skus: list[str],
    quantity: int,
    channel: str,
    moment: str | None,
) -> Mapping[str, tuple[Decimal, Decimal, Decimal] | None]:
    """What the gateway says of these, in the same form."""
    lines = [{"sku": sku, "quantity": quantity} for sku in skus]
    asked = {"channel": channel, "lines": lines} | ({} if moment is None else {"at": moment})
    async with gateway.post("/v1/prices/query", json=asked) as answer:
        assert answer.status == 200, await answer.text()
        items = (await answer.json())["items"]
    assert [item["sku"] for item in items] == skus
    return {item["sku"]: _told(item) for item in items}


def _told(item: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal] | None:
    if "error" in item:
        assert item["error"]["type"] == "/problems/no-price"
        return None
    money = [item[name] for name in ("unit_price", "base_price", "line_net")]
    assert {entry["currency"] for entry in money} == {"USD"}
    unit, base, net = (Decimal(entry["amount"]) for entry in money)
    return unit, base, net


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
