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
    Group,
    Item,
    Order,
    OrderLine,
    Rows,
    Warehouse,
)

_SCHEMA: Final = Path(__file__).with_name("schema.sql")


async def ensure_sample_erp(server_dsn: str, dsn: str, today: date) -> None:
    """Make the database of `dsn` and fill it, unless that was done before.

    `server_dsn` is another database of the same server. Raises asyncpg's errors.
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
            await connection.execute(_SCHEMA.read_text("utf-8"))
            # Orders of long ago are no changes of today.
            touch = "ALTER TABLE purchase_order_line {} TRIGGER purchase_order_line_touch"
            await connection.execute(touch.format("DISABLE"))
            for table, columns, records in _tables(rows):
                await connection.copy_records_to_table(table, records=records, columns=columns)
            await connection.execute(touch.format("ENABLE"))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return rows


async def _is_loaded(dsn: str) -> bool:
    # All tables come in one transaction: where one is, the others are.
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval("SELECT to_regclass('stock_movement') IS NOT NULL"))
    finally:
        await connection.close()


def _tables(rows: Rows) -> list[tuple[str, tuple[str, ...], Sequence[tuple[object, ...]]]]:
    # In the order in which they refer to each other.
    return [
        ("item_group", Group._fields, rows.groups),
        ("warehouse", Warehouse._fields, rows.warehouses),
        ("item", Item._fields, rows.items),
        ("stock_balance", Balance._fields, rows.balances),
        ("purchase_order", Order._fields, rows.orders),
        ("purchase_order_line", OrderLine._fields, rows.order_lines),
    ]
