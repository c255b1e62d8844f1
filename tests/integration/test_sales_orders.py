"""The sample ERP's orders: which figures have them, what may be done when, and its clerk."""

from __future__ import annotations

import asyncio
import random
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from stockspan.demo.sample_erp import load
from stockspan.demo.sample_erp.clerk import Clerk
from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE, SampleErp, open_erp
from stockspan.demo.sample_erp.load import ensure_sample_erp
from stockspan.demo.sample_erp.orders import NewOrder, Portion
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.failure import Failure
from tests.sample_day import SAMPLE_DAY

_SKU = "F-107"
_AT_ONCE = timedelta(0)
_ACKS = tomllib.loads(Path(load.__file__).with_name("feeds.toml").read_text("utf-8"))["feeds"][
    "order_acks"
]["query"]

# Every figure that a reader of balances could have seen.
_HISTORY = """
CREATE TABLE seen (changed_at timestamptz, reserved numeric);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (NEW.changed_at, NEW.reserved);
    RETURN NULL;
END $$;
CREATE TRIGGER see AFTER UPDATE ON stock_balance FOR EACH ROW
    WHEN (NEW.item_no = 'F-107' AND NEW.warehouse_code = 'W1') EXECUTE FUNCTION see();
"""


@asynccontextmanager
async def _opened(dsn: str) -> AsyncIterator[tuple[SampleErp, asyncpg.Connection[Any]]]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "UPDATE stock_balance SET on_hand = 50, reserved = 0, safety_stock = 0"
            " WHERE item_no = $1 AND warehouse_code = 'W1'",
            _SKU,
        )
        async with open_erp(dsn) as erp:
            yield erp, connection
    finally:
        await connection.close()


def _order(
    number: str, quantity: int = 3, warehouse: str | None = "W1", sku: str = _SKU
) -> NewOrder:
    portions = [Portion(sku, warehouse, Decimal(quantity))]
    return NewOrder(number, "10001", "eu", portions)


async def _balance(erp: asyncpg.Connection[Any]) -> tuple[int, int]:
    row = await erp.fetchrow(
        "SELECT on_hand, reserved FROM stock_balance WHERE item_no = $1 AND warehouse_code = 'W1'",
        _SKU,
    )
    assert row is not None
    return int(row["on_hand"]), int(row["reserved"])


async def _booked(erp: SampleErp, number: str) -> None:
    async with asyncio.timeout(30):
        while not (await erp.orders.standing([number], []))[0][number].booked:
            await erp.orders.book_accepted()


async def test_a_figure_has_an_order_exactly_from_its_moment_on(sample_erp: str) -> None:
    async with _opened(sample_erp) as (erp, connection):
        await connection.execute(_HISTORY)
        numbers = [f"T-{place}" for place in range(12)]
        for number in numbers:
            await erp.orders.place(_order(number, quantity=1))
        over = asyncio.Event()

        async def sell() -> None:
            while not over.is_set():
                await connection_of_till.execute("SELECT * FROM book_sale($1, 0.001)", _SKU)

        connection_of_till = await asyncpg.connect(sample_erp)
        selling = asyncio.create_task(sell())
        try:
            for ahead in (_AT_ONCE, timedelta(milliseconds=30)):
                half = numbers[::2] if ahead else numbers[1::2]
                await asyncio.gather(*(erp.orders.accept(number, ahead) for number in half))
                await asyncio.gather(*(_booked(erp, number) for number in half))
        finally:
            over.set()
            await selling
            await connection_of_till.close()
        moments = [
            row["accepted_at"]
            for row in await connection.fetch(
                "SELECT accepted_at FROM sales_order WHERE order_no LIKE 'T-%'"
            )
        ]
        figures = await connection.fetch("SELECT changed_at, reserved FROM seen")
    assert len(figures) > len(moments) == 12
    assert {moment.microsecond % 1000 for moment in moments} == {0}
    for figure in figures:
        has = sum(moment <= figure["changed_at"] for moment in moments)
        assert figure["reserved"] == has, figure
    assert max(figure["reserved"] for figure in figures) == 12


async def test_the_order_is_told_of_before_any_figure_has_it(sample_erp: str) -> None:
    async with _opened(sample_erp) as (erp, connection):
        await erp.orders.place(_order("T-1"))
        assert not await connection.fetch(f"SELECT FROM ({_ACKS}) q WHERE order_ref = 'T-1'")
        moment = await erp.orders.accept("T-1", timedelta(hours=1))
        (told,) = await connection.fetch(f"SELECT * FROM ({_ACKS}) q WHERE order_ref = 'T-1'")
        assert await erp.orders.book_accepted() == 0
        assert await erp.sell(_SKU, Decimal(1))
        assert await _balance(connection) == (49, 0)
        assert (told["acknowledged_at"], told["status"]) == (moment, "accepted")
        assert await erp.orders.accept("T-1") is None, "only what waits is accepted"
        assert await erp.orders.accept("no such") is None
        assert not await erp.orders.dispatch("T-1"), "no figure has it yet"


async def test_an_order_is_accepted_and_sent_off(sample_erp: str) -> None:
    async with _opened(sample_erp) as (erp, connection):
        await erp.orders.place(_order("T-1"))
        await erp.orders.place(_order("T-1", quantity=9))
        assert (await connection.fetchval("SELECT count(*) FROM sales_order_line")) > 40
        assert await erp.orders.received() == ["T-1"]
        _, free = await erp.orders.standing([], [_SKU, "no such"])
        await erp.orders.accept("T-1", _AT_ONCE)
        await _booked(erp, "T-1")
        standings, lower = await erp.orders.standing(["T-1"], [_SKU])
        assert await _balance(connection) == (50, 3)
        assert lower[_SKU] == free[_SKU] - 3
        assert standings["T-1"].awaited == {_SKU: 0}
        assert await erp.orders.received() == []
        assert await erp.orders.dispatchable() == ["T-1"]

        await connection.execute("UPDATE stock_balance SET on_hand = 2 WHERE item_no = 'F-107'")
        assert not await erp.orders.dispatch("T-1"), "the shelf does not have it"
        await connection.execute("UPDATE stock_balance SET on_hand = 50 WHERE item_no = 'F-107'")
        assert await erp.orders.dispatch("T-1")
        assert not await erp.orders.dispatch("T-1")
        assert not await erp.orders.cancel("T-1"), "it has left the house"
        assert await _balance(connection) == (47, 0)
        assert await erp.orders.dispatchable() == []
        assert (await erp.orders.standing(["T-1"], []))[0]["T-1"].dispatched
        (sale,) = await erp.movements(1)
        assert (sale.kind, sale.sku, sale.quantity) == ("sale", _SKU, Decimal(3))


async def test_an_order_that_is_cancelled_gives_back_what_it_took(sample_erp: str) -> None:
    async with _opened(sample_erp) as (erp, connection):
        for number in ("T-1", "T-2", "T-3"):
            await erp.orders.place(_order(number))
        assert await erp.orders.cancel("T-1")
        assert not await erp.orders.cancel("T-1")
        await erp.orders.accept("T-2", timedelta(hours=1))
        assert await erp.orders.cancel("T-2")
        assert await _balance(connection) == (50, 0)
        await erp.orders.accept("T-3", _AT_ONCE)
        await _booked(erp, "T-3")
        assert await _balance(connection) == (50, 3)
        assert await erp.orders.cancel("T-3")
        assert await erp.orders.book_accepted() == 0
        assert await _balance(connection) == (50, 0)
        told = await connection.fetch(f"SELECT * FROM ({_ACKS}) q WHERE order_ref LIKE 'T-%'")
    assert {(row["order_ref"], row["status"]) for row in told} == {
        (number, "cancelled") for number in ("T-1", "T-2", "T-3")
    }
    assert all(row["acknowledged_at"] for row in told)


async def test_what_has_no_warehouse_is_looked_for_in_the_first(sample_erp: str) -> None:
    async with _opened(sample_erp) as (erp, connection):
        await connection.execute("DELETE FROM stock_balance WHERE item_no = 'F-107'")
        order = _order("T-1", quantity=2, warehouse=None)
        await erp.orders.place(NewOrder("T-1", "no such customer", "se", order.portions))
        row = await connection.fetchrow("SELECT * FROM sales_order WHERE order_no = 'T-1'")
        assert row is not None
        assert (row["customer_no"], row["sales_channel"]) == (None, "se")
        await erp.orders.accept("T-1", _AT_ONCE)
        await _booked(erp, "T-1")
        assert await _balance(connection) == (0, 2)
        assert not await erp.orders.dispatch("T-1")


async def test_some_orders_are_told_of_from_the_start(sample_erp: str) -> None:
    async with _opened(sample_erp) as (_, connection):
        told = await connection.fetch(_ACKS)
        await connection.execute(
            "INSERT INTO sales_order (order_no, sales_channel, changed_at) VALUES ($1, 'eu', $2)",
            "T-1",
            datetime.combine(SAMPLE_DAY, datetime.min.time(), UTC) + timedelta(days=30),
        )
        later = await connection.fetch(_ACKS)
    assert len(told) == 40
    assert {row["status"] for row in told} == {"accepted"}
    assert later == [], "they are older than a week by now"


async def test_sample_without_orders_is_refused(
    postgres: EmbeddedPostgres, sample_erp: str
) -> None:
    connection = await asyncpg.connect(sample_erp)
    await connection.execute("DROP TABLE sales_order_line, sales_order")
    await connection.close()
    with pytest.raises(Failure, match="no orders yet: start in a new --data-dir"):
        await ensure_sample_erp(postgres.dsn(), sample_erp, SAMPLE_DAY)


async def _dispatched(erp: SampleErp, number: str) -> None:
    async with asyncio.timeout(30):
        while True:
            # A pooled connection may be one that the restarted server no longer knows.
            try:
                standings, _ = await erp.orders.standing([number], [])
            except ERP_UNREACHABLE:
                standings = {}
            if number in standings and standings[number].dispatched:
                return
            await asyncio.sleep(0.01)


async def test_clerk_accepts_books_and_sends_off(sample_erp: str) -> None:
    shutdown = asyncio.Event()
    async with _opened(sample_erp) as (erp, connection):
        clerk = Clerk(erp.orders, random.Random(7), pace=0.01)
        working = asyncio.create_task(clerk.run(shutdown))
        for number in ("T-1", "T-2"):
            await erp.orders.place(_order(number))
            await _dispatched(erp, number)
        shutdown.set()
        async with asyncio.timeout(30):
            await working
        assert await _balance(connection) == (44, 0)
        waits = await connection.fetch(
            "SELECT extract(epoch FROM accepted_at - received_at) AS accepted,"
            "       extract(epoch FROM dispatched_at - accepted_at) AS sent_off"
            "  FROM sales_order WHERE order_no LIKE 'T-%'"
        )
    assert all(row["accepted"] >= 0.035 and row["sent_off"] >= 0.2 for row in waits)


async def test_clerk_outlives_a_restart_of_the_database(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, settings={"fsync": "off"}) as server:
        dsn = server.dsn("erp")
        await ensure_sample_erp(server.dsn(), dsn, SAMPLE_DAY)
        shutdown = asyncio.Event()
        async with open_erp(dsn) as erp:
            working = asyncio.create_task(
                Clerk(erp.orders, random.Random(7), pace=0.01).run(shutdown)
            )
            await erp.orders.place(_order("T-1", quantity=1, sku="A-100"))
            await _dispatched(erp, "T-1")
            server.kill()
            server.start()
            async with asyncio.timeout(30):
                while True:
                    try:
                        await erp.orders.place(_order("T-2", quantity=1, sku="A-100"))
                    except ERP_UNREACHABLE:
                        await asyncio.sleep(0.01)
                    else:
                        break
            await _dispatched(erp, "T-2")
            shutdown.set()
            async with asyncio.timeout(30):
                await working
