"""What is promised is taken off every figure that is told, at the location where it lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.domain.stock import Basis, StockLevel
from tests.gateway_server import ALL, CHECKOUT, EXACT, Gateway
from tests.integration.api.reserving import problem, shop
from tests.promising_gateway import held, line, reserve, salable, step


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn) as gateway:
        yield gateway


async def _at(gateway: Gateway, sku: str, location: str) -> Any:
    answered = await gateway.ask(f"/v1/stock/{sku}?location={location}", key=EXACT)
    return answered.json["salable"]


async def test_it_is_taken_where_it_lies(gateway: Gateway) -> None:
    await held(gateway, line("A-100", 3, "W2"), line("A-100", 2, "S1"))
    assert await salable(gateway, "A-100") == [34]
    at = [await _at(gateway, "A-100", place) for place in ("W1", "W2", "S1")]
    assert at == [7, 27, 1]
    seen = await gateway.ask("/v1/stock/A-100?pickup=true")
    (store,) = seen.json["pickup"]
    assert (store["location"], store["span"]) == ("S1", {"min": 1, "max": 4})
    await held(gateway, line("A-100", 1, "S1"))
    seen = await gateway.ask("/v1/stock/A-100?pickup=true")
    assert seen.json["pickup"][0]["status"] == "out_of_stock"


async def test_all_channels_see_it(gateway: Gateway) -> None:
    await held(gateway, line("A-100", 3), channel="shop")
    for channel in ("web", "shop"):
        answered = await gateway.ask(f"/v1/stock/A-100?channel={channel}", key=EXACT)
        assert answered.json["salable"] == 34


async def test_the_public_sees_spans_of_what_is_left(gateway: Gateway) -> None:
    async def seen() -> tuple[Any, ...]:
        item = (await gateway.ask("/v1/stock/A-100?quantity=5")).json
        return item["status"], item["span"]["min"], item["sufficient"]

    assert await seen() == ("in_stock", 20, True)
    first = await held(gateway, line("A-100", 17))
    assert await seen() == ("in_stock", 20, True)
    await held(gateway, line("A-100", 1))
    assert await seen() == ("in_stock", 5, True)
    await held(gateway, line("A-100", 15))
    assert await seen() == ("limited_availability", 1, False)
    await held(gateway, line("A-100", 4))
    assert await seen() == ("out_of_stock", 0, False)
    await step(gateway, first, "release")
    assert await seen() == ("in_stock", 5, True)


async def test_the_tag_changes_with_what_is_shown_and_not_before(gateway: Gateway) -> None:
    first = await gateway.ask("/v1/stock/A-100")
    tag = first.headers["ETag"]
    known = {"If-None-Match": tag}
    await held(gateway, line("A-100", 17))
    same = await gateway.ask("/v1/stock/A-100", headers=known)
    assert (same.status, same.headers["ETag"]) == (304, tag)
    name = await held(gateway, line("A-100", 1))
    changed = await gateway.ask("/v1/stock/A-100", headers=known)
    assert (changed.status, changed.json["span"]["min"]) == (200, 5)
    await step(gateway, name, "release")
    assert (await gateway.ask("/v1/stock/A-100", headers=known)).status == 304


async def test_what_is_promised_makes_no_figure_younger(gateway: Gateway) -> None:
    gateway.clock.now_ms += 3_600_000
    before = (await gateway.ask("/v1/stock/A-100")).json
    assert before["freshness"] == "stale"
    await held(gateway, line("A-100", 1))
    after = (await gateway.ask("/v1/stock/A-100")).json
    assert (after["as_of"], after["freshness"]) == (before["as_of"], before["freshness"])


async def test_the_checkout_counts_it(gateway: Gateway) -> None:
    async def sufficient(quantity: float) -> bool:
        body = {"lines": [line("few", quantity)]}
        answered = await gateway.ask("/v1/checkout", "POST", key=CHECKOUT, json=body)
        found: bool = answered.json["lines"][0]["stock"]["sufficient"]
        return found

    assert await sufficient(3)
    await held(gateway, line("few", 1))
    assert [await sufficient(quantity) for quantity in (2, 2.001, 3)] == [True, False, False]


async def test_every_way_of_asking_counts_it(gateway: Gateway) -> None:
    await held(gateway, line("few", 2))
    one = await gateway.ask("/v1/stock/few", key=EXACT)
    many = await gateway.ask("/v1/stock?sku=few&sku=A-100", key=EXACT)
    query = await gateway.ask("/v1/stock/query", "POST", key=EXACT, json={"skus": ["few"]})
    found = [one.json, many.json["items"][0], query.json["items"][0]]
    assert [item["salable"] for item in found] == [1, 1, 1]


async def test_what_the_erp_has_allocated_and_keeps_is_taken_off_too(gateway: Gateway) -> None:
    level = StockLevel(20_000, Basis.ON_HAND, 5_000, 3_000)
    await gateway.store.stock("both", {"W1": level})
    assert await salable(gateway, "both") == [12]
    await held(gateway, line("both", 10))
    assert await salable(gateway, "both") == [2]
    refused = await reserve(gateway, line("both", 2.001))
    assert refused.json["lines"][0]["salable"] == 2
    # Never below zero, and not added up with what is elsewhere.
    await gateway.store.stock("both", {"W1": 5, "W2": 4})
    assert await salable(gateway, "both") == [4]
    made = await reserve(gateway, line("both", 4))
    assert made.json["lines"][0]["allocations"] == [{"location": "W2", "quantity": 4}]


async def test_fractions_add_up_exactly(gateway: Gateway) -> None:
    names = [await held(gateway, line("cable", 0.1)) for _ in range(24)]
    assert await salable(gateway, "cable") == [0.1]
    await held(gateway, line("cable", 0.099))
    assert await salable(gateway, "cable") == [0.001]
    refused = await reserve(gateway, line("cable", 0.002))
    assert problem(refused) == (409, "insufficient-stock")
    await held(gateway, line("cable", 0.001))
    assert await salable(gateway, "cable") == [0]
    for name in names:
        await step(gateway, name, "release")
    assert await salable(gateway, "cable") == [2.4]


async def test_of_many_who_want_the_last_units_as_many_get_them_as_there_are(
    gateway: Gateway,
) -> None:
    answers = await asyncio.gather(*[reserve(gateway, line("few", 1)) for _ in range(12)])
    made = [answer for answer in answers if answer.status == 201]
    assert len(made) == 3
    others = {problem(answer) for answer in answers if answer.status != 201}
    assert others == {(409, "insufficient-stock")}
    assert await salable(gateway, "few") == [0]


async def test_of_many_who_want_two_skus_nobody_keeps_the_half_of_it(gateway: Gateway) -> None:
    # There are three of the one, thirty of the other: whoever misses the first keeps no second.
    asked = [reserve(gateway, line("a}{b", 2), line("few", 1)) for _ in range(6)]
    turned = [reserve(gateway, line("few", 1), line("a}{b", 2)) for _ in range(6)]
    answers = await asyncio.gather(*asked, *turned)
    assert [answer.status for answer in answers].count(201) == 3
    assert await salable(gateway, "few", "a%7D%7Bb") == [0, 24]


async def test_a_figure_that_fell_below_what_is_promised_takes_nothing_back(
    gateway: Gateway,
) -> None:
    name = await held(gateway, line("few", 3))
    await gateway.store.stock("few", {"W1": 1})
    assert await salable(gateway, "few") == [0]
    assert (await step(gateway, name, "confirm", {"order_ref": "O"}, key=ALL)).status == 200
    await gateway.store.stock("few", {"W1": 5})
    assert await salable(gateway, "few") == [2]
