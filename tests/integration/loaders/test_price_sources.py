"""Prices and what belongs to them from every source: push, files, PostgreSQL, HTTP."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest
from aiohttp import ClientSession, web

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import FilesSource, PostgresSource
from gateway.domain.access import ApiKey, KeyRing
from gateway.domain.record_kinds import Kind
from gateway.store.prices import PriceStore
from loaders.addresses import listening
from loaders.feedbook import Feed
from loaders.sources.files import FilesReader
from loaders.sources.postgres import PostgresReader
from loaders.sources.push import PushServer
from tests.integration.loaders.http_feed import http_feed, take
from tests.leading import Leads
from tests.rest_erp import rest_erp

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

RECORDS: dict[Kind, list[dict[str, Any]]] = {
    "price_lists": [
        {"price_list": "1", "currency": "SEK", "layer": "base", "tax_included": True},
        {
            "price_list": "2",
            "currency": "SEK",
            "layer": "contract",
            "priority": 3,
            "customers": ["7"],
            "channels": ["web"],
            "valid_from": "2026-01-01",
        },
    ],
    "prices": [
        {"price_list": "1", "sku": "10", "unit_price": "900000000000.0003", "version": 1},
        {"price_list": "1", "sku": "10", "unit_price": "9.5", "min_quantity": 2.5, "version": 1},
        {"price_list": "2", "product_group": "5", "discount_percent": "12.500001", "rank": 4},
        {"price_list": "2", "all": True, "discount_percent": "-1", "valid_until": "2027-01-01"},
    ],
    "customers": [
        {"customer": "7", "groups": ["12"], "price_lists": ["2"], "currency": "SEK"},
        {"customer": "8", "name": "Åtta", "discount_class": "3", "status": "blocked"},
    ],
    "discounts": [
        {"discount_class": "3", "product_discount_class": "4", "discount_percent": "5.5"},
        {
            "discount_class": "3",
            "product_discount_class": "4",
            "discount_percent": "6",
            "valid_from": "2026-06-01",
        },
    ],
}


async def held(warehouse: Warehouse) -> Any:
    """Everything about prices in the store, without which feed wrote it and when."""
    store = PriceStore(warehouse.client, warehouse.keys)
    _, lists = await store.epoch_and_lists()
    reading = await store.read([], ["7", "8"], ["3"])
    return {
        "price_lists": sorted(map(_anonymous, lists.values())),
        "prices": sorted(map(_anonymous, await warehouse.rows())),
        "customers": sorted(map(_anonymous, filter(None, reading.customers))),
        "discounts": sorted(map(_anonymous, reading.discounts[0])),
    }


def _anonymous(record: Any) -> str:
    without = ("feed", "stamp_ms", "version")
    return str(
        [
            (name, sorted(value) if isinstance(value, frozenset) else value)
            for name in record.__struct_fields__
            if name not in without and (value := getattr(record, name)) is not None
        ]
    )


@pytest.fixture
async def expected(warehouse: Warehouse) -> Any:
    """What is held when the records come as they are; the store is empty again then."""
    for kind, rows in RECORDS.items():
        feed = Feed(kind, kind)
        await warehouse.register(feed)
        assert (await warehouse.snapshot(feed, rows)).accepted == len(rows)
    found = await held(warehouse)
    await warehouse.client.redis.flushall()
    return found


async def test_by_push(warehouse: Warehouse, expected: Any) -> None:
    key = ApiKey("pusher", hashlib.sha256(b"s").digest(), frozenset({"ingest"}), None)
    app = PushServer(Leads(warehouse.ingest), KeyRing([key]), warehouse.clock).app()
    async with (
        listening(app, "127.0.0.1", 0) as port,
        ClientSession(f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer s"}) as http,
    ):
        for kind, rows in RECORDS.items():
            lines = [*map(json.dumps, rows), json.dumps({"end": True, "count": len(rows)})]
            async with http.post(
                f"/ingest/{kind}?mode=snapshot", data="\n".join(lines)
            ) as response:
                assert (await response.json())["accepted"] == len(rows)
        assert await held(warehouse) == expected
        wrong = {"price_list": "1", "sku": "10", "min_quantity": 2.5, "unit_price": "-1"}
        async with http.post("/ingest/prices", data=json.dumps(wrong)) as response:
            answer = await response.json()
    assert answer["errors"] == [
        {
            "line": 1,
            "key": {"price_list": "1", "sku": "10", "min_quantity": "2.5"},
            "field": "unit_price",
            "value": "-1",
            "reason": "must not be negative",
        }
    ]


def in_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list({name: None for row in rows for name in row}))
    writer.writeheader()
    for row in rows:
        cells = {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()}
        writer.writerow(cells)
    return text.getvalue().encode()


def in_ndjson(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def promised(data: bytes, rows: int) -> dict[str, Any]:
    return {"count": rows, "sha256": hashlib.sha256(data).hexdigest()}


@pytest.mark.parametrize(("ending", "written"), [("ndjson", in_ndjson), ("csv", in_csv)])
async def test_from_files(
    warehouse: Warehouse, expected: Any, tmp_path: Path, ending: str, written: Any
) -> None:
    manifest = {}
    for kind, rows in RECORDS.items():
        data = written(rows)
        (tmp_path / f"{kind}.{ending}").write_bytes(data)
        manifest[kind] = promised(data, len(rows))
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    for kind, rows in RECORDS.items():
        await from_folder(warehouse, tmp_path, kind, len(rows))
    assert await held(warehouse) == expected


async def from_folder(warehouse: Warehouse, folder: Path, kind: Kind, accepted: int) -> None:
    feed = Feed(kind, kind)
    await warehouse.register(feed)
    settings = FeedSettings(kind=kind, source="drop")
    reader = FilesReader(kind, settings, FilesSource(type="files", directory=folder))
    async with reader.snapshot(None) as reading:
        assert reading is not None
        assert (await warehouse.ingest.snapshot(feed, reading)).accepted == accepted


async def test_a_file_of_prices_cut_anywhere_changes_nothing(
    warehouse: Warehouse, expected: Any, tmp_path: Path
) -> None:
    data = in_ndjson(RECORDS["prices"])
    path = tmp_path / "prices.ndjson"
    manifest = {"prices": promised(data, len(RECORDS["prices"]))}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    for cut in range(0, len(data), len(data) // 100):
        path.write_bytes(data[:cut])
        await from_folder(warehouse, tmp_path, "prices", 0)
    assert await warehouse.rows() == []
    path.write_bytes(data)
    await from_folder(warehouse, tmp_path, "prices", len(RECORDS["prices"]))
    assert len(await warehouse.rows()) == len(RECORDS["prices"])


TABLES = """
CREATE TABLE lists (id int, cur char(3), kind text, prio smallint, gross boolean, buyers int[],
  places text[], since date);
INSERT INTO lists VALUES (1, 'SEK', 'base', NULL, true, NULL, '{}', NULL),
  (2, 'SEK', 'contract', 3, NULL, '{7}', '{web}', '2026-01-01');
CREATE TABLE prices (list int, item bigint, grp smallint, every boolean, amount numeric,
  less numeric(9,6), least numeric(12,3), walk int, until timestamptz, rev bigint);
INSERT INTO prices VALUES
  (1, 10, NULL, false, 900000000000.0003, NULL, NULL, NULL, NULL, 1),
  (1, 10, NULL, NULL, 9.5000, NULL, 2.500, NULL, NULL, 1),
  (2, NULL, 5, false, NULL, 12.500001, 1, 4, NULL, NULL),
  (2, NULL, NULL, true, NULL, -1, 1, NULL, '2027-01-01T01:00:00+01:00', NULL);
CREATE TABLE buyers (id int, name text, grps int[], lists jsonb, class smallint, cur text,
  state text);
INSERT INTO buyers VALUES (7, NULL, '{12}', '["2"]', NULL, 'SEK', NULL),
  (8, 'Åtta', NULL, NULL, 3, NULL, 'blocked');
CREATE TABLE matrix (who int, what int, less float8, since timestamptz);
INSERT INTO matrix VALUES (3, 4, 5.5, NULL), (3, 4, 6, '2026-06-01T00:00:00Z');
"""
QUERIES: dict[Kind, str] = {
    "price_lists": """
      SELECT id AS price_list, cur AS currency, kind AS layer, prio AS priority,
             gross AS tax_included, buyers AS customers, places AS channels, since AS valid_from
        FROM lists""",
    "prices": """
      SELECT list AS price_list, item AS sku, grp AS product_group, every AS "all",
             least AS min_quantity, amount AS unit_price, less AS discount_percent, walk AS rank,
             until AS valid_until, rev AS version
        FROM prices ORDER BY list""",
    "customers": """
      SELECT id AS customer, name, grps AS groups, lists AS price_lists, class AS discount_class,
             cur AS currency, state AS status
        FROM buyers""",
    "discounts": """
      SELECT who AS discount_class, what AS product_discount_class, less AS discount_percent,
             since AS valid_from
        FROM matrix""",
}


async def test_from_postgres(warehouse: Warehouse, expected: Any, database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(TABLES)
    for kind, rows in RECORDS.items():
        outcome = await from_query(warehouse, database, kind)
        assert (outcome.accepted, outcome.rejections) == (len(rows), ())
        assert outcome.unknown_fields == {}
    assert await held(warehouse) == expected
    # What PostgreSQL can hold and nobody can pay.
    await connection.execute(
        "INSERT INTO prices (list, item, amount) VALUES (1, 11, 'NaN'), (1, 12, 'Infinity');"
        "INSERT INTO prices (list, item, amount, until) VALUES (1, 13, 1, 'infinity')"
    )
    outcome = await from_query(warehouse, database, "prices")
    assert sorted((row.field, row.value) for row in outcome.rejections) == [
        ("unit_price", "Infinity"),
        ("unit_price", "NaN"),
        ("valid_until", "infinity"),
    ]
    await connection.close()


async def from_query(warehouse: Warehouse, database: str, kind: Kind) -> Any:
    feed = Feed(kind, kind)
    await warehouse.register(feed)
    settings = FeedSettings(kind=kind, source="erp", query=QUERIES[kind])
    reader = PostgresReader(kind, settings, PostgresSource(type="postgres", dsn=database), float)
    async with reader.snapshot(None) as reading:
        outcome = await warehouse.ingest.snapshot(feed, reading)
    await reader.close()
    return outcome


async def test_from_http(warehouse: Warehouse, expected: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        text = json.dumps(RECORDS[cast("Kind", request.query["kind"])])
        # This ERP's ids are numbers, and so are its prices.
        return web.Response(
            text=re.sub(r'"(-?\d+(\.\d+)?)"', r"\1", text), content_type="application/json"
        )

    async with rest_erp(answer) as erp:
        for kind, rows in RECORDS.items():
            feed = Feed(kind, kind)
            mapping = {name: f'"{name}"' for row in rows for name in row}
            more = {"path": f"?kind={kind}", "rows": "@", "mapping": mapping}
            async with http_feed(erp.url, kind=kind, **more) as reader:
                outcome = await take(warehouse, reader, feed)
            assert (outcome.accepted, outcome.rejections) == (len(rows), ())
    assert await held(warehouse) == expected
