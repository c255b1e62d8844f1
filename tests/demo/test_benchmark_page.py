"""The page of charts in a real browser, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from benchmarks import page
from tests.measured import RESULTS

pytestmark = pytest.mark.browser

_WIDER = """
return [...document.querySelectorAll('main *')]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(one => one.outerHTML.slice(0, 80))
"""
_COVERED = """
const boxes = [...document.querySelectorAll('svg.curve')].map(
  svg => [...svg.querySelectorAll('text')].map(text => text.getBoundingClientRect()))
return boxes.flatMap(some => some.flatMap((one, at) => some.slice(at + 1).filter(other =>
  one.left < other.right && other.left < one.right &&
  one.top < other.bottom && other.top < one.bottom))).length
"""


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out_or_covers_another(browser: Chrome, tmp_path: Path, width: int) -> None:
    path = tmp_path / "index.html"
    path.write_text(page.page(RESULTS), encoding="utf-8")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        browser.get(path.as_uri())
        assert browser.execute_script(_WIDER) == []
        assert browser.execute_script(_COVERED) == 0
        # In other tabs, shops of other tests look for gateways that have ended.
        messages = browser.get_log("browser")  # type: ignore[no-untyped-call]
        assert [one for one in messages if not one["message"].startswith("http://127.0.0.1:")] == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
