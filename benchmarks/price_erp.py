"""The wholesaler's tables in a real PostgreSQL, indexed for the peer, and the feeds from them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import asyncpg

from benchmarks.feeds import feed_sections
from benchmarks.price_world import CHANNEL, CURRENCY, PriceWorld
from stockspan.embedded.valkey import EmbeddedValkey

KEY: Final = "benchmark"

# All the rows of a SKU lie together in the index, each list's in the order of quantities: a line is
# three descents, not three for each list. Measured: a quarter of the time.
SCHEMA: Final = """
CREATE TABLE product (
    sku text PRIMARY KEY, product_group text, discount_class text, tax_rate numeric NOT NULL);
CREATE TABLE customer (
    customer text PRIMARY KEY, groups text[] NOT NULL, discount_class text);
CREATE TABLE price_list (
    price_list text PRIMARY KEY, currency text NOT NULL, layer smallint NOT NULL,
    priority int NOT NULL, customer text, customer_group text, channel text,
    valid_from timestamptz, valid_until timestamptz);
CREATE TABLE price (
    price_list text NOT NULL, scope smallint NOT NULL, target text NOT NULL,
    min_quantity numeric NOT NULL, unit_price numeric, discount_percent numeric,
    valid_from timestamptz, valid_until timestamptz);
CREATE TABLE discount (
    discount_class text, product_discount_class text, discount_percent numeric NOT NULL,
    PRIMARY KEY (discount_class, product_discount_class));
"""
INDEXES: Final = """
CREATE INDEX ON price_list (customer);
CREATE UNIQUE INDEX ON price (target, scope, price_list, min_quantity, valid_from);
VACUUM ANALYZE;
"""
TABLES: Final = ("product", "customer", "price_list", "price", "discount")

# The same rows as canonical records: what the loaders take.
_FEEDS: Final = {
    "products": "SELECT sku, product_group, discount_class, tax_rate::text FROM product",
    "customers": "SELECT customer, groups, discount_class FROM customer",
    "price_lists": """
        SELECT price_list, currency, priority, valid_from, valid_until,
               ('{base,channel,group,campaign,contract}'::text[])[layer + 1] AS layer,
               array_remove(ARRAY[customer], NULL) AS customers,
               array_remove(ARRAY[customer_group], NULL) AS groups,
               array_remove(ARRAY[channel], NULL) AS channels
          FROM price_list""",
    "prices": """
        SELECT price_list, min_quantity, unit_price, discount_percent, valid_from, valid_until,
               CASE scope WHEN 2 THEN target END AS sku,
               CASE scope WHEN 1 THEN target END AS product_group
          FROM price""",
    "discounts": "SELECT * FROM discount",
    "stock": "SELECT sku, 'W1' AS location, 100 AS quantity FROM product",
}


async def fill(dsn: str, world: PriceWorld) -> None:
    """Make the tables, with everything in them that a planner wants to know."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(SCHEMA)
    for table in TABLES:
        await connection.copy_records_to_table(table, records=getattr(world, table))
    for statement in INDEXES.strip().splitlines():
        await connection.execute(statement)
    await connection.close()


def settings_file(folder: Path, valkey: EmbeddedValkey, dsn: str, port: int) -> Path:
    """Settings of a gateway and loaders with these feeds, and a key that may ask for any price."""
    path = folder / "stockspan.toml"
    path.write_text(
        f"""
[store]
url = "{valkey.url}"
timeout = "10s"
[gateway]
port = {port}
[freshness]
fresh_for = "12h"
[channels.{CHANNEL}]
currency = "{CURRENCY}"
[loaders]
spool_dir = "{folder / "spool"}"
[keys.benchmark]
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
scopes = ["prices:any"]
[sources.erp]
type = "postgres"
dsn = "{dsn}"
{feed_sections(_FEEDS)}
""",
        encoding="utf-8",
    )
    return path
