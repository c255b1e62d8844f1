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
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.demo.pages import press
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
_PRICE = """
const card = document.querySelector(`#grid li:has(stock-badge[sku="${arguments[0]}"])`);
return card?.querySelector(".price").innerText ?? "";
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
    Select(page.find_element(By.ID, "sell-article")).select_by_value(_STILL)
    press(page, "#sell")
    _until(page, _label_is(_STILL, "Out of stock"), "the last one is sold")
    assert _in_erp(demo, count, _STILL) == before + 1
    strip = page.find_element(By.ID, "till")
    _until(page, lambda _: _STILL in strip.text, "the strip tells of the sale")


def _speaks(locale: str) -> Callable[[Chrome], bool]:
    return lambda browser: browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == locale


def test_language_changes_page_and_badges(page: Chrome) -> None:
    words = {"sv": "Utgått", "nl": "Uit assortiment", "de": "Ausgelaufen"}
    for locale in ("sv", "nl", "ro", "de"):
        Select(page.find_element(By.ID, "language")).select_by_value(locale)
        # Its words are fetched first.
        _until(page, _speaks(locale), f"the page speaks {locale}")
        _until(page, lambda browser: _badges(browser)["A-105"]["label"] != "Discontinued", locale)
        _until(page, _all_shown, "all badges speak it")
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


def _card(browser: Chrome, sku: str) -> WebElement:
    return browser.find_element(By.XPATH, f"//li[.//stock-badge[@sku='{sku}']]")


def _price(browser: Chrome, sku: str) -> str:
    # In one go: the page makes its cards anew when the language changes.
    shown: str = browser.execute_script(_PRICE, sku)
    return shown.replace("\u00a0", " ")


def _price_says(sku: str, *words: str) -> Callable[[Chrome], bool]:
    return lambda browser: all(word in _price(browser, sku) for word in words)


def _look_as(browser: Chrome, value: str) -> None:
    Select(browser.find_element(By.ID, "buyer")).select_by_value(value)


def _set_quantity(browser: Chrome, sku: str, quantity: str) -> None:
    box = _card(browser, sku).find_element(By.CSS_SELECTOR, ".quantity input")
    browser.execute_script(
        "arguments[0].value = arguments[1];"
        "arguments[0].dispatchEvent(new Event('input', { bubbles: true }));",
        box,
        quantity,
    )


def _open_why(browser: Chrome, sku: str) -> WebElement:
    # By keyboard, as one who has no mouse does it.
    why = _card(browser, sku).find_element(By.CSS_SELECTOR, ".why")
    _until(browser, lambda _: why.is_enabled(), "there is something to explain")
    why.send_keys(Keys.ENTER)
    dialog = browser.find_element(By.ID, "why")
    found = (By.CSS_SELECTOR, "#considered li")
    _until(browser, lambda _: dialog.find_elements(*found), "the explanation is there")
    return dialog


def _close(browser: Chrome, dialog: WebElement) -> None:
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    _until(browser, lambda _: not dialog.is_displayed(), "it is closed")


def test_choosing_a_customer_changes_the_prices(page: Chrome) -> None:
    _until(page, _price_says("A-100", "€289.00", "List price"), "the list price")
    _until(page, _price_says("E-102", "Not available to this customer"), "the wallbox is closed")
    heights = "return [...document.querySelectorAll('.price')].map((price) => price.offsetHeight)"
    before = page.execute_script(heights)
    _look_as(page, "10001")
    _until(page, _price_says("A-100", "€248.50", "€289.00", "Your agreement"), "the agreed price")
    _until(page, _price_says("E-102", "€"), "the wallbox is open to electricians")
    assert page.execute_script(heights) == before, "nothing jumps"
    assert "Electrical contractors" in page.find_element(By.ID, "buyer-facts").text
    _look_as(page, "10002")
    _until(page, _price_says("A-100", "SEK"), "the Swedish price")
    assert _card(page, "A-100").find_element(By.TAG_NAME, "stock-badge").get_attribute("channel")
    _look_as(page, "se")
    _until(page, _price_says("A-100", "SEK 3,239", "List price"), "the Swedish list price")
    _look_as(page, "10009")
    _until(page, _price_says("A-100", "Not available to this customer"), "a closed account")
    assert "account closed" in page.find_element(By.ID, "buyer-facts").text
    page.refresh()
    _until(page, _price_says("A-100", "Not available to this customer"), "the same after a reload")
    _look_as(page, "eu")
    _until(page, _price_says("A-100", "€289.00"), "the list price again")


def test_quantity_changes_the_price(page: Chrome) -> None:
    _look_as(page, "10001")
    _until(page, _price_says("C-100", "€0.0685", "= €6.85"), "the price of a hundred")
    _set_quantity(page, "C-100", "5000")
    _until(page, _price_says("C-100", "€0.0551", "= €275.50"), "the price of five thousand")
    for wrong in ("", "0", "-3"):
        _set_quantity(page, "C-100", wrong)
        _until(page, _price_says("C-100", "–"), "no price for no quantity")
    _set_quantity(page, "C-100", "100")
    _until(page, _price_says("C-100", "€0.0685"), "the first price again")


def test_explanation_says_why(page: Chrome) -> None:
    _look_as(page, "10001")
    _until(page, _price_says("A-100", "Your agreement"), "the agreed price")
    dialog = _open_why(page, "A-100")
    assert "€248.50" in dialog.find_element(By.ID, "why-price").text
    breaks = [row.text for row in dialog.find_elements(By.CSS_SELECTOR, "#why-breaks tr")]
    assert breaks == ["1 €248.50 –", "5 €234.10 5.8 %"]
    current = dialog.find_element(By.CSS_SELECTOR, "#why-order [aria-current]")
    assert current.text == "Your agreement"
    lines = [line.text for line in dialog.find_elements(By.CSS_SELECTOR, "#considered li")]
    assert "Agreement with Kramer Elektrotechniek BV" in lines[0]
    assert "This is your price: What was agreed with you comes before" in lines[0]
    assert any("Price list EUR" in line and "is closer to you than" in line for line in lines)
    assert any("Only from 5 on." in line for line in lines)
    assert not [line for line in lines if "undefined" in line]
    _close(page, dialog)
    focused = page.switch_to.active_element
    assert focused.get_attribute("class") == "why", "one is back where one was"


def test_explanation_is_there_in_every_language(page: Chrome) -> None:
    words = {
        "sv": ("Antal", "Ditt avtal"),
        "nl": ("Aantal", "Uw overeenkomst"),
        "ro": ("Cantitate", "Contractul dvs."),
        "de": ("Menge", "Ihre Vereinbarung"),
        "en": ("Quantity", "Your agreement"),
    }
    _look_as(page, "10005")
    for locale, said in words.items():
        Select(page.find_element(By.ID, "language")).select_by_value(locale)
        _until(page, _price_says("C-101", *said), locale)
        dialog = _open_why(page, "C-101")
        assert dialog.find_elements(By.CSS_SELECTOR, "#considered li.lost")
        assert "undefined" not in dialog.text
        _close(page, dialog)


def test_price_follows_the_erp(page: Chrome, demo: RunningDemo) -> None:
    line = "book_code = 'AGR-10001' AND item_no = 'E-102'"
    was = _in_erp(demo, f"SELECT price FROM price_line WHERE {line}")
    _look_as(page, "10001")
    _until(page, _price_says("E-102", "Your agreement"), "the agreed price")
    dialog = _open_why(page, "E-102")
    try:
        _in_erp(demo, f"UPDATE price_line SET price = 612.34 WHERE {line}")
        _until(page, lambda _: "€612.34" in dialog.text, "the explanation follows")
        _close(page, dialog)
        _until(page, _price_says("E-102", "€612.34"), "the card follows")
    finally:
        _in_erp(demo, f"UPDATE price_line SET price = {was} WHERE {line}")
