"""The sample shop in a real browser: badges, what the ERP changes, languages, the product panel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.running_demo import RunningDemo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_STILL = "G-101"  # on the first page, but not of class A: the till leaves it alone
_SECONDS = 30

_SHOWN = """
return Object.fromEntries([...document.querySelectorAll("#grid stock-badge")].map((badge) => [
  badge.getAttribute("sku"),
  { ...badge.dataset,
    label: badge.shadowRoot.querySelector("[part=label]").textContent,
    symbol: badge.shadowRoot.querySelector("path").getAttribute("d"),
    width: badge.getBoundingClientRect().width },
]));
"""
_ASKED = """
return performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => name.includes("/v1/stock?"));
"""


def _until(browser: Chrome, condition: Callable[[Chrome], object], what: str) -> None:
    WebDriverWait(browser, _SECONDS, poll_frequency=0.05).until(condition, what)


def _complaints(browser: Chrome) -> list[dict[str, Any]]:
    log: list[dict[str, Any]] = browser.execute("getLog", {"type": "browser"})["value"]
    return [line for line in log if line["level"] == "SEVERE"]


def _badges(browser: Chrome) -> dict[str, dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = browser.execute_script(_SHOWN)
    return shown


def _all_shown(browser: Chrome) -> bool:
    badges = _badges(browser)
    return len(badges) == 24 and all(badge["label"] for badge in badges.values())


def _label_is(sku: str, label: str) -> Callable[[Chrome], bool]:
    return lambda browser: _badges(browser).get(sku, {}).get("label") == label


def _in_erp(demo: RunningDemo, sql: str, *values: object) -> Any:
    async def run() -> Any:
        erp = await asyncpg.connect(demo.facts["erp_dsn"])
        try:
            return await erp.fetchval(sql, *values)
        finally:
            await erp.close()

    return asyncio.run(run())


def _put(demo: RunningDemo, sku: str, warehouse: str, quantity: int) -> None:
    sql = (
        "UPDATE stock_balance SET on_hand = $3, reserved = 0, safety_stock = 0"
        " WHERE item_no = $1 AND warehouse_code = $2"
    )
    _in_erp(demo, sql, sku, warehouse, Decimal(quantity))


@pytest.fixture
def page(browser: Chrome, demo: RunningDemo) -> Iterator[Chrome]:
    """The shop's first page with all its badges, and no complaint in the console at the end."""
    browser.get("about:blank")
    _complaints(browser)  # what an earlier page said is not this one's
    browser.get(demo.facts["shop"])
    _until(browser, _all_shown, "24 badges are shown")
    yield browser
    assert _complaints(browser) == []


def test_first_page_shows_every_kind_of_badge(page: Chrome) -> None:
    badges = _badges(page)
    assert {badge["status"] for badge in badges.values()} >= {
        "in_stock",
        "limited_availability",
        "backorder",
        "out_of_stock",
        "preorder",
        "discontinued",
    }
    assert {badge["color"] for badge in badges.values()} == {"green", "yellow", "red"}
    by_status = {badge["status"]: badge["symbol"] for badge in badges.values()}
    assert len(set(by_status.values())) == len(by_status), "told apart without colour"
    assert all(badge["width"] > 40 for badge in badges.values())


def test_all_badges_share_one_request(page: Chrome) -> None:
    _until(page, lambda browser: len(browser.execute_script(_ASKED)) >= 2, "asked again")
    for address in page.execute_script(_ASKED):
        assert len(parse_qs(urlsplit(address).query)["sku"]) == 24


def test_badge_follows_the_erp(page: Chrome, demo: RunningDemo) -> None:
    try:
        _put(demo, _STILL, "W1", 3)
        _until(page, _label_is(_STILL, "Few left"), "the badge says few")
        _put(demo, _STILL, "W1", 50)
        _until(page, _label_is(_STILL, "20+ available"), "the badge says many")
    finally:
        _put(demo, _STILL, "W1", 0)
    _until(page, _label_is(_STILL, "Out of stock"), "the badge says none")


def test_selling_on_the_page_sells_in_the_erp(page: Chrome, demo: RunningDemo) -> None:
    count = "SELECT count(*) FROM stock_movement WHERE item_no = $1 AND kind = 'sale'"
    before = _in_erp(demo, count, _STILL)
    _put(demo, _STILL, "W1", 1)
    _until(page, _label_is(_STILL, "Few left"), "one is there")
    card = page.find_element(By.XPATH, f"//li[.//stock-badge[@sku='{_STILL}']]")
    sell = card.find_element(By.CSS_SELECTOR, ".sell")
    _until(page, lambda _: sell.is_enabled(), "it can be sold")
    page.execute_script("arguments[0].click()", sell)
    _until(page, _label_is(_STILL, "Out of stock"), "the last one is sold")
    assert not sell.is_enabled()
    assert _in_erp(demo, count, _STILL) == before + 1
    strip = page.find_element(By.ID, "till")
    _until(page, lambda _: _STILL in strip.text, "the strip tells of the sale")


def test_language_changes_page_and_badges(page: Chrome) -> None:
    words = {"sv": "Utgått", "nl": "Uit assortiment", "de": "Ausgelaufen"}
    for locale in ("sv", "nl", "ro", "de"):
        Select(page.find_element(By.ID, "language")).select_by_value(locale)
        _until(page, lambda browser: _badges(browser)["A-105"]["label"] != "Discontinued", locale)
        _until(page, _all_shown, "all badges speak it")
        assert page.find_element(By.TAG_NAME, "html").get_attribute("lang") == locale
        if locale == "sv":
            _until(page, _label_is("A-105", words["sv"]), "the Swedish word")
    Select(page.find_element(By.ID, "language")).select_by_value("en")
    _until(page, _label_is("A-105", "Discontinued"), "English again")


def test_search_shows_other_articles(page: Chrome) -> None:
    box = page.find_element(By.CSS_SELECTOR, "#search input")
    box.send_keys("F-107")
    _until(page, lambda browser: list(_badges(browser)) == ["F-107"], "the one that was sought")
    _until(page, lambda browser: _badges(browser)["F-107"]["label"] != "", "its badge")
    box.clear()
    box.send_keys("no such thing")
    nothing = page.find_element(By.ID, "nothing")
    _until(page, lambda _: nothing.is_displayed(), "nothing found is said")


def test_panel_shows_delivery_and_stores(page: Chrome) -> None:
    page.execute_script('document.querySelector("#grid .open").click()')
    panel = page.find_element(By.ID, "panel")
    stores = (By.CSS_SELECTOR, "#stores li")
    _until(page, lambda _: len(panel.find_elements(*stores)) == 2, "both stores answer")
    assert "Store Utrecht" in panel.text
    assert "Store Malmö" in panel.text
    amount = panel.find_element(By.ID, "amount")
    amount.clear()
    amount.send_keys("1")
    _until(page, lambda _: "Yes, we have that many" in panel.text, "one is there")
    delivery = panel.find_element(By.ID, "delivery")
    _until(page, lambda _: delivery.text not in {"", "–"}, "a day of delivery")
