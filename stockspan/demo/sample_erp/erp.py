"""What the till and the shop page do in the sample ERP: read its articles, book in its tables.

What is done with orders is in `orders`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import asyncpg

from stockspan.demo.sample_erp.orders import SalesOrders

ERP_UNREACHABLE: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What a call raises while the database is away or restarts: come back later."""

_CONNECT_SECONDS: Final = 5.0
_COMMAND_SECONDS: Final = 10.0

_ARTICLES: Final = """
SELECT item_no, item.description, group_code, g.description AS group_name, unit, abc_class,
       CASE quantity_multiple WHEN 0 THEN 1 ELSE quantity_multiple END AS step,
       greatest(min_order_quantity, nullif(quantity_multiple, 0), 1) AS usual
  FROM item JOIN item_group g USING (group_code)
"""

_SEARCH: Final = """
 WHERE strpos(lower(item_no), lower($1)) = 1
    OR (SELECT bool_and(strpos(lower(item.description), lower(word)) > 0)
          FROM unnest(string_to_array($1, ' ')) AS word)
 ORDER BY front_page NULLS LAST, length(item_no), item_no LIMIT $2
"""

_BUYERS: Final = """
SELECT c.customer_no::text AS customer_no, c.company_name, c.city, c.country_code,
       g.description AS group_name, c.discount_class, c.currency, c.sales_channel,
       c.credit_status,
       array_remove(array_agg(b.title ORDER BY b.precedence DESC), NULL) AS agreements
  FROM customer c JOIN customer_group g USING (group_code)
  LEFT JOIN framework_member m USING (customer_no)
  LEFT JOIN price_book b
         ON (b.customer_no = c.customer_no OR b.book_code = m.book_code)
        AND current_date BETWEEN b.first_day AND b.last_day
 GROUP BY c.customer_no, g.description
 ORDER BY c.customer_no
"""

_MOVEMENTS: Final = """
SELECT m.movement_no, m.booked_at, m.kind, m.item_no, i.description, i.unit, m.quantity,
       w.description AS warehouse
  FROM stock_movement m JOIN item i USING (item_no) JOIN warehouse w USING (warehouse_code)
 ORDER BY m.movement_no DESC LIMIT $1
"""

_ORDER_MORE: Final = """
WITH placed AS (
    INSERT INTO purchase_order (po_no, supplier, ordered_on)
    SELECT 'PO-' || 4000 + count(*), 'Rhein Tools', current_date FROM purchase_order
    RETURNING po_no
)
INSERT INTO purchase_order_line
       (po_no, line_no, item_no, warehouse_code, open_quantity, expected_on)
SELECT po_no, 1, $1, $2, $3, current_date + $4::integer FROM placed
"""


@dataclass(frozen=True)
class Article:
    """An item as the shop shows it.

    `step`: the smallest quantity it is sold in, in its unit. `usual`: as many as one begins with.
    """

    sku: str
    name: str
    group: str
    group_name: str
    unit: str
    abc_class: str
    step: Decimal
    usual: Decimal


@dataclass(frozen=True)
class Buyer:
    """A customer as the shop shows one; `agreements`: titles of those that hold today."""

    customer: str
    name: str
    city: str
    country: str
    group: str
    discount_class: str | None
    currency: str
    channel: str
    status: str
    agreements: tuple[str, ...]


@dataclass(frozen=True)
class Movement:
    """A booking in the ERP: goods sold or received."""

    number: int
    at: datetime
    kind: str
    sku: str
    name: str
    unit: str
    quantity: Decimal
    warehouse: str


class SampleErp:
    """A few pooled connections to the ERP's database; survives its restarts.

    Every method raises one of `ERP_UNREACHABLE` while the database is away.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self.orders = SalesOrders(pool)

    async def front_page(self) -> list[Article]:
        """The articles of the shop's first page, in their order."""
        where = " WHERE front_page IS NOT NULL ORDER BY front_page"
        return _articles(await self._pool.fetch(_ARTICLES + where))

    async def search(self, text: str, limit: int) -> list[Article]:
        """Articles whose number begins with `text` or whose name has all its words."""
        return _articles(await self._pool.fetch(_ARTICLES + _SEARCH, text, limit))

    async def bestsellers(self) -> list[Article]:
        """The articles of class A off the first page."""
        where = " WHERE abc_class = 'A' AND front_page IS NULL ORDER BY item_no"
        return _articles(await self._pool.fetch(_ARTICLES + where))

    async def sample_skus(self, count: int) -> list[str]:
        """The first page, then articles from all over the catalogue."""
        rows = await self._pool.fetch(
            "SELECT item_no FROM item ORDER BY front_page NULLS LAST, md5(item_no) LIMIT $1", count
        )
        return [row["item_no"] for row in rows]

    async def sample_customers(self, count: int) -> list[str]:
        """The first customers who may buy."""
        rows = await self._pool.fetch(
            "SELECT customer_no::text FROM customer WHERE credit_status = 'good'"
            " ORDER BY customer_no LIMIT $1",
            count,
        )
        return [row["customer_no"] for row in rows]

    async def buyers(self) -> list[Buyer]:
        """All customers by number; the first are those of whom there is most to see."""
        return [_buyer(row) for row in await self._pool.fetch(_BUYERS)]

    async def titles(self, codes: Iterable[str]) -> dict[str, str]:
        """What these price books are called; those that are unknown are left out."""
        rows = await self._pool.fetch(
            "SELECT book_code, title FROM price_book WHERE book_code = ANY($1)", list(codes)
        )
        return {row["book_code"]: row["title"] for row in rows}

    async def step(self, sku: str) -> Decimal | None:
        """The smallest quantity an article is sold in; None for an unknown article."""
        found = await self._pool.fetchval(
            "SELECT CASE quantity_multiple WHEN 0 THEN 1 ELSE quantity_multiple END"
            "  FROM item WHERE item_no = $1",
            sku,
        )
        return None if found is None else Decimal(found)

    async def sell(self, sku: str, quantity: Decimal, *, in_store: bool = False) -> bool:
        """Book a sale; False when no warehouse (no store) has that much left."""
        booked = await self._pool.fetch(
            "SELECT * FROM book_sale($1, $2, $3)", sku, quantity, in_store
        )
        return bool(booked)

    async def receive(self, sku: str, next_in_days: int) -> bool:
        """Book the next purchase order line in and order as much again; False: none is open."""
        booked = await self._pool.fetch("SELECT * FROM book_receipt($1)", sku)
        for row in booked:
            where, quantity = row["warehouse_code"], row["quantity"]
            await self._pool.execute(_ORDER_MORE, sku, where, quantity, next_in_days)
        return bool(booked)

    async def movements(self, limit: int) -> list[Movement]:
        """The latest bookings, whoever made them, newest first."""
        return [_movement(row) for row in await self._pool.fetch(_MOVEMENTS, limit)]


@asynccontextmanager
async def open_erp(dsn: str) -> AsyncIterator[SampleErp]:
    """The ERP at `dsn`; connects when first asked. Its connections are closed at the end."""
    pool = asyncpg.create_pool(
        dsn, min_size=0, max_size=4, timeout=_CONNECT_SECONDS, command_timeout=_COMMAND_SECONDS
    )
    async with pool:
        try:
            yield SampleErp(pool)
        finally:
            pool.terminate()


def _articles(rows: Iterable[asyncpg.Record]) -> list[Article]:
    return [
        Article(
            sku=row["item_no"],
            name=row["description"],
            group=row["group_code"],
            group_name=row["group_name"],
            unit=row["unit"],
            abc_class=row["abc_class"],
            step=row["step"],
            usual=row["usual"],
        )
        for row in rows
    ]


def _buyer(row: asyncpg.Record) -> Buyer:
    return Buyer(
        customer=row["customer_no"],
        name=row["company_name"],
        city=row["city"],
        country=row["country_code"],
        group=row["group_name"],
        discount_class=row["discount_class"],
        currency=row["currency"],
        channel=row["sales_channel"],
        status=row["credit_status"],
        agreements=tuple(row["agreements"]),
    )


def _movement(row: asyncpg.Record) -> Movement:
    return Movement(
        number=row["movement_no"],
        at=row["booked_at"],
        kind=row["kind"],
        sku=row["item_no"],
        name=row["description"],
        unit=row["unit"],
        quantity=row["quantity"],
        warehouse=row["warehouse"],
    )
