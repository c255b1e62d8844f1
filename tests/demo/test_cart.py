"""The cart in a real browser: reserved, left to expire and confirmed; judged, ordered, followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.demo.pages import Cart, press, put_in_erp, until_shown
from tests.running_demo import RunningDemo, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_SKU = "F-112"  # off the first page and not of class A: the till leaves it alone
_FOUND = 'return [...document.querySelectorAll("#grid .sku")].map((one) => one.textContent)'


def _badge(browser: Chrome) -> str:
    script = "return document.querySelector('#grid stock-badge')?.shadowRoot.textContent ?? ''"
    return str(browser.execute_script(script))


def _find(browser: Chrome, demo: RunningDemo, query: str = "") -> None:
    browser.get(demo.facts["shop"] + query)
    browser.find_element(By.CSS_SELECTOR, "#search input").send_keys(_SKU)
    until_shown(browser, lambda _: browser.execute_script(_FOUND) == [_SKU], "it is found")
    until_shown(browser, lambda _: "5+ available" in _badge(browser), "the badge says so")


def _add(browser: Chrome, amount: str) -> None:
    box = browser.find_element(By.CSS_SELECTOR, "#grid .quantity input")
    box.clear()
    box.send_keys(amount)
    press(browser, "#grid .add")


@pytest.fixture
def page(browser: Chrome, demo: RunningDemo) -> Iterator[Chrome]:
    """The shop with one article, an empty cart, and no complaint in the console at the end."""
    put_in_erp(demo, _SKU, 5)
    until(lambda: demo.stock(_SKU).get("salable") == 5, "the gateway has the figure", 60)
    browser.get(demo.facts["shop"] + "/shop.css")  # where no script remembers anything meanwhile
    browser.execute_script("sessionStorage.clear()")
    browser.execute("getLog", {"type": "browser"})  # what was said is not this page's
    _find(browser, demo)
    yield browser
    log: list[dict[str, Any]] = browser.execute("getLog", {"type": "browser"})["value"]
    assert [line for line in log if line["level"] == "SEVERE"] == []


def test_a_hold_expires_goes_back_into_the_cart_and_is_ordered(
    page: Chrome, demo: RunningDemo
) -> None:
    _find(page, demo, "?hold=4")
    cart = Cart(page)
    _add(page, "2")
    cart.open()
    cart.reserve()
    entry = cart.entry
    assert entry["left"].startswith("00:0"), "seconds, counted down"
    assert page.find_element(By.CSS_SELECTOR, "#entries .left").aria_role == "timer"
    cart.wait_state("expired")
    assert "2 went back on sale. Nothing was ordered." in cart.entry["story"]
    assert page.find_element(By.ID, "cart-status").get_attribute("aria-live") == "polite"
    assert cart.lines == []
    press(page, "#entries .again")
    until_shown(page, lambda _: [line["amount"] for line in cart.lines] == ["2"], "it is back")
    assert cart.entries == []

    cart.reserve()
    press(page, "#entries .confirm")
    cart.wait_state("confirmed")
    entry = cart.entry
    number = entry["story"].split()[1].rstrip(":")
    assert entry["title"] == f"Thank you. Your order is {number}."
    assert "confirmed, 2 taken by us" in entry["story"]
    assert entry["left"] == ""
    cart.wait_state("acknowledged")
    cart.wait(lambda one: "ours counts no more" in one["story"], "the ERP's figure has it")
    told = {"before": ["5", "− 2", "= 3"], "after": ["3", "− 0", "= 3"]}
    cart.wait(lambda one: one["rows"] == told, "before and after")
    cart.close()
    said = set()
    for locale in ("sv", "nl", "ro", "de"):
        Select(page.find_element(By.ID, "language")).select_by_value(locale)
        said.add(entry["story"])
        cart.wait(lambda one: number in one["story"] and one["story"] not in said, locale)
        entry = cart.entry
        assert "undefined" not in page.find_element(By.TAG_NAME, "body").text


def test_what_is_reserved_outlives_a_reload_and_can_be_given_back(
    page: Chrome, demo: RunningDemo
) -> None:
    cart = Cart(page)
    _add(page, "1")
    cart.open()
    cart.reserve()
    until_shown(page, lambda _: "Few left" in _badge(page), "the badge follows")
    entry = cart.entry
    assert entry["left"].startswith("01:"), "two minutes, counted down"
    cart.wait(lambda one: one["left"] != entry["left"], "it counts")
    cart.wait(lambda one: one["rows"] == {"now": ["5", "− 1", "= 4"]}, "the figures")
    assert [step.partition(":")[0] for step in cart.entry["steps"]] == ["Confirm", "Release"]

    page.refresh()
    cart.wait_state("held")
    left = page.find_element(By.ID, "cart-left")
    until_shown(page, lambda _: left.text.startswith("01:"), "the page says how long yet")
    cart.open()
    press(page, "#entries [data-step=release]")
    cart.wait_state("released")
    status = page.find_element(By.ID, "cart-status").get_attribute("textContent")
    assert str(status).endswith(": released")
    press(page, "#entries .remove")
    until_shown(page, lambda _: cart.entries == [], "the cart is empty")
    assert "Nothing in it yet" in page.find_element(By.ID, "cart").text


def test_what_cannot_be_bought_is_said_line_by_line(page: Chrome) -> None:
    cart = Cart(page)
    _add(page, "4000")
    cart.open()
    short = "We do not have that many: 5+ available."
    until_shown(page, lambda _: [line["trouble"] for line in cart.lines] == [short], "it is said")
    assert not page.find_element(By.ID, "reserve").is_enabled()
    assert "Please change what is marked" in page.find_element(By.ID, "summary").text
    box = page.find_element(By.CSS_SELECTOR, "#cart-lines input")
    box.clear()
    box.send_keys("3\n")
    until_shown(page, lambda _: [line["trouble"] for line in cart.lines] == [""], "now it will do")
    until_shown(page, lambda _: "€" in cart.lines[0]["sum"], "and has a price")
    press(page, "#cart-lines .drop")
    assert cart.lines == []
    cart.close()
    page.find_element(By.CSS_SELECTOR, "#grid .quantity input").clear()
    press(page, "#grid .add")
    toast = page.find_element(By.ID, "toast")
    until_shown(page, lambda _: "How many?" in toast.text, "a quantity is asked for")


def test_panel_buys_as_many_as_it_says(page: Chrome) -> None:
    cart = Cart(page)
    press(page, "#grid .open")
    amount = page.find_element(By.ID, "amount")
    until_shown(page, lambda _: amount.is_displayed(), "the panel is open")
    amount.clear()
    amount.send_keys("2")
    press(page, "#panel-add")
    assert [line["amount"] for line in cart.lines] == ["2"]
    cart.close()
    cart.open()
    press(page, "#cart-lines .more")
    until_shown(page, lambda _: cart.lines[0]["amount"] == "3", "one more")
