"""The ERP is broken on the shop's page: the shop goes on, says how old it is, and catches up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.demo.pages import Cart, press, put_in_erp, until_shown
from tests.running_demo import RunningDemo, post, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

# On the first page, but not of class A: the till leaves it alone. No other test looks at it either:
# what is ordered here leaves the shelf half a minute later.
_SKU = "C-102"


def _line(browser: Chrome) -> str:
    return browser.find_element(By.ID, "counter").text


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
    put_in_erp(demo, _SKU, 7)
    until(lambda: demo.stock(_SKU).get("salable") == 7, "the gateway has the figure", 60)
    browser.get(demo.facts["shop"] + "?as=10001")
    until_shown(browser, lambda _: "5+ available" in _card(browser, "badge"), "the badge is there")
    until_shown(browser, lambda _: "€" in _card(browser, "price"), "the price is there")
    until_shown(browser, lambda _: "The ERP is connected" in _line(browser), "it is connected")
    press(browser, "#conditions [data-condition=down]")
    until_shown(browser, lambda _: "The ERP is not heard since" in _line(browser), "it is away")
    try:
        yield browser
    finally:
        mend = '{"condition": "up"}'
        post(demo.facts["shop"] + "/erp", mend, {"Content-Type": "application/json"})


def test_the_shop_goes_on_and_catches_up(broken: Chrome, demo: RunningDemo) -> None:
    price = _card(broken, "price")
    until_shown(broken, lambda _: " sec old)" in _line(broken), "its age is shown")
    until_shown(broken, lambda _: "Stock as of" in _line(broken), "that of stock")
    until_shown(broken, lambda _: "Prices as of" in _line(broken), "and that of prices")
    put_in_erp(demo, _SKU, 0)  # in the ERP, which nobody here can see now

    assert "The ERP refuses every call. The shop goes on" in _line(broken)

    cart = Cart(broken)
    press(broken, f"""#grid li:has(stock-badge[sku="{_SKU}"]) .add""")
    cart.open()
    cart.reserve()
    press(broken, "#entries .confirm")
    cart.wait_state("confirmed")
    cart.wait(lambda one: "it will be told when it is back" in one["story"], "the order waits")
    cart.close()
    assert "5+ available" in _card(broken, "badge"), "six are left, as far as is known"
    assert _card(broken, "price") == price
    assert demo.price(_SKU, "10001")["freshness"] == "fresh"

    press(broken, "#conditions [data-condition=up]")
    until_shown(broken, lambda _: "all has caught up within" in _line(broken), "it has caught up")
    until_shown(broken, lambda _: "5+ available" not in _card(broken, "badge"), "so has the badge")
