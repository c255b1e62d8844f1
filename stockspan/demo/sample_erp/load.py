"""Puts the sample ERP into an empty PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import asyncpg

from stockspan.demo.sample_erp.generate import generate
from stockspan.demo.sample_erp.rows import (
    Balance,
    ClassDiscount,
    Customer,
    CustomerGroup,
    FrameworkMember,
    Group,
    Item,
    Order,
    OrderLine,
    PriceBook,
    PriceLine,
    Rows,
    Warehouse,
)
from stockspan.failure import Failure

_SCHEMA: Final = tuple(Path(__file__).with_name(name) for name in ("schema.sql", "trade.sql"))
# Triggers by which a row changes another: what is loaded here happened long ago.
_TOUCHES: Final = (
    ("purchase_order_line", "purchase_order_line_touch"),
    ("framework_member", "framework_member_touch"),
)


async def ensure_sample_erp(server_dsn: str, dsn: str, today: date) -> None:
    """Make the database of `dsn` and fill it, unless that was done before.

    `server_dsn` is another database of the same server. Raises asyncpg's errors.

    Raises:
        Failure: what is in the database was made by an older version.
    """
    name = dsn.rpartition("/")[2]
    server = await asyncpg.connect(server_dsn)
    try:
        if not await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await server.execute(f'CREATE DATABASE "{name}"')
    finally:
        await server.close()
    if not await _is_loaded(dsn):
        await load_sample_erp(dsn, today)


async def load_sample_erp(dsn: str, today: date) -> Rows:
    """Make the tables in an empty database and copy all rows in, in one transaction."""
    rows = generate(today)
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            for file in _SCHEMA:
                await connection.execute(file.read_text("utf-8"))
            for table, trigger in _TOUCHES:
                await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            for table, columns, records in _tables(rows):
                await connection.copy_records_to_table(table, records=records, columns=columns)
            for table, trigger in _TOUCHES:
                await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return rows


async def _is_loaded(dsn: str) -> bool:
    # All tables come in one transaction: where one is, the others of that version are.
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetchrow(
            "SELECT to_regclass('stock_movement') IS NOT NULL AS goods,"
            "       to_regclass('price_line') IS NOT NULL AS prices"
        )
    finally:
        await connection.close()
    if found is None or (found["goods"] and not found["prices"]):
        raise Failure("the sample ERP in this folder has no prices yet: start in a new --data-dir")
    return bool(found["prices"])


def _tables(rows: Rows) -> list[tuple[str, tuple[str, ...], Sequence[tuple[object, ...]]]]:
    # In the order in which they refer to each other.
    return [
        ("item_group", Group._fields, rows.groups),
        ("warehouse", Warehouse._fields, rows.warehouses),
        ("item", Item._fields, rows.items),
        ("stock_balance", Balance._fields, rows.balances),
        ("purchase_order", Order._fields, rows.orders),
        ("purchase_order_line", OrderLine._fields, rows.order_lines),
        ("customer_group", CustomerGroup._fields, rows.customer_groups),
        ("customer", Customer._fields, rows.customers),
        ("price_book", PriceBook._fields, rows.books),
        ("framework_member", FrameworkMember._fields, rows.members),
        ("price_line", PriceLine._fields, rows.lines),
        ("class_discount", ClassDiscount._fields, rows.discounts),
    ]
