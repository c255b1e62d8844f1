"""What changes with the clock alone: each answer is right at its moment, though nobody wrote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from gateway.domain.stock import Incoming, Product, ProductStatus, StockLevel
from tests.gateway_server import ANY, Gateway, running
from tests.priced_gateway import ms, priced

# Monday, in a zone that is an hour ahead of UTC.
CUT_OFF, MIDNIGHT = ms("2026-11-23T13:00:00"), ms("2026-11-23T23:00:00")
STOCKHOLM = {
    "currency": "SEK",
    "locale": "sv",
    "timezone": "Europe/Stockholm",
    "cut_off": "14:00",
}


def earliest(item: dict[str, Any]) -> object:
    return item["delivery"] and item["delivery"]["earliest"]


def status(item: dict[str, Any]) -> object:
    return item["status"]


@pytest.mark.parametrize(
    ("sku", "moment", "shown", "before", "after"),
    [
        ("here", CUT_OFF, earliest, "2026-11-23", "2026-11-24"),
        ("here", MIDNIGHT, earliest, "2026-11-24", "2026-11-24"),
        ("soon", MIDNIGHT, status, "preorder", "in_stock"),
        ("coming", MIDNIGHT, earliest, "2026-11-24", None),
    ],
)
async def test_stock_changes_at_its_moment(
    redis_url: str,
    sku: str,
    moment: int,
    shown: Callable[[dict[str, Any]], object],
    before: object,
    after: object,
) -> None:
    async with running(redis_url, channels={"se": STOCKHOLM}) as gateway:
        await gateway.store.verify(moment)
        await gateway.store.stock("here", {"W1": 30})
        preorder = Product(status=ProductStatus.PREORDER, available_from="2026-11-24")
        await gateway.store.stock("soon", {"W1": 30}, preorder)
        supply = (Incoming(50_000, date(2026, 11, 23)),)
        await gateway.store.stock("coming", {"W1": StockLevel(0, incoming=supply)})
        await gateway.attend()
        gateway.clock.now_ms = moment - 1
        early = await gateway.ask(f"/v1/stock/{sku}")
        gateway.clock.now_ms = moment
        known = {"If-None-Match": early.headers["ETag"]}
        late = await gateway.ask(f"/v1/stock/{sku}", headers=known)
        assert shown(early.json) == before
        # A copy from before is good as long as what it says is, and no longer.
        assert late.status == (304 if before == after else 200)
        assert before == after or shown(late.json) == after


@pytest.mark.parametrize(
    ("moment", "before", "after"),
    [
        ("2026-12-31T23:00:00", ("contract-42", "85.00"), ("base", "100.00")),
        ("2027-03-01T00:00:00", ("base", "100.00"), ("spring", "60.00")),
        ("2027-06-01T00:00:00", ("spring", "60.00"), ("base", "100.00")),
    ],
)
async def test_prices_change_at_their_moment_in_copies_too(
    redis_url: str, moment: str, before: tuple[str, str], after: tuple[str, str]
) -> None:
    async with priced(redis_url) as gateway:
        await gateway.listen()
        gateway.clock.now_ms = ms(moment) - 1
        for _ in range(2):  # from the store, and from the worker's copies
            assert await _price(gateway) == before
        gateway.clock.now_ms = ms(moment)
        assert await _price(gateway) == after


async def _price(gateway: Gateway) -> tuple[str, str]:
    answer = await gateway.ask("/v1/prices?sku=A-100&customer=C-1", key=ANY)
    return answer.json["price_list"], answer.json["unit_price"]["amount"]
