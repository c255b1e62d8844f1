"""Puts the sample ERP into an empty PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import asyncpg

from stockspan.demo.databases import ensure_database
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
    SalesOrder,
    SalesOrderLine,
    Warehouse,
)
from stockspan.failure import Failure

_FILES: Final = ("schema.sql", "trade.sql", "orders.sql")
_SCHEMA: Final = tuple(Path(__file__).with_name(name) for name in _FILES)
# A table of each version, and what came with it.
_CAME_WITH: Final = {"stock_movement": "goods", "price_line": "prices", "sales_order": "orders"}
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
    await ensure_database(server_dsn, dsn)
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
        found = await connection.fetchval(
            "SELECT array_agg(to_regclass(name) IS NOT NULL ORDER BY place)"
            "  FROM unnest($1::text[]) WITH ORDINALITY AS one (name, place)",
            list(_CAME_WITH),
        )
    finally:
        await connection.close()
    lacking = [what for what, there in zip(_CAME_WITH.values(), found, strict=True) if not there]
    if any(found) and lacking:
        raise Failure(
            f"the sample ERP in this folder has no {lacking[0]} yet: start in a new --data-dir"
        )
    return not lacking


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
        ("sales_order", SalesOrder._fields, rows.sales_orders),
        ("sales_order_line", SalesOrderLine._fields, rows.sales_order_lines),
    ]
