"""The sample ERP's orders of the last days: all accepted, and all gone from the shelves."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from stockspan.demo.sample_erp.rows import Rows, SalesOrder, SalesOrderLine

_ORDERS: Final = 40
_FIRST_NUMBER: Final = 1001
_DAYS: Final = 6
_WORKING_SECONDS: Final = (7 * 3600, 17 * 3600)
_ACCEPTED_AFTER: Final = timedelta(seconds=6)
_DISPATCHED_AFTER: Final = timedelta(hours=3)


def add_past_orders(rows: Rows, chance: random.Random, today: date) -> None:
    """Add orders of the days before `today`, numbered in the order in which they came."""
    buyers = [one for one in rows.customers if one.credit_status == "good"]
    goods = [one for one in rows.items if one.life_cycle == "active" and not one.sales_range]
    warehouse = rows.warehouses[0].warehouse_code
    moments = sorted(_moment(chance, today) for _ in range(_ORDERS))
    for number, received_at in enumerate(moments, start=_FIRST_NUMBER):
        order_no, buyer = f"SO-{number}", chance.choice(buyers)
        accepted_at = received_at + _ACCEPTED_AFTER
        dispatched_at = received_at + _DISPATCHED_AFTER
        rows.sales_orders.append(
            SalesOrder(
                order_no=order_no,
                customer_no=buyer.customer_no,
                sales_channel=buyer.sales_channel,
                received_at=received_at,
                status="accepted",
                accepted_at=accepted_at,
                dispatched_at=dispatched_at,
                changed_at=dispatched_at,
            )
        )
        for line, item in enumerate(chance.sample(goods, chance.randint(1, 4)), start=1):
            step = item.quantity_multiple or Decimal(1)
            quantity = step * chance.choice((1, 1, 2, 5))
            rows.sales_order_lines.append(
                SalesOrderLine(order_no, line, item.item_no, warehouse, quantity, accepted_at)
            )


def _moment(chance: random.Random, today: date) -> datetime:
    day = datetime.combine(today - timedelta(days=chance.randint(1, _DAYS)), time(), UTC)
    return day + timedelta(seconds=chance.randrange(*_WORKING_SECONDS))
