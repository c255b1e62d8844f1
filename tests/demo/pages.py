"""What tests of the shop page share: waiting for what it shows, its cart, an article's stock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import asyncpg
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.running_demo import RunningDemo

_SECONDS: Final = 40

_ENTRIES: Final = """
return [...document.querySelectorAll("#entries > li")].map((entry) => ({
  state: entry.dataset.state,
  title: entry.querySelector(".title").textContent,
  what: [...entry.querySelectorAll(".what li")].map((line) => line.innerText),
  left: entry.querySelector(".left").textContent,
  story: entry.querySelector(".story").textContent,
  rows: Object.fromEntries([...entry.querySelectorAll("tbody tr")]
    .filter((row) => row.checkVisibility())
    .map((row) => [row.className, [...row.querySelectorAll("td")].map((one) => one.textContent)])),
  steps: [...entry.querySelectorAll("button")].filter((one) => one.checkVisibility())
    .map((one) => one.ariaLabel),
}));
"""
_LINES: Final = """
return [...document.querySelectorAll("#cart-lines > li")].map((line) => ({
  trouble: line.querySelector(".trouble").textContent,
  sum: line.querySelector(".sum").textContent,
  amount: line.querySelector("input").value,
}));
"""


def until_shown(browser: Chrome, condition: Callable[[Chrome], object], what: str) -> None:
    """Look again until `condition` holds; fails with `what`."""
    WebDriverWait(browser, _SECONDS, poll_frequency=0.05).until(condition, what)


def press(browser: Chrome, selector: str) -> None:
    """By keyboard, as one who has no mouse does it."""
    browser.find_element(By.CSS_SELECTOR, selector).send_keys(Keys.ENTER)


class Cart:
    """The drawer: lines that are wanted, and reservations."""

    def __init__(self, browser: Chrome) -> None:
        self._browser = browser

    def open(self) -> None:
        """As a customer does."""
        press(self._browser, "#open-cart")

    def close(self) -> None:
        """By Escape, which is for every dialog."""
        self._browser.switch_to.active_element.send_keys(Keys.ESCAPE)

    def reserve(self) -> None:
        """Press it as soon as the gateway has judged the lines, and wait until they are held."""
        button = self._browser.find_element(By.ID, "reserve")
        until_shown(self._browser, lambda _: button.is_enabled(), "it may be reserved")
        button.send_keys(Keys.ENTER)
        self.wait_state("held")

    def wait_state(self, state: str) -> None:
        """Until the one reservation is in this state."""

        def is_so(_: Chrome) -> bool:
            return [entry["state"] for entry in self.entries] == [state]

        until_shown(self._browser, is_so, state)

    def wait(self, condition: Callable[[dict[str, Any]], object], what: str) -> None:
        """Until the one reservation looks like this."""
        until_shown(self._browser, lambda _: condition(self.entry), what)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Every reservation as it is shown."""
        shown: list[dict[str, Any]] = self._browser.execute_script(_ENTRIES)
        return shown

    @property
    def entry(self) -> dict[str, Any]:
        """The one reservation."""
        (entry,) = self.entries
        return entry

    @property
    def lines(self) -> list[dict[str, str]]:
        """What is wanted, with what is said about it."""
        shown: list[dict[str, str]] = self._browser.execute_script(_LINES)
        return shown


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
