"""What tests of the shop page share: waiting for what a page shows, and an article's stock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import asyncpg
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from tests.running_demo import RunningDemo

_SECONDS: Final = 40


def until_shown(browser: Chrome, condition: Callable[[Chrome], object], what: str) -> None:
    """Look again until `condition` holds; fails with `what`."""
    WebDriverWait(browser, _SECONDS, poll_frequency=0.05).until(condition, what)


def put_in_erp(demo: RunningDemo, sku: str, units: int) -> None:
    """Let the ERP have so many of an article, all of them in W1."""

    async def run() -> None:
        erp = await asyncpg.connect(demo.facts["erp_dsn"])
        try:
            await erp.execute(
                "UPDATE stock_balance SET on_hand = CASE warehouse_code WHEN 'W1' THEN $2::numeric"
                " ELSE 0 END, reserved = 0, safety_stock = 0 WHERE item_no = $1",
                sku,
                units,
            )
        finally:
            await erp.close()

    asyncio.run(run())
