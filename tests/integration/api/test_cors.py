from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.gateway_server import NOON_MS, Gateway, running

SHOP, OTHER = "https://shop.example", "https://other.example"
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Origin": SHOP}


@pytest.fixture
async def listed(redis_url: str) -> AsyncIterator[Gateway]:
    """A gateway that one origin alone may read."""
    async with running(redis_url, gateway={"cors_origins": [SHOP]}) as gateway:
        await gateway.store.verify(NOON_MS)
        await gateway.store.stock("A", {"W1": 30})
        await gateway.refresh()
        yield gateway


@pytest.mark.parametrize(
    "path", ["/v1/stock/A-100", "/v1/stock?sku=A-100", "/v1/stock/X", "/v1/stock", "/badge.js"]
)
async def test_any_page_may_read_what_is_public_errors_too(gateway: Gateway, path: str) -> None:
    headers = (await gateway.ask(path, headers={"Origin": SHOP})).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Expose-Headers"] == "ETag, Age, Cache-Status"
    assert "Access-Control-Allow-Credentials" not in headers
    assert "Origin" not in headers.get("Vary", "")


@pytest.mark.parametrize("path", ["/v1/stock/A-100", "/v1/stock", "/v1/stock/query"])
async def test_a_browser_may_ask_whether_it_may_ask(gateway: Gateway, path: str) -> None:
    answer = await gateway.ask(path, "OPTIONS", headers=PREFLIGHT)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert set(allowed) == {"Content-Type", "Authorization", "If-None-Match", "Accept-Language"}


@pytest.mark.parametrize("path", ["/readyz", "/metrics", "/openapi.json", "/badge.js", "/docs"])
async def test_nothing_else_takes_options(gateway: Gateway, path: str) -> None:
    assert (await gateway.ask(path, "OPTIONS", headers=PREFLIGHT)).status == 405


async def test_operating_is_not_for_other_pages(gateway: Gateway) -> None:
    for path in ("/readyz", "/metrics"):
        answer = await gateway.ask(path, headers={"Origin": SHOP})
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_only_a_listed_origin_may_read(listed: Gateway) -> None:
    mine = await listed.ask("/v1/stock/A", headers={"Origin": SHOP})
    assert mine.headers["Access-Control-Allow-Origin"] == SHOP
    for origin in (OTHER, SHOP + ".evil.example", "null", SHOP.upper()):
        other = await listed.ask("/v1/stock/A", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in other.headers
        asked = PREFLIGHT | {"Origin": origin}
        preflight = await listed.ask("/v1/stock/A", "OPTIONS", headers=asked)
        assert not [name for name in preflight.headers if name.startswith("Access-Control")]


async def test_caches_keep_listed_origins_apart(listed: Gateway) -> None:
    for path in ("/v1/stock/A", "/v1/stock/X"):
        answer = await listed.ask(path)
        assert answer.headers["Vary"] == "Accept-Language, Authorization, Origin"
    assert (await listed.ask("/badge.js")).headers["Vary"] == "Origin"
