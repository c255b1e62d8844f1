"""Acknowledgements of orders from every source into the inbox, which gateways empty meanwhile."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from aiohttp import ClientSession

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import FilesSource, PostgresSource
from gateway.domain.access import ApiKey, KeyRing
from gateway.domain.orders import AckStatus, OrderAck
from gateway.store.acks import AckInbox
from gateway.store.feeds import unready, unready_prices
from gateway.store.keys import Change, ChangeKind, decode_change
from loaders.addresses import listening
from loaders.feedbook import Feed
from loaders.outcome import Outcome
from loaders.reading import FeedReader
from loaders.sources.files import FilesReader
from loaders.sources.postgres import PostgresReader
from loaders.sources.push import PushServer
from tests.leading import Leads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.integration.loaders.conftest import Warehouse

ACKS = Feed("acks", "order_acks")
TEN_MS = 1_795_255_200_000
ROWS = [
    {"order_ref": "1001", "acknowledged_at": "2026-11-21T10:00:00Z"},
    {"order_ref": "Ä/2", "acknowledged_at": "2026-11-21T11:00:01+01:00", "status": "cancelled"},
    {"order_ref": "3", "status": "accepted"},
]


def expected(arrival_ms: int) -> Mapping[str, OrderAck]:
    acks = (
        OrderAck("1001", TEN_MS),
        OrderAck("Ä/2", TEN_MS + 1000, AckStatus.CANCELLED),
        OrderAck("3", arrival_ms),
    )
    return {ack.order_ref: ack for ack in acks}


async def inbox(warehouse: Warehouse) -> Mapping[str, OrderAck]:
    waiting = await AckInbox(warehouse.client, warehouse.keys).waiting()
    return {one.order_ref: one.ack for one in waiting}


async def emptied(warehouse: Warehouse) -> None:
    """What a gateway does."""
    gateway = AckInbox(warehouse.client, warehouse.keys)
    await gateway.take(await gateway.waiting())
    assert await inbox(warehouse) == {}


async def read(warehouse: Warehouse, reader: FeedReader) -> Outcome:
    await warehouse.register(ACKS)
    async with reader.snapshot(None) as reading:
        assert reading is not None
        return await warehouse.ingest.snapshot(ACKS, reading)


async def test_by_push(warehouse: Warehouse) -> None:
    key = ApiKey("pusher", hashlib.sha256(b"s").digest(), frozenset({"ingest"}), None)
    app = PushServer(Leads(warehouse.ingest), KeyRing([key]), warehouse.clock).app()
    async with (
        listening(app, "127.0.0.1", 0) as port,
        ClientSession(f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer s"}) as http,
    ):
        wrong = {"order_ref": "4", "status": "shipped"}
        lines = "\n".join(map(json.dumps, [*ROWS, wrong]))
        async with http.post("/ingest/order_acks", data=lines) as response:
            answer = await response.json()
        assert (answer["accepted"], answer["quarantined"]) == (3, 1)
        assert answer["errors"] == [
            {
                "line": 4,
                "key": {"order_ref": "4"},
                "field": "status",
                "value": "shipped",
                "reason": "must be accepted or cancelled",
            }
        ]
        assert await inbox(warehouse) == expected(warehouse.clock.now)
        closed = "\n".join(map(json.dumps, [ROWS[0], {"end": True, "count": 1}]))
        async with http.post("/ingest/order_acks?mode=snapshot", data=closed) as response:
            assert (await response.json())["removed"] == 2
    assert set(await inbox(warehouse)) == {"1001"}


NDJSON = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
CSV = b"order_ref,acknowledged_at,status\n" + b"".join(
    ",".join(row.get(name, "") for name in ("order_ref", "acknowledged_at", "status")).encode()
    + b"\n"
    for row in ROWS
)


@pytest.mark.parametrize(("ending", "data"), [("ndjson", NDJSON), ("csv", CSV)])
async def test_from_files(warehouse: Warehouse, tmp_path: Path, ending: str, data: bytes) -> None:
    (tmp_path / f"order_acks.{ending}").write_bytes(data)
    promise = {"count": len(ROWS), "sha256": hashlib.sha256(data).hexdigest()}
    (tmp_path / "manifest.json").write_text(json.dumps({"order_acks": promise}))
    settings = FeedSettings(kind="order_acks", source="drop")
    reader = FilesReader("acks", settings, FilesSource(type="files", directory=tmp_path))
    outcome = await read(warehouse, reader)
    assert (outcome.accepted, outcome.rejections) == (3, ())
    assert await inbox(warehouse) == expected(warehouse.clock.now)


TABLE = """
CREATE TABLE sales_order (shop_reference text, taken_at timestamptz, cancelled boolean,
  changed_at timestamptz);
INSERT INTO sales_order VALUES
  ('1001', '2026-11-21T10:00:00Z', false, '2026-01-01T00:00:01Z'),
  ('Ä/2', '2026-11-21T11:00:01+01:00', true, '2026-01-01T00:00:02Z'),
  ('3', NULL, NULL, '2026-01-01T00:00:03Z'),
  (NULL, now(), false, '2026-01-01T00:00:04Z');
"""
QUERY = """
SELECT shop_reference AS order_ref, taken_at AS acknowledged_at,
       CASE WHEN cancelled THEN 'cancelled' END AS status, changed_at
  FROM sales_order WHERE shop_reference IS NOT NULL
"""


async def test_from_postgres(warehouse: Warehouse, database: str) -> None:
    erp = await asyncpg.connect(database)
    await erp.execute(TABLE)
    settings = FeedSettings(kind="order_acks", source="erp", query=QUERY, watermark="changed_at")
    source = PostgresSource(type="postgres", dsn=database)
    reader = PostgresReader("acks", settings, source, float)
    assert await reader.check() == []
    outcome = await read(warehouse, reader)
    assert (outcome.accepted, outcome.rejections, outcome.unknown_fields) == (3, (), {})
    assert await inbox(warehouse) == expected(warehouse.clock.now)
    await emptied(warehouse)
    await erp.execute(
        "UPDATE sales_order SET cancelled = true, changed_at = now() WHERE shop_reference = '1001'"
    )
    async with reader.delta((await warehouse.state(ACKS)).watermark) as reading:
        assert reading is not None
        await warehouse.ingest.delta(ACKS, reading)
    assert (await inbox(warehouse))["1001"] == OrderAck("1001", TEN_MS, AckStatus.CANCELLED)
    await erp.execute("UPDATE sales_order SET taken_at = 'infinity' WHERE shop_reference = '3'")
    outcome = await read(warehouse, reader)
    assert [(row.key, row.value) for row in outcome.rejections] == [
        ({"order_ref": "3"}, "infinity")
    ]
    await reader.close()
    await erp.close()


async def test_numbers_of_orders_become_text(warehouse: Warehouse, database: str) -> None:
    settings = FeedSettings(kind="order_acks", source="erp", query="SELECT 7::bigint AS order_ref")
    source = PostgresSource(type="postgres", dsn=database)
    reader = PostgresReader("acks", settings, source, float)
    assert (await read(warehouse, reader)).accepted == 1
    assert set(await inbox(warehouse)) == {"7"}
    await reader.close()


async def test_a_repeated_snapshot_fills_the_inbox_again(warehouse: Warehouse) -> None:
    await warehouse.register(ACKS)
    await warehouse.snapshot(ACKS, ROWS)
    await emptied(warehouse)
    outcome = await warehouse.snapshot(ACKS, ROWS)
    assert (outcome.accepted, outcome.removed) == (3, 0)
    assert (await inbox(warehouse)).keys() == expected(0).keys()


async def test_a_snapshot_removes_what_it_lacks_of_the_same_feed(warehouse: Warehouse) -> None:
    other = Feed("other", "order_acks")
    await warehouse.register(ACKS, other)
    await warehouse.snapshot(ACKS, [{"order_ref": f"O-{number}"} for number in range(100)])
    await warehouse.snapshot(other, [{"order_ref": "theirs"}])
    # However many they are: an inbox that loses most of what it had is nothing unheard of.
    outcome = await warehouse.snapshot(ACKS, [{"order_ref": "O-7"}])
    assert (outcome.applied, outcome.removed) == (True, 99)
    assert set(await inbox(warehouse)) == {"O-7", "theirs"}


async def test_what_vanishes_while_a_snapshot_is_compared_is_no_matter(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await warehouse.register(ACKS)
    await warehouse.snapshot(ACKS, ROWS)
    scan = AckInbox.scan

    async def emptied_on_the_way(self: AckInbox) -> AsyncIterator[list[tuple[str, bytes]]]:
        async for page in scan(self):
            await emptied(warehouse)
            yield page

    monkeypatch.setattr(AckInbox, "scan", emptied_on_the_way)
    outcome = await warehouse.snapshot(ACKS, ROWS[:1])
    assert (outcome.accepted, outcome.applied) == (1, True)
    assert set(await inbox(warehouse)) == {"1001"}


async def test_a_cancellation_stands_until_it_is_withdrawn(warehouse: Warehouse) -> None:
    await warehouse.register(ACKS)
    await warehouse.delta(ACKS, ROWS[0], {**ROWS[0], "status": "cancelled"})
    assert (await inbox(warehouse))["1001"].status is AckStatus.CANCELLED
    await warehouse.delta(ACKS, ROWS[0])
    assert (await inbox(warehouse))["1001"].status is AckStatus.CANCELLED
    withdrawn = {"order_ref": "1001", "status": "cancelled", "delete": True}
    assert (await warehouse.delta(ACKS, withdrawn)).accepted == 1
    assert (await inbox(warehouse))["1001"].status is AckStatus.ACCEPTED
    outcome = await warehouse.delta(ACKS, {"order_ref": "1001", "delete": True})
    assert outcome.accepted == 1
    assert not await warehouse.client.redis.exists(warehouse.keys.acks)


async def test_gateways_are_told_of_each(warehouse: Warehouse) -> None:
    await warehouse.register(ACKS)
    listening_ = warehouse.client.redis.pubsub()
    await listening_.subscribe(warehouse.keys.changes)
    await warehouse.delta(ACKS, *ROWS)
    told: list[Change] = []
    while len(told) < len(ROWS):
        message = await listening_.get_message(timeout=30)
        if message["type"] == "message":
            change = decode_change(message["data"])
            assert change is not None
            told.append(change)
    await listening_.aclose()
    assert told == [Change(ChangeKind.ORDERS, row["order_ref"]) for row in ROWS]


async def test_no_gateway_waits_for_acknowledgements(warehouse: Warehouse) -> None:
    stock, prices = Feed("stock", "stock"), Feed("prices", "prices")
    await warehouse.register(ACKS, stock, prices)
    await warehouse.snapshot(stock, [{"sku": "A", "location": "W1", "quantity": 1}])
    await warehouse.snapshot(prices, [{"price_list": "L", "sku": "A", "unit_price": 1}])
    states = await warehouse.ingest.register.all()
    assert states["acks"].verified_through_ms is None
    assert (unready(states), unready_prices(states)) == (None, None)
    # Nor does one that is loaded first make whoever comes later late.
    await warehouse.client.redis.flushall()
    await warehouse.register(ACKS)
    await warehouse.snapshot(ACKS, ROWS)
    await warehouse.register(stock, prices)
    states = await warehouse.ingest.register.all()
    assert not any(state.late or state.late_for_prices for state in states.values())
    assert unready(states) == ("stock",)
