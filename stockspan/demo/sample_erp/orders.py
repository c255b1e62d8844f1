"""What the shop and the clerk do with orders in the sample ERP."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import asyncpg

AHEAD: Final = timedelta(seconds=2.5)
"""So long before the ERP's figures have an order, it says so (see orders.sql)."""

_PLACE: Final = """
WITH placed AS (
    INSERT INTO sales_order (order_no, customer_no, sales_channel)
    SELECT $1, (SELECT customer_no FROM customer WHERE customer_no::text = $2), $3
    ON CONFLICT (order_no) DO NOTHING RETURNING order_no
)
INSERT INTO sales_order_line (order_no, line_no, item_no, warehouse_code, quantity)
SELECT order_no, line_no, item_no,
       coalesce(nullif(warehouse_code, ''),
                (SELECT w.warehouse_code FROM warehouse w WHERE w.ships
                  ORDER BY pick_sequence DESC LIMIT 1)),
       quantity
  FROM placed, unnest($4::text[], $5::text[], $6::numeric[]) WITH ORDINALITY
       AS line (item_no, warehouse_code, quantity, line_no)
"""

# What each warehouse could still send, none of them less than nothing: as a shop may sell it.
_FREE: Final = """
SELECT item_no, sum(greatest(0, on_hand - reserved - safety_stock)) AS free
  FROM stock_balance JOIN warehouse USING (warehouse_code)
 WHERE ships AND item_no = ANY($1) GROUP BY item_no
"""

_STANDINGS: Final = """
SELECT order_no, status, dispatched_at IS NOT NULL AS dispatched, item_no,
       sum(quantity) FILTER (WHERE booked_at IS NULL) AS awaited
  FROM sales_order JOIN sales_order_line USING (order_no)
 WHERE order_no = ANY($1) GROUP BY order_no, item_no
"""

_DISPATCHABLE: Final = """
SELECT order_no FROM sales_order
 WHERE status = 'accepted' AND dispatched_at IS NULL
   AND accepted_at <= clock_timestamp() ORDER BY accepted_at
"""


@dataclass(frozen=True)
class Portion:
    """A line of an order; without a warehouse, where one would look first."""

    sku: str
    warehouse: str | None
    quantity: Decimal


@dataclass(frozen=True)
class NewOrder:
    """An order as the shop hands it over. A customer that is unknown is nobody in particular."""

    number: str
    customer: str | None
    channel: str
    portions: Sequence[Portion]


@dataclass
class Standing:
    """How far an order is: `awaited` are units by SKU that the ERP's figures do not have yet."""

    status: str
    dispatched: bool
    awaited: dict[str, Decimal] = field(default_factory=dict)

    @property
    def booked(self) -> bool:
        """Whether the ERP's own figures have all of it."""
        return self.status == "accepted" and not any(self.awaited.values())


class SalesOrders:
    """The orders in the ERP. Every method raises one of `ERP_UNREACHABLE` while it is away."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def place(self, order: NewOrder) -> None:
        """Hand an order in; one that is there already stays as it is."""
        await self._pool.execute(
            _PLACE,
            order.number,
            order.customer,
            order.channel,
            [portion.sku for portion in order.portions],
            [portion.warehouse or "" for portion in order.portions],
            [portion.quantity for portion in order.portions],
        )

    async def cancel(self, number: str) -> bool:
        """Call it off; False: there is none, or it has left the house."""
        return bool(await self._pool.fetchval("SELECT cancel_order($1)", number))

    async def accept(self, number: str, ahead: timedelta = AHEAD) -> datetime | None:
        """Accept it; from when on. None: there is none that waits."""
        moment: datetime | None = await self._pool.fetchval(
            "SELECT accept_order($1, $2)", number, ahead
        )
        return moment

    async def book_accepted(self) -> int:
        """Let the figures have what was accepted and is due; how many figures changed."""
        return int(await self._pool.fetchval("SELECT book_accepted()"))

    async def dispatch(self, number: str) -> bool:
        """Send it off; False when it cannot be yet."""
        return bool(await self._pool.fetchval("SELECT dispatch_order($1)", number))

    async def received(self) -> list[str]:
        """Orders that nobody has looked at, the first one first."""
        return await self._numbers(
            "SELECT order_no FROM sales_order WHERE status = 'received' ORDER BY received_at"
        )

    async def dispatchable(self) -> list[str]:
        """Orders that are accepted and still in the house, the first one first."""
        return await self._numbers(_DISPATCHABLE)

    async def standing(
        self, numbers: Collection[str], skus: Collection[str]
    ) -> tuple[Mapping[str, Standing], Mapping[str, Decimal]]:
        """How far these orders are, and what is free of these articles, at one and the same moment.

        Orders and articles that are unknown are left out.
        """
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            free = await connection.fetch(_FREE, list(skus))
            lines = await connection.fetch(_STANDINGS, list(numbers))
        standings: dict[str, Standing] = {}
        for row in lines:
            one = standings.setdefault(row["order_no"], Standing(row["status"], row["dispatched"]))
            one.awaited[row["item_no"]] = row["awaited"] or Decimal(0)
        return standings, {row["item_no"]: row["free"] for row in free}

    async def _numbers(self, query: str) -> list[str]:
        return [row["order_no"] for row in await self._pool.fetch(query)]
