"""`<stock-badge>` by itself: how it asks, what it never shows, what it keeps and for how long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from stockspan.embedded.ports import HOST, free_port
from tests.running_demo import RunningDemo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_SECONDS = 30

_ADD = """
const [skus, attributes] = arguments;
document.body.replaceChildren(...skus.map((sku) => {
  const badge = document.createElement("stock-badge");
  const all = Object.entries({ sku, ...attributes });
  for (const [name, value] of all) badge.setAttribute(name, value);
  return badge;
}));
"""
_LABELS = """
return [...document.querySelectorAll("stock-badge")].map(
  (badge) => badge.shadowRoot.querySelector("[part=label]").textContent);
"""
_ASKED = """
return performance.getEntriesByType("resource").map((entry) => entry.name)
  .filter((name) => name.includes("/v1/stock?"));
"""


def _until(browser: Chrome, condition: Callable[[Chrome], object], what: str) -> None:
    WebDriverWait(browser, _SECONDS, poll_frequency=0.05).until(condition, what)


def _labels(browser: Chrome) -> list[str]:
    labels: list[str] = browser.execute_script(_LABELS)
    return labels


def _asked(browser: Chrome) -> list[list[str]]:
    return [parse_qs(urlsplit(url).query)["sku"] for url in browser.execute_script(_ASKED)]


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><html><body></body></html>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of a page that is neither the shop's nor the gateway's."""
    with ThreadingHTTPServer((HOST, 0), _EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{HOST}:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Chrome, demo: RunningDemo, elsewhere: str) -> Chrome:
    """An empty page of another origin that knows the element."""
    browser.get(elsewhere)
    browser.execute_async_script(
        "import(arguments[0]).then(arguments[1])", f"{demo.facts['gateway']}/badge.js"
    )
    return browser


def _add(browser: Chrome, *skus: str, **attributes: str) -> None:
    browser.execute_script(_ADD, list(skus), attributes)


def test_many_badges_are_asked_for_by_the_hundred(page: Chrome, demo: RunningDemo) -> None:
    skus = demo.facts["sample"]["skus"][:150]
    _add(page, *skus, locale="en")
    _until(page, lambda browser: all(_labels(browser)), "all 150 are shown")
    first, second = sorted(_asked(page)[:2], key=len)
    assert (len(first), len(second)) == (50, 100)
    assert sorted(first + second) == sorted(skus)


def test_same_sku_twice_is_asked_once(page: Chrome) -> None:
    _add(page, "A-105", "A-105", locale="en")
    _until(page, lambda browser: _labels(browser) == ["Discontinued"] * 2, "both are shown")
    assert _asked(page)[0] == ["A-105"]


def test_one_that_comes_later_joins(page: Chrome) -> None:
    _add(page, "A-105", locale="en")
    _until(page, lambda browser: all(_labels(browser)), "the first is shown")
    page.execute_script(
        "const late = document.createElement('stock-badge');"
        "late.setAttribute('sku', 'A-103'); late.setAttribute('locale', 'en');"
        "document.body.append(late);"
    )
    _until(page, lambda browser: all(_labels(browser)), "the later one is shown")
    _until(page, lambda browser: ["A-105", "A-103"] in _asked(browser), "then both are asked for")


def test_attributes_choose_channel_and_language(page: Chrome) -> None:
    _add(page, "A-105", channel="se")
    page.execute_script("document.documentElement.lang = 'de'")
    _add(page, "A-105", channel="se", locale="sv")
    _until(page, lambda browser: _labels(browser) == ["Utgått"], "Swedish")
    page.execute_script("document.querySelector('stock-badge').setAttribute('sku', 'A-103')")
    _until(page, lambda browser: _labels(browser) == ["Beställningsvara"], "the other SKU")


def test_without_locale_the_pages_language_counts(page: Chrome) -> None:
    page.execute_script("document.documentElement.lang = 'sv'")
    _add(page, "A-105")
    _until(page, lambda browser: _labels(browser) == ["Utgått"], "Swedish, as the page")


@pytest.mark.parametrize("sku", ["NO-SUCH", '"><img src=x>', "x" * 65, " "])
def test_shows_nothing_for_what_is_unknown_and_the_others_all_the_same(
    page: Chrome, sku: str
) -> None:
    _add(page, "A-105", sku, "A-103", locale="en")
    _until(
        page,
        lambda browser: _labels(browser) == ["Discontinued", "", "Available to order"],
        "only the known ones are shown",
    )
    widths: list[Any] = page.execute_script(
        "return [...document.querySelectorAll('stock-badge')].map((badge) => badge.offsetWidth)"
    )
    assert widths[1] == 0
    assert widths[0] > 0


def test_shows_nothing_without_a_gateway(page: Chrome) -> None:
    page.execute_script(
        "const real = window.fetch; window.failed = 0;"
        "window.fetch = (...all) => real(...all).catch((e) => { window.failed++; throw e; });"
    )
    _add(page, "A-105", gateway=f"http://{HOST}:{free_port()}/")
    _until(page, lambda browser: browser.execute_script("return window.failed") > 0, "it asked")
    assert _labels(page) == [""]


def test_keeps_the_last_answer_for_minutes_and_no_longer(page: Chrome) -> None:
    _add(page, "A-105", locale="en")
    _until(page, lambda browser: _labels(browser) == ["Discontinued"], "it is shown")
    page.execute_script(
        "window.failed = 0; window.fetch = async () => { window.failed++; throw new TypeError(); }"
    )
    _until(
        page, lambda browser: browser.execute_script("return window.failed") > 0, "asked in vain"
    )
    assert _labels(page) == ["Discontinued"]
    page.execute_script("const now = Date.now; Date.now = () => now() + 6 * 60_000")
    _until(page, lambda browser: _labels(browser) == [""], "it is hidden")


def test_only_changes_are_read_out(page: Chrome) -> None:
    page.execute_script(
        "window.live = [];"
        "document.addEventListener('stock-change', ({ target }) => window.live.push("
        "  target.shadowRoot.querySelector('[part=label]').getAttribute('aria-live')));"
    )
    _add(page, "A-105", locale="en")
    _until(page, lambda browser: _labels(browser) == ["Discontinued"], "it is shown")
    page.execute_script("document.querySelector('stock-badge').setAttribute('locale', 'sv')")
    _until(page, lambda browser: _labels(browser) == ["Utgått"], "it has changed")
    assert page.execute_script("return window.live") == [None, "polite"]
