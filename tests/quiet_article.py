"""An article of the sample ERP that nobody sells but a test, and a demo that follows the ERP."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Final

import asyncpg

from stockspan.demo.sample_erp.erp import ERP_UNREACHABLE
from tests.running_demo import RunningDemo, until

QUIET: Final = "F-107"  # off the first page and not of class A: the till leaves it alone


def _set_on_hand(dsn: str, sku: str, quantity: int) -> bool:
    async def update() -> None:
        erp = await asyncpg.connect(dsn)
        await erp.execute(
            "UPDATE stock_balance SET on_hand = $2, reserved = 0, safety_stock = 0"
            " WHERE item_no = $1 AND warehouse_code = 'W1'",
            sku,
            Decimal(quantity),
        )
        await erp.execute(
            "UPDATE stock_balance SET on_hand = 0, reserved = 0"
            " WHERE item_no = $1 AND warehouse_code = 'W2'",
            sku,
        )
        await erp.close()

    try:
        asyncio.run(update())
    except ERP_UNREACHABLE:
        return False
    return True


def follows(demo: RunningDemo, quantity: int) -> None:
    """Let the ERP have so many of it, and wait until the gateway says so."""
    until(lambda: _set_on_hand(demo.facts["erp_dsn"], QUIET, quantity), "the ERP takes changes")
    until(
        lambda: demo.stock(QUIET).get("salable") == quantity,
        f"the answer for {QUIET} says {quantity}, not {demo.stock(QUIET)}",
        60,
    )
