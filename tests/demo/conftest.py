"""A shared demo, and Debian's chromium, headless, with a fresh profile.

Tests that need the browser are skipped where it is missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.running_demo import RunningDemo

_BROWSER = Path("/usr/bin/chromium")
_DRIVER = Path("/usr/bin/chromedriver")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1400",
    "--lang=en",
)


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A whole demo with its sample ERP, shared: tests leave its processes running."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    running = RunningDemo(folder, env=dict(os.environ))
    try:
        yield running.wait_ready()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def browser(chromium: Chrome) -> Iterator[Chrome]:
    """A tab for a module's tests, each of which opens the page it needs; then it is gone: a page
    that goes on polling would take a good part of a core, and what a page keeps is its tab's."""
    first = chromium.current_window_handle
    chromium.switch_to.new_window("tab")
    yield chromium
    chromium.close()
    chromium.switch_to.window(first)


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One for all, as its start takes seconds."""
    missing = [str(path) for path in (_BROWSER, _DRIVER) if not path.exists()]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} (Debian: apt-get install chromium-driver)")
    options = ChromeOptions()
    options.binary_location = str(_BROWSER)
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options=options, service=Service(str(_DRIVER)))
    try:
        yield chrome
    finally:
        chrome.quit()
