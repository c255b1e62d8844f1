"""The ERP is broken on the shop's page: the shop goes on, says how old it is, and catches up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import asyncpg
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.running_demo import RunningDemo, post, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_SKU = "G-101"  # on the first page, but not of class A: the till leaves it alone
_SECONDS = 40


def _until(browser: Chrome, condition: Callable[[Chrome], object], what: str) -> None:
    WebDriverWait(browser, _SECONDS, poll_frequency=0.05).until(condition, what)


def _put(demo: RunningDemo, units: int) -> None:
    async def run() -> None:
        erp = await asyncpg.connect(demo.facts["erp_dsn"])
        await erp.execute(
            "UPDATE stock_balance SET on_hand = CASE warehouse_code WHEN 'W1' THEN $2::numeric"
            " ELSE 0 END, reserved = 0, safety_stock = 0 WHERE item_no = $1",
            _SKU,
            units,
        )
        await erp.close()

    asyncio.run(run())


def _line(browser: Chrome) -> str:
    return browser.find_element(By.ID, "erp").text


def _card(browser: Chrome, part: str) -> str:
    script = (
        "const card = document.querySelector("
        f"""'#grid li:has(stock-badge[sku="{_SKU}"])');"""
        "return arguments[0] === 'badge'"
        " ? card?.querySelector('stock-badge').shadowRoot.textContent ?? ''"
        " : card?.querySelector('.yours').textContent ?? ''"
    )
    return str(browser.execute_script(script, part))


@pytest.fixture
def broken(browser: Chrome, demo: RunningDemo) -> Iterator[Chrome]:
    """The page, with an ERP that was broken on it; it is mended whatever happens."""
    _put(demo, 7)
    until(lambda: demo.stock(_SKU).get("salable") == 7, "the gateway has the figure", 60)
    browser.get(demo.facts["shop"] + "?as=10001")
    _until(browser, lambda _: "5+ available" in _card(browser, "badge"), "the badge is there")
    _until(browser, lambda _: "€" in _card(browser, "price"), "the price is there")
    _until(browser, lambda _: "The ERP is connected" in _line(browser), "it is connected")
    browser.find_element(By.ID, "erp-switch").click()
    _until(browser, lambda _: "The ERP is away since" in _line(browser), "it is away")
    try:
        yield browser
    finally:
        post(demo.facts["shop"] + "/erp", '{"up": true}', {"Content-Type": "application/json"})


def test_the_shop_goes_on_and_catches_up(broken: Chrome, demo: RunningDemo) -> None:
    price = _card(broken, "price")
    _until(broken, lambda _: " sec old)" in _line(broken), "its age is shown")
    _until(broken, lambda _: "Stock as of" in _line(broken), "that of stock")
    _until(broken, lambda _: "Prices as of" in _line(broken), "and that of prices")
    _put(demo, 0)  # in the ERP, which nobody here can see now

    reserve = f"""#grid li:has(stock-badge[sku="{_SKU}"]) .reserve"""
    broken.find_element(By.CSS_SELECTOR, reserve).click()
    confirm = "#entries .confirm"
    _until(broken, lambda _: broken.find_elements(By.CSS_SELECTOR, confirm), "it is held")
    broken.find_element(By.CSS_SELECTOR, confirm).click()
    ordered = "#entries li[data-state=confirmed]"
    _until(broken, lambda _: broken.find_elements(By.CSS_SELECTOR, ordered), "it is ordered")
    assert "5+ available" in _card(broken, "badge"), "six are left, as far as is known"
    assert _card(broken, "price") == price
    assert demo.price(_SKU, "10001")["freshness"] == "fresh"

    broken.find_element(By.ID, "erp-switch").click()
    _until(broken, lambda _: "all has caught up within" in _line(broken), "it has caught up")
    _until(broken, lambda _: "5+ available" not in _card(broken, "badge"), "so has the badge")
