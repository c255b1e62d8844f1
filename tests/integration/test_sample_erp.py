"""The sample ERP: the same rows every time, its triggers and bookings, its till."""

from __future__ import annotations

import asyncio
import random
import tomllib
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from stockspan.demo.sample_erp import load
from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE, SampleErp, open_erp
from stockspan.demo.sample_erp.generate import generate
from stockspan.demo.sample_erp.load import ensure_sample_erp, load_sample_erp
from stockspan.demo.sample_erp.rows import Rows
from stockspan.demo.sample_erp.till import Till
from stockspan.embedded.postgres import EmbeddedPostgres

_TODAY = date(2026, 11, 21)
_FEEDS = tomllib.loads(Path(load.__file__).with_name("feeds.toml").read_text("utf-8"))["feeds"]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return generate(_TODAY)


class TestRows:
    def test_are_the_same_every_time(self, rows: Rows) -> None:
        assert generate(_TODAY) == rows

    def test_have_the_promised_shape(self, rows: Rows) -> None:
        assert len(rows.items) >= 5_000
        assert len({item.item_no for item in rows.items}) == len(rows.items)
        assert [w.warehouse_code for w in rows.warehouses if w.ships] == ["W1", "W2"]
        assert [w.warehouse_code for w in rows.warehouses if w.collect] == ["S1", "S2"]
        life = Counter(item.life_cycle for item in rows.items)
        assert life["phase_out"] > 50
        assert life["announced"] > 20
        assert sum(item.procure_to_order for item in rows.items) > 100
        assert any(balance.on_hand % 1 for balance in rows.balances)

    def test_have_only_possible_figures(self, rows: Rows) -> None:
        steps = {item.item_no: item.quantity_multiple or Decimal(1) for item in rows.items}
        for balance in rows.balances:
            assert 0 <= balance.reserved <= balance.on_hand
            assert balance.on_hand % steps[balance.item_no] == 0
        assert all(line.expected_on > _TODAY for line in rows.order_lines)
        assert all(line.open_quantity > 0 for line in rows.order_lines)

    def test_first_page_shows_every_answer(self, rows: Rows) -> None:
        shipped: Counter[str] = Counter()
        for balance in rows.balances:
            if balance.warehouse_code.startswith("W"):
                shipped[balance.item_no] += int(balance.on_hand)
        first = {item.item_no: item for item in rows.items if item.front_page}
        empty = [item for sku, item in first.items() if not shipped[sku]]
        assert len(first) == 24
        assert any(item.procure_to_order for item in empty)
        assert {item.life_cycle for item in empty} == {"active", "phase_out", "announced"}
        assert any(0 < shipped[sku] < 5 for sku in first)
        assert any(shipped[sku] >= 20 for sku in first)


async def _erp(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    await load_sample_erp(dsn, _TODAY)
    return await asyncpg.connect(dsn)


async def test_every_change_gets_a_newer_version_and_time(database: str) -> None:
    erp = await _erp(database)
    one = "WHERE item_no = 'A-100' AND warehouse_code = 'W1'"
    read = f"SELECT row_version, changed_at FROM stock_balance {one}"
    moments = await erp.fetch(read)
    await erp.execute(f"UPDATE stock_balance SET on_hand = 5, row_version = 1 {one}")
    moments += await erp.fetch(read)
    await erp.execute(
        "UPDATE purchase_order_line SET expected_on = expected_on + 1 WHERE item_no = 'A-100'"
    )
    moments += await erp.fetch(read)
    await erp.execute("DELETE FROM purchase_order_line WHERE item_no = 'A-100'")
    moments += await erp.fetch(read)
    await erp.close()
    versions = [row["row_version"] for row in moments]
    times = [row["changed_at"] for row in moments]
    assert len(set(versions)) == 4
    assert (versions, times) == (sorted(versions), sorted(times))


async def test_two_tills_cannot_sell_the_same_piece(database: str) -> None:
    erp = await _erp(database)
    await erp.execute("UPDATE stock_balance SET on_hand = 3 WHERE item_no = 'K-100'")
    async with asyncpg.create_pool(database, min_size=8, max_size=8) as pool:
        sales = [pool.fetch("SELECT * FROM book_sale('K-100', 1)") for _ in range(20)]
        booked = [row for rows in await asyncio.gather(*sales) for row in rows]
        left = await erp.fetch(
            "SELECT on_hand FROM stock_balance b JOIN warehouse USING (warehouse_code)"
            " WHERE item_no = 'K-100' AND ships"
        )
    await erp.close()
    # A till that waited for another may give up one that a second warehouse still had.
    assert sum(row["on_hand"] for row in left) == 6 - len(booked)
    assert all(row["on_hand"] >= 0 for row in left)
    assert 3 <= len(booked) <= 6


async def test_feeds_have_canonical_columns_and_the_right_figures(database: str) -> None:
    erp = await _erp(database)
    stock = await erp.fetch(
        f"SELECT * FROM ({_FEEDS['stock']['query']}) q WHERE sku = 'A-100' ORDER BY location"
    )
    products = await erp.fetch(f"SELECT * FROM ({_FEEDS['products']['query']}) q")
    places = await erp.fetch(f"SELECT * FROM ({_FEEDS['locations']['query']}) q")
    await erp.close()
    by_location = {row["location"]: row for row in stock}
    assert by_location.keys() == {"S1", "S2", "W1", "W2"}
    assert by_location["W1"]["quantity"] == 31
    assert by_location["W1"]["basis"] == "on_hand"
    assert '"date": "2026-11-24"' in by_location["W1"]["incoming"]
    assert by_location["W2"]["incoming"] == "[]"
    assert {row["status"] for row in products} == {"active", "discontinued", "preorder"}
    assert {row["tax_rate"] for row in products} == {"0.2100"}
    assert {row["kind"] for row in places} == {"warehouse", "store"}


async def test_is_loaded_only_once(postgres: EmbeddedPostgres, database: str) -> None:
    await ensure_sample_erp(postgres.dsn(), database, _TODAY)
    erp = await asyncpg.connect(database)
    await erp.execute("DELETE FROM stock_movement; DELETE FROM purchase_order_line")
    await ensure_sample_erp(postgres.dsn(), database, _TODAY)
    assert await erp.fetchval("SELECT count(*) FROM purchase_order_line") == 0
    await erp.close()


async def test_database_is_made_when_missing(postgres: EmbeddedPostgres) -> None:
    dsn = postgres.dsn("made_for_the_sample")
    await ensure_sample_erp(postgres.dsn(), dsn, _TODAY)
    try:
        async with open_erp(dsn) as erp:
            assert len(await erp.sample_skus(200)) == 200
    finally:
        postgres.psql("DROP DATABASE made_for_the_sample WITH (FORCE)")


async def test_search_finds_by_number_and_by_words(database: str) -> None:
    await load_sample_erp(database, _TODAY)
    async with open_erp(database) as erp:
        assert [a.sku for a in await erp.search("d-10", 2)] == ["D-100", "D-101"]
        assert (await erp.search("A2 m8", 5))[0].sku == "C-101"
        assert await erp.search("no such thing", 5) == []
        assert await erp.search("%", 5) == []
        assert [a.sku for a in await erp.front_page()][:2] == ["A-100", "A-101"]


async def test_selling_and_receiving(database: str) -> None:
    await load_sample_erp(database, _TODAY)
    async with open_erp(database) as erp:
        assert await erp.step("C-100") == 100
        assert await erp.step("A-100") == 1
        assert await erp.step("Z-1") is None
        assert await erp.sell("A-101", Decimal(2))
        assert not await erp.sell("A-101", Decimal(99))
        assert await erp.sell("A-101", Decimal(1), in_store=True)
        assert await erp.receive("A-101", next_in_days=3)
        assert await erp.receive("A-101", next_in_days=3), "as much was ordered again"
        assert not await erp.receive("B-100", next_in_days=3), "nothing is on order"
        kinds = [(movement.kind, int(movement.quantity)) for movement in await erp.movements(9)]
    assert kinds == [("receipt", 24), ("receipt", 24), ("sale", 1), ("sale", 2)]


async def _movements(erp: SampleErp, count: int) -> None:
    async with asyncio.timeout(30):
        while await _booked(erp) < count:  # noqa: ASYNC110 - the event is a row in the database
            await asyncio.sleep(0.01)


async def _booked(erp: SampleErp) -> int:
    # A pooled connection may be one that the restarted server no longer knows.
    try:
        return max((movement.number for movement in await erp.movements(1)), default=0)
    except ERP_UNREACHABLE:
        return 0


async def test_till_sells_restocks_and_stops(database: str) -> None:
    await load_sample_erp(database, _TODAY)
    shutdown = asyncio.Event()
    async with open_erp(database) as erp:
        till = asyncio.create_task(Till(erp, random.Random(7), pace=0.001).run(shutdown))
        await _movements(erp, 600)
        shutdown.set()
        async with asyncio.timeout(30):
            await till
        kinds = {movement.kind for movement in await erp.movements(600)}
        worst = await asyncpg.connect(database)
        assert await worst.fetchval("SELECT min(on_hand) FROM stock_balance") >= 0
        await worst.close()
    assert kinds == {"sale", "receipt"}


async def test_till_outlives_a_restart_of_the_database(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, settings={"fsync": "off"}) as server:
        dsn = server.dsn("erp")
        await ensure_sample_erp(server.dsn(), dsn, _TODAY)
        shutdown = asyncio.Event()
        async with open_erp(dsn) as erp:
            till = asyncio.create_task(Till(erp, random.Random(7), pace=0.01).run(shutdown))
            await _movements(erp, 3)
            server.kill()
            server.start()
            await _movements(erp, 1)
            await _movements(erp, await _booked(erp) + 3)
            shutdown.set()
            async with asyncio.timeout(30):
                await till
