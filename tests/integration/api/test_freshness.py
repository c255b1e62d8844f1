"""How old a figure may grow is decided by stock class, and every answer says how old it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.domain.stock import Product
from tests.gateway_server import ALL, CHECKOUT, NOON_MS, Gateway
from tests.priced_gateway import CHANNELS
from tests.priced_gateway import fill as fill_prices
from tests.promising_gateway import line, promising, reserve

CLASSES = {
    "fish": {"fresh_for": "1m", "stale_for": "1h", "when_expired": "refuse"},
    "fruit": {"fresh_for": "10m", "stale_for": "1h", "when_expired": "on_request"},
    "nails": {"fresh_for": "20h"},
}
MINUTE_MS = 60_000


@pytest.fixture
async def gateway(redis_url: str, database: str) -> AsyncIterator[Gateway]:
    sections = {"freshness": {"classes": CLASSES}, "channels": CHANNELS}
    async with promising(redis_url, database, **sections) as gateway:
        await fill_prices(gateway)
        await gateway.store.verify(NOON_MS)
        for name in CLASSES:
            await gateway.store.stock(name, {"W1": 30}, Product(stock_class=name, tax_rate="0"))
        await gateway.store.stock("plain", {"W1": 30})
        await gateway.refresh()
        await gateway.keep()
        yield gateway


async def words(gateway: Gateway) -> dict[str, str]:
    query = "&".join(f"sku={name}" for name in (*CLASSES, "plain"))
    items = (await gateway.ask(f"/v1/stock?{query}")).json["items"]
    return {
        item["sku"]: item["error"]["type"] if "error" in item else item["freshness"]
        for item in items
    }


async def test_each_class_ages_at_its_own_pace(gateway: Gateway) -> None:
    everything = {"fish": "fresh", "fruit": "fresh", "nails": "fresh", "plain": "fresh"}
    assert await words(gateway) == everything
    gateway.clock.now_ms = NOON_MS + 11 * MINUTE_MS
    assert await words(gateway) == everything | {"fish": "stale", "fruit": "stale"}
    gateway.clock.now_ms = NOON_MS + 61 * MINUTE_MS
    assert await words(gateway) == {
        "fish": "/problems/not-ready",
        "fruit": "expired",
        "nails": "fresh",
        "plain": "stale",
    }


async def test_age_and_ttl_are_those_of_what_is_oldest_and_of_what_goes_first(
    gateway: Gateway,
) -> None:
    gateway.clock.now_ms = NOON_MS + 5 * MINUTE_MS
    for path, status in (
        ("/v1/stock?sku=nails&sku=plain", "stockspan; hit"),
        ("/v1/stock?sku=nails&sku=fish", "stockspan; hit; ttl=-240"),
    ):
        answer = await gateway.ask(path)
        assert (answer.headers["Age"], answer.headers["Cache-Status"]) == ("300", status)


async def test_only_a_feed_that_stock_comes_from_is_the_reason(gateway: Gateway) -> None:
    gateway.clock.now_ms = NOON_MS + 5 * MINUTE_MS
    for feed, kind, detail in (
        ("erp-prices", "prices", ""),
        ("erp", "stock", "; detail=erp-down"),
    ):
        await gateway.store.verify(NOON_MS, failing=True, feed=feed, kind=kind)
        await gateway.refresh()
        answer = await gateway.ask("/v1/stock/fish")
        assert answer.headers["Cache-Status"] == "stockspan; hit; ttl=-240" + detail


async def test_what_is_refused_is_neither_told_nor_promised(gateway: Gateway) -> None:
    assert (await reserve(gateway, line("fish", 1))).status == 201
    gateway.clock.now_ms = NOON_MS + 61 * MINUTE_MS
    one = await gateway.ask("/v1/stock/fish")
    assert (one.status, one.json["type"]) == (503, "/problems/not-ready")
    assert one.json["detail"] == "The figure of “fish” is older than may be told."
    assert "Retry-After" in one.headers
    many = await gateway.ask("/v1/stock?sku=fish&sku=plain", key=ALL)
    assert many.status == 200
    assert many.json["items"][0] == {
        "sku": "fish",
        "error": {"type": "/problems/not-ready", "title": "Not ready"},
    }
    assert many.json["items"][1]["salable"] == 30
    # As a problem: it may be over in a moment.
    assert many.headers["Cache-Control"] == "no-store"
    refused = await reserve(gateway, line("plain", 1), line("fish", 1))
    assert (refused.status, refused.json["type"]) == (503, "/problems/not-ready")
    assert (await reserve(gateway, line("fruit", 1))).status == 201
    body = {"lines": [{"sku": "fish", "quantity": 1}, {"sku": "plain", "quantity": 1}]}
    cart = await gateway.ask("/v1/checkout", "POST", key=CHECKOUT, json=body)
    fish, plain = cart.json["lines"]
    assert (fish["stock"], fish["confirmed"]) == (None, False)
    assert "/problems/not-ready" in {error["type"] for error in fish["errors"]}
    assert plain["stock"]["status"] == "in_stock"


async def test_what_is_withheld_can_be_asked_for(gateway: Gateway) -> None:
    gateway.clock.now_ms = NOON_MS + 61 * MINUTE_MS
    item = (await gateway.ask("/v1/stock/fruit")).json
    assert (item["status"], item["span"]) == ("on_request", None)
