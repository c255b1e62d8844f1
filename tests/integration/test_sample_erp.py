"""The sample ERP: the same rows every time, its triggers and bookings, its till."""

from __future__ import annotations

import asyncio
import random
import time
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from gateway.config.feed_sections import Feed, PostgresSource
from gateway.domain.record_kinds import KINDS
from gateway.store.bulk import BulkEncoder
from gateway.store.keys import Keyspace
from loaders.intake import Intake
from loaders.operations import Mark
from loaders.outcome import Tally
from loaders.sources.postgres import PostgresReader
from stockspan.demo.sample_erp import load
from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE, SampleErp, open_erp
from stockspan.demo.sample_erp.generate import generate
from stockspan.demo.sample_erp.load import ensure_sample_erp, load_sample_erp
from stockspan.demo.sample_erp.rows import PriceLine, Rows
from stockspan.demo.sample_erp.till import Till
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.failure import Failure
from tests.sample_day import SAMPLE_DAY

_TODAY_AT = datetime(2026, 11, 21, tzinfo=UTC)
_FEEDS = tomllib.loads(Path(load.__file__).with_name("feeds.toml").read_text("utf-8"))["feeds"]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return generate(SAMPLE_DAY)


class TestRows:
    def test_are_the_same_every_time(self, rows: Rows) -> None:
        assert generate(SAMPLE_DAY) == rows

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
        assert all(line.expected_on > SAMPLE_DAY for line in rows.order_lines)
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


class TestPrices:
    def test_customers_are_as_many_as_promised_and_told_apart(self, rows: Rows) -> None:
        assert len(rows.customers) == 300
        assert len({customer.customer_no for customer in rows.customers}) == 300
        assert len({customer.company_name for customer in rows.customers}) == 300
        assert {c.group_code for c in rows.customers} == {
            g.group_code for g in rows.customer_groups
        }
        assert len(rows.customer_groups) == 12
        assert Counter((c.currency, c.sales_channel) for c in rows.customers).keys() == {
            ("EUR", "eu"),
            ("SEK", "se"),
        }
        states = Counter(customer.credit_status for customer in rows.customers)
        assert states["hold"] >= 3
        assert states["closed"] >= 3
        assert states["good"] >= 270

    def test_every_article_is_priced_in_both_base_lists(self, rows: Rows) -> None:
        steps = {item.item_no: item.quantity_multiple or Decimal(1) for item in rows.items}
        for code in ("LIST-EUR", "LIST-SEK"):
            priced = {
                line.item_no
                for line in rows.lines
                if line.book_code == code
                and line.price
                and line.item_no
                and line.from_quantity <= steps[line.item_no]
                and line.first_day is None
            }
            assert priced == steps.keys()
        listed = {
            line.item_no: line.price
            for line in rows.lines
            if line.book_code == "LIST-EUR" and line.from_quantity <= 1 and not line.first_day
        }
        assert listed["C-100"] == Decimal("0.0835")
        assert listed["A-104"] == Decimal("1299.00")

    def test_lines_are_possible_and_none_is_written_twice(self, rows: Rows) -> None:
        keys = Counter(
            (line.book_code, line.item_no, line.group_code, line.from_quantity, line.first_day)
            for line in rows.lines
        )
        assert set(keys.values()) == {1}
        for line in rows.lines:
            assert (line.price is None) != (line.percent_off is None)
            assert line.item_no is None or line.group_code is None
            if line.price is not None:
                assert line.price > 0
                assert line.price == round(line.price, 4)

    def test_more_is_never_dearer_in_one_book(self, rows: Rows) -> None:
        breaks: defaultdict[tuple[object, ...], list[PriceLine]] = defaultdict(list)
        for line in rows.lines:
            if line.price is not None:
                breaks[line.book_code, line.item_no, line.first_day].append(line)
        assert sum(len(lines) > 1 for lines in breaks.values()) > 1_000
        for lines in breaks.values():
            lines.sort(key=lambda line: line.from_quantity)
            prices = [line.price or 0 for line in lines]
            assert prices == sorted(prices, reverse=True)

    def test_all_but_the_base_lists_is_sparse(self, rows: Rows) -> None:
        kinds = Counter(book.book_type for book in rows.books)
        assert kinds["list"] == 2
        assert kinds["channel"] == 2
        assert 12 <= kinds["group"] <= 24
        assert kinds["promotion"] == 8
        assert 50 <= kinds["agreement"] <= 75
        assert kinds["framework"] == 2
        articles: defaultdict[str, set[str | None]] = defaultdict(set)
        for line in rows.lines:
            articles[line.book_code].add(line.item_no)
        base = {"LIST-EUR", "LIST-SEK"}
        assert articles.keys() == {book.book_code for book in rows.books}
        assert max(len(found) for code, found in articles.items() if code not in base) < 250

    def test_offers_are_over_running_or_to_come(self, rows: Rows) -> None:
        states = Counter(
            "over"
            if book.last_day < SAMPLE_DAY
            else "to come"
            if book.first_day > SAMPLE_DAY
            else "running"
            for book in rows.books
            if book.book_type == "promotion" and book.first_day and book.last_day
        )
        assert states == {"over": 2, "running": 4, "to come": 2}
        rises = [line for line in rows.lines if line.book_code == "LIST-EUR" and line.first_day]
        assert len(rises) > 100
        ending = {line.item_no for line in rows.lines if line.last_day and line.price}
        assert {line.item_no for line in rises} <= ending

    def test_percentages_come_from_classes_groups_and_agreements(self, rows: Rows) -> None:
        assert len(rows.discounts) >= 20
        classes = {item.discount_group for item in rows.items}
        assert {cell.discount_group for cell in rows.discounts} == classes - {None}
        books = {book.book_code: book.book_type for book in rows.books}
        for_group = {books[li.book_code] for li in rows.lines if li.percent_off and li.group_code}
        for_all = [li for li in rows.lines if li.percent_off and not li.group_code]
        assert for_group == {"group", "promotion", "agreement"}
        assert len(for_all) > 1

    def test_articles_have_rules_and_some_are_for_some_customers(self, rows: Rows) -> None:
        ranges = Counter(item.sales_range for item in rows.items if item.sales_range)
        assert ranges.keys() == {"ELPRO", "FGAS", "MARINE"}
        for name in ranges:
            may = [
                c for c in rows.customers if name in c.sales_ranges and c.credit_status == "good"
            ]
            assert len(may) > 5
        first = [item for item in rows.items if item.front_page]
        assert {item.sales_range for item in first} == {None, "ELPRO", "FGAS"}
        assert any(item.max_order_quantity for item in first)
        for item in rows.items:
            assert item.min_order_quantity % (item.quantity_multiple or Decimal(1)) == 0
            assert item.min_order_quantity <= (item.max_order_quantity or item.min_order_quantity)

    def test_first_customers_have_something_to_show(self, rows: Rows) -> None:
        agreed = {book.customer_no for book in rows.books if book.customer_no}
        first = rows.customers[:9]
        assert {customer.credit_status for customer in first} == {"good", "hold", "closed"}
        assert {customer.customer_no for customer in first[:2]} <= agreed
        assert {customer.currency for customer in first[:2]} == {"EUR", "SEK"}
        front = {item.item_no for item in rows.items if item.front_page}
        kramer = {li.item_no for li in rows.lines if li.book_code == "AGR-10001"}
        assert len(kramer & front) >= 5

    def test_another_day_moves_only_dates(self, rows: Rows) -> None:
        later = generate(SAMPLE_DAY + timedelta(days=40))
        assert [line[:6] for line in later.lines] == [line[:6] for line in rows.lines]
        assert [c[:-1] for c in later.customers] == [c[:-1] for c in rows.customers]
        assert later.lines != rows.lines


async def test_every_change_gets_a_newer_version_and_time(sample_erp: str) -> None:
    erp = await asyncpg.connect(sample_erp)
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


async def test_two_tills_cannot_sell_the_same_piece(sample_erp: str) -> None:
    erp = await asyncpg.connect(sample_erp)
    await erp.execute("UPDATE stock_balance SET on_hand = 3 WHERE item_no = 'K-100'")
    async with asyncpg.create_pool(sample_erp, min_size=8, max_size=8) as pool:
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


async def test_feeds_have_canonical_columns_and_the_right_figures(sample_erp: str) -> None:
    erp = await asyncpg.connect(sample_erp)
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


class _Heads:
    """What the loaders would know of the lists by the time their rows come in."""

    def is_base(self, price_list: str) -> bool:
        return price_list.startswith("LIST-")

    def with_skus(self, price_list: str) -> bool:
        return self.is_base(price_list)

    def expect(self, price_list: str) -> None:
        return


@pytest.mark.parametrize("kind", KINDS)
async def test_every_row_of_every_feed_is_taken_by_the_loaders(sample_erp: str, kind: str) -> None:
    feed = Feed.model_validate(_FEEDS[kind])
    source = PostgresSource(type="postgres", dsn=sample_erp)
    reader = PostgresReader(kind, feed, source, time.monotonic)
    tally = Tally(kind)
    mark = Mark(feed=1, round=1, arrival_ms=1, snapshot=True)
    intake = Intake(feed.kind, mark, BulkEncoder(Keyspace("t")), tally, None, _Heads())
    try:
        assert await reader.check() == []
        async with reader.snapshot(None) as reading:
            async for lines in reading.lines:
                intake.take(intake.read(lines))
        assert reading.unknown_fields == {}
    finally:
        await reader.close()
    assert tally.rejections == []
    assert tally.unknown == {}
    assert tally.rows > 3


async def test_price_feeds_say_what_the_erp_means(sample_erp: str) -> None:
    erp = await asyncpg.connect(sample_erp)
    lists = {r["price_list"]: r for r in await erp.fetch(_FEEDS["price_lists"]["query"])}
    prices = await erp.fetch(_FEEDS["prices"]["query"])
    buyers = {r["customer"]: r for r in await erp.fetch(_FEEDS["customers"]["query"])}
    cells = await erp.fetch(_FEEDS["discounts"]["query"])
    products = {r["sku"]: r for r in await erp.fetch(_FEEDS["products"]["query"])}
    await erp.close()
    assert lists["LIST-EUR"]["layer"] == "base"
    assert lists["WEB-SE"]["layer"] == "channel"
    assert lists["WEB-SE"]["channels"] == ["se"]
    assert lists["GRP-ELEC-EUR"]["groups"] == ["ELEC"]
    assert lists["AGR-10001"]["customers"] == [10001]
    assert {lists[code]["layer"] for code in ("AGR-10001", "FW-YARD")} == {"contract"}
    # The last day counts; the end of a validity does not.
    assert lists["TOOLS-EUR"]["layer"] == "campaign"
    assert lists["TOOLS-EUR"]["valid_until"] == SAMPLE_DAY + timedelta(days=20)
    assert [row["price_list"] for row in prices] == sorted(row["price_list"] for row in prices)
    assert {row["all"] for row in prices} == {True, False}
    assert buyers[10005]["price_lists"] == ["FW-YARD"]
    assert [buyers[number]["status"] for number in (10001, 10008, 10009)] == [
        "active",
        "credit_hold",
        "blocked",
    ]
    assert buyers[10001]["assortments"] == ["ELPRO"]
    assert products["E-102"]["assortments"] == ["ELPRO"]
    assert products["H-101"]["max_order_quantity"] == 3
    assert {cell["discount_class"] for cell in cells} == {"A", "B", "C"}
    assert {cell["product_discount_class"] for cell in cells} <= {
        product["discount_class"] for product in products.values()
    }


async def test_changes_of_prices_and_memberships_are_noticed(sample_erp: str) -> None:
    erp = await asyncpg.connect(sample_erp)
    before = await erp.fetchval("SELECT max(changed_at) FROM price_line")
    joined = "SELECT changed_at FROM customer WHERE customer_no = 10004"
    was = await erp.fetchval(joined)
    line = "book_code = 'AGR-10001' AND item_no = 'E-101'"
    await erp.execute(f"UPDATE price_line SET withdrawn = true WHERE {line}")
    await erp.execute("INSERT INTO framework_member VALUES ('FW-BO', 10004)")
    changed = await erp.fetch(f"SELECT * FROM price_line WHERE {line}")
    assert [row["changed_at"] > before for row in changed] == [True]
    assert await erp.fetchval(joined) > was
    # The place of a withdrawn line is free for a new one.
    await erp.execute(
        "INSERT INTO price_line (book_code, item_no, price) VALUES ('AGR-10001', 'E-101', 30)"
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await erp.execute(
            "INSERT INTO price_line (book_code, item_no, price) VALUES ('AGR-10001', 'E-101', 31)"
        )
    await erp.close()


async def test_sample_of_an_older_version_is_refused(
    postgres: EmbeddedPostgres, database: str
) -> None:
    erp = await asyncpg.connect(database)
    await erp.execute("CREATE TABLE stock_movement (movement_no bigint)")
    await erp.close()
    with pytest.raises(Failure, match="new --data-dir"):
        await ensure_sample_erp(postgres.dsn(), database, SAMPLE_DAY)


async def test_shop_knows_customers_and_what_lists_are_called(database: str) -> None:
    await load_sample_erp(database, date.today())  # noqa: DTZ011 - agreements that hold today
    async with open_erp(database) as erp:
        buyers = await erp.buyers()
        sample = await erp.sample_customers(30)
        titles = await erp.titles(["LIST-EUR", "no such"])
    assert len(buyers) == 300
    assert buyers[0].agreements == ("Agreement with Kramer Elektrotechniek BV",)
    assert buyers[4].agreements == (
        "Agreement with Noordzee Scheepsonderhoud BV",
        "North Sea yards, framework agreement",
    )
    assert buyers[5].agreements == ()
    assert len(sample) == 30
    assert sample[:2] == ["10001", "10002"]
    assert not {"10008", "10009"} & set(sample)
    assert titles == {"LIST-EUR": "Price list EUR"}


async def test_is_loaded_only_once(postgres: EmbeddedPostgres, sample_erp: str) -> None:
    erp = await asyncpg.connect(sample_erp)
    await erp.execute("DELETE FROM stock_movement; DELETE FROM purchase_order_line")
    await ensure_sample_erp(postgres.dsn(), sample_erp, SAMPLE_DAY)
    assert await erp.fetchval("SELECT count(*) FROM purchase_order_line") == 0
    await erp.close()


async def test_database_is_made_when_missing(postgres: EmbeddedPostgres) -> None:
    dsn = postgres.dsn("made_for_the_sample")
    await ensure_sample_erp(postgres.dsn(), dsn, SAMPLE_DAY)
    try:
        async with open_erp(dsn) as erp:
            assert len(await erp.sample_skus(200)) == 200
    finally:
        postgres.psql("DROP DATABASE made_for_the_sample WITH (FORCE)")


async def test_search_finds_by_number_and_by_words(sample_erp: str) -> None:
    async with open_erp(sample_erp) as erp:
        assert [a.sku for a in await erp.search("d-10", 2)] == ["D-100", "D-101"]
        assert (await erp.search("A2 m8", 5))[0].sku == "C-101"
        assert await erp.search("no such thing", 5) == []
        assert await erp.search("%", 5) == []
        assert [a.sku for a in await erp.front_page()][:2] == ["A-100", "A-101"]


async def test_selling_and_receiving(sample_erp: str) -> None:
    async with open_erp(sample_erp) as erp:
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


async def test_till_sells_restocks_and_stops(sample_erp: str) -> None:
    shutdown = asyncio.Event()
    async with open_erp(sample_erp) as erp:
        till = asyncio.create_task(Till(erp, random.Random(7), pace=0.001).run(shutdown))
        await _movements(erp, 600)
        shutdown.set()
        async with asyncio.timeout(30):
            await till
        kinds = {movement.kind for movement in await erp.movements(600)}
        worst = await asyncpg.connect(sample_erp)
        assert await worst.fetchval("SELECT min(on_hand) FROM stock_balance") >= 0
        await worst.close()
    assert kinds == {"sale", "receipt"}


async def test_till_outlives_a_restart_of_the_database(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, settings={"fsync": "off"}) as server:
        dsn = server.dsn("erp")
        await ensure_sample_erp(server.dsn(), dsn, SAMPLE_DAY)
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
