from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.gateway_server import Gateway

ASSETS = {
    "/docs": "text/html; charset=utf-8",
    "/docs.js": "text/javascript; charset=utf-8",
    "/docs.css": "text/css; charset=utf-8",
    "/badge.js": "text/javascript; charset=utf-8",
    "/ops": "text/html; charset=utf-8",
    "/ops/assets/ops.js": "text/javascript; charset=utf-8",
    "/ops/assets/uplot.css": "text/css; charset=utf-8",
    "/openapi.json": "application/json",
    "/problems/unknown-sku": "text/html; charset=utf-8",
}


@pytest.mark.parametrize("path", ASSETS)
async def test_an_asset_is_kept_for_minutes_and_then_compared(gateway: Gateway, path: str) -> None:
    first = await gateway.ask(path)
    assert first.headers["Content-Type"] == ASSETS[path]
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    known = {"If-None-Match": first.headers["ETag"]}
    again = await gateway.ask(path, headers=known)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize("path", ["/docs", "/docs.js", "/docs.css", "/ops", "/problems/not-ready"])
async def test_the_documentation_needs_no_other_host(gateway: Gateway, path: str) -> None:
    body = (await gateway.ask(path)).body.decode()
    assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", body)


@pytest.mark.parametrize("path", ["/docs", "/ops", "/problems/unauthorized"])
async def test_a_page_loads_nothing_that_is_not_served_here(gateway: Gateway, path: str) -> None:
    page = await gateway.ask(path)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for address in _references(page.body.decode()):
        assert (await gateway.ask(address)).status == 200, address


async def test_the_root_leads_to_the_documentation(gateway: Gateway) -> None:
    answer = await gateway.ask("/")
    assert (answer.status, answer.headers["Location"]) == (302, "/docs")


def _references(page: str) -> set[str]:
    found: set[str] = set()

    class References(HTMLParser):
        def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.update(
                value
                for name, value in attrs
                if name in {"href", "src"} and value and value.startswith("/")
            )

    References().feed(page)
    assert found
    return found
