"""The cart in a real browser: reserved and given back; ordered, and followed to the ERP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.demo.pages import put_in_erp, until_shown
from tests.running_demo import RunningDemo, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_SKU = "F-112"  # off the first page and not of class A: the till leaves it alone

_SHOWN = """
return [...document.querySelectorAll("#entries > li")].map((entry) => ({
  state: entry.dataset.state,
  text: entry.innerText,
  left: entry.querySelector(".left").textContent,
  story: entry.querySelector(".story").textContent,
  rows: Object.fromEntries([...entry.querySelectorAll("tbody tr")]
    .filter((row) => row.checkVisibility())
    .map((row) => [row.className, [...row.querySelectorAll("td")].map((one) => one.textContent)])),
  steps: [...entry.querySelectorAll("button")].filter((one) => one.checkVisibility())
    .map((one) => one.ariaLabel),
}));
"""

_FOUND = 'return [...document.querySelectorAll("#grid .sku")].map((one) => one.textContent)'


def _entries(browser: Chrome) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = browser.execute_script(_SHOWN)
    return shown


def _entry(browser: Chrome) -> dict[str, Any]:
    (entry,) = _entries(browser)
    return entry


def _state_is(state: str) -> Callable[[Chrome], bool]:
    return lambda browser: [entry["state"] for entry in _entries(browser)] == [state]


def _badge(browser: Chrome) -> str:
    script = "return document.querySelector('#grid stock-badge')?.shadowRoot.textContent ?? ''"
    return str(browser.execute_script(script))


def _put(demo: RunningDemo, units: int) -> None:
    put_in_erp(demo, _SKU, units)
    until(lambda: demo.stock(_SKU).get("salable") == units, "the gateway has the figure", 60)


def _find(browser: Chrome, demo: RunningDemo) -> None:
    browser.get(demo.facts["shop"])
    browser.find_element(By.CSS_SELECTOR, "#search input").send_keys(_SKU)
    until_shown(browser, lambda _: browser.execute_script(_FOUND) == [_SKU], "it is found")


def _press(browser: Chrome, selector: str) -> None:
    # By keyboard, as one who has no mouse does it.
    browser.find_element(By.CSS_SELECTOR, selector).send_keys(Keys.ENTER)


@pytest.fixture
def page(browser: Chrome, demo: RunningDemo) -> Iterator[Chrome]:
    """The shop with one article, an empty cart, and no complaint in the console at the end."""
    _put(demo, 5)
    _find(browser, demo)
    browser.execute_script("sessionStorage.clear()")
    browser.get("about:blank")
    browser.execute("getLog", {"type": "browser"})  # what was said is not this page's
    _find(browser, demo)
    until_shown(browser, lambda _: "5+ available" in _badge(browser), "the badge says so")
    assert _entries(browser) == []
    yield browser
    log: list[dict[str, Any]] = browser.execute("getLog", {"type": "browser"})["value"]
    assert [line for line in log if line["level"] == "SEVERE"] == []


def test_what_is_reserved_is_held_and_can_be_given_back(page: Chrome, demo: RunningDemo) -> None:
    cart = page.find_element(By.ID, "cart")
    assert "Nothing yet" in cart.text
    _press(page, "#grid .reserve")
    until_shown(page, _state_is("held"), "it is held")
    until_shown(page, lambda _: "Few left" in _badge(page), "the badge follows")
    entry = _entry(page)
    assert entry["left"].startswith("01:"), "two minutes, counted down"
    until_shown(page, lambda _: _entry(page)["left"] != entry["left"], "it counts")
    until_shown(page, lambda _: _entry(page)["rows"] == {"now": ["5", "− 1", "= 4"]}, "the figures")
    name = page.find_element(By.CSS_SELECTOR, "#grid .name").text
    assert [step.partition(":")[0] for step in _entry(page)["steps"]] == ["Confirm", "Release"]
    assert all(step.endswith(name) for step in _entry(page)["steps"])

    _find(page, demo)
    until_shown(page, _state_is("held"), "it is there after a reload")
    _press(page, "#entries [data-step=release]")
    until_shown(page, _state_is("released"), "it is given back")
    status = page.find_element(By.ID, "cart-status")
    assert status.get_attribute("textContent") == f"{name}: released"
    assert status.get_attribute("aria-live") == "polite"
    until_shown(page, lambda _: "5+ available" in _badge(page), "the badge follows again")
    _press(page, "#entries .remove")
    until_shown(page, lambda _: _entries(page) == [], "the cart is empty")


def test_an_order_is_followed_until_the_erp_has_it(page: Chrome) -> None:
    box = page.find_element(By.CSS_SELECTOR, "#grid .quantity input")
    box.clear()
    box.send_keys("3")
    _press(page, "#grid .reserve")
    until_shown(page, _state_is("held"), "it is held")
    _press(page, "#entries [data-step=confirm]")
    until_shown(page, _state_is("confirmed"), "it is confirmed")
    entry = _entry(page)
    assert "confirmed, 3 taken by us" in entry["story"]
    assert entry["left"] == ""
    until_shown(page, _state_is("acknowledged"), "the ERP has accepted it")
    until_shown(page, lambda _: "ours counts no more" in _entry(page)["story"], "its figure has it")
    until_shown(
        page,
        lambda _: (
            _entry(page)["rows"] == {"before": ["5", "− 3", "= 2"], "after": ["2", "− 0", "= 2"]}
        ),
        "before and after",
    )
    for locale in ("sv", "nl", "ro", "de"):
        Select(page.find_element(By.ID, "language")).select_by_value(locale)
        assert _entry(page)["story"] != entry["story"]
        assert "undefined" not in page.find_element(By.ID, "cart").text
    Select(page.find_element(By.ID, "language")).select_by_value("en")


def test_too_much_is_said_and_nothing_is_held(page: Chrome) -> None:
    box = page.find_element(By.CSS_SELECTOR, "#grid .quantity input")
    box.clear()
    box.send_keys("4000")
    _press(page, "#grid .reserve")
    toast = page.find_element(By.ID, "toast")
    until_shown(page, lambda _: "Not that many are left (5–19)" in toast.text, "it is said")
    assert _entries(page) == []
    page.execute("getLog", {"type": "browser"})  # the browser complains of every 409
    box.clear()
    _press(page, "#grid .reserve")
    until_shown(page, lambda _: "How many?" in toast.text, "a quantity is asked for")


def test_panel_reserves_as_many_as_it_says(page: Chrome) -> None:
    _press(page, "#grid .open")
    amount = page.find_element(By.ID, "amount")
    until_shown(page, lambda _: amount.is_displayed(), "the panel is open")
    amount.clear()
    amount.send_keys("2")
    _press(page, "#panel-reserve")
    until_shown(page, _state_is("held"), "it is held")
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    until_shown(page, lambda _: _entry(page)["rows"] == {"now": ["5", "− 2", "= 3"]}, "the figures")
    _press(page, "#entries [data-step=release]")
    until_shown(page, _state_is("released"), "it is given back")
