"""What may be ordered though it is not there: back-orders and pre-orders (CONTRACT 2 and 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.domain.stock import Product, ProductStatus
from tests.gateway_server import Gateway
from tests.integration.api.reserving import look, problem, shop
from tests.promising_gateway import held, line, reserve, salable, step

BACKORDER = Product(backorder=True, lead_time_days=5)


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn) as gateway:
        await gateway.store.stock("more", {"W1": 2, "W2": 1, "S1": 2}, BACKORDER)
        yield gateway


async def _made(gateway: Gateway, *lines: Any) -> tuple[float | None, dict[str, float]]:
    """How much is back-ordered of the one SKU, and what is taken where."""
    made = await reserve(gateway, *lines)
    assert made.status == 201, made
    (told,) = made.json["lines"]
    return told.get("backordered"), {
        one["location"]: one["quantity"] for one in told["allocations"]
    }


async def test_beyond_what_is_there_it_is_back_ordered(gateway: Gateway) -> None:
    assert await _made(gateway, line("more", 2)) == (None, {"W1": 2})
    assert await _made(gateway, line("more", 3.5)) == (2.5, {"W2": 1})
    assert await _made(gateway, line("more", 4)) == (4, {})
    assert await _made(gateway, line("later", 1)) == (1, {})
    assert await salable(gateway, "more", "later") == [0, 0]


async def test_at_a_named_location_too(gateway: Gateway) -> None:
    assert await _made(gateway, line("more", 5, "S1")) == (3, {"S1": 2})
    assert await _made(gateway, line("more", 4), line("more", 1, "S1")) == (2, {"W1": 2, "W2": 1})


async def test_units_that_come_are_not_sold_again(gateway: Gateway) -> None:
    name = await held(gateway, line("more", 10))
    assert await salable(gateway, "more") == [0]
    # 3 were there, 7 are awaited, at the location where one would look first.
    await gateway.store.stock("more", {"W1": 12})
    assert await salable(gateway, "more") == [12 - 9]
    await step(gateway, name, "release")
    assert await salable(gateway, "more") == [13]


async def test_an_order_of_what_is_awaited_counts_until_the_erp_has_it(gateway: Gateway) -> None:
    name = await held(gateway, line("later", 4))
    await step(gateway, name, "confirm", {"order_ref": "O-1"})
    await gateway.store.stock("later", {"W1": 6})
    assert await salable(gateway, "later") == [2]
    assert (await look(gateway, name)).json["lines"][0]["backordered"] == 4


async def test_what_may_not_wait_is_refused_beside_what_may(gateway: Gateway) -> None:
    refused = await reserve(gateway, line("more", 10), line("few", 4))
    assert problem(refused) == (409, "insufficient-stock")
    assert [one["sku"] for one in refused.json["lines"]] == ["few"]
    assert await salable(gateway, "more", "few") == [3, 3]


async def test_discontinued_wins(gateway: Gateway) -> None:
    product = Product(backorder=True, status=ProductStatus.DISCONTINUED)
    await gateway.store.stock("last", {"W1": 2}, product)
    refused = await reserve(gateway, line("last", 2.001))
    assert problem(refused) == (409, "insufficient-stock")
    assert await _made(gateway, line("last", 2)) == (None, {"W1": 2})
    refused = await reserve(gateway, line("last", 1))
    assert problem(refused) == (409, "insufficient-stock")


async def test_a_pre_order_may_be_held_before_its_day(gateway: Gateway) -> None:
    made = await reserve(gateway, line("soon", 5))
    assert made.status == 201
    (told,) = made.json["lines"]
    assert (told["backordered"], told["allocations"]) == (5, [])
    assert (await gateway.ask("/v1/stock/soon")).json["status"] == "preorder"
    # From its day on, what is not there is not there.
    gateway.clock.now_ms += 30 * 86_400_000
    refused = await reserve(gateway, line("soon", 5))
    assert problem(refused) == (409, "insufficient-stock")


async def test_what_is_awaited_nowhere_in_particular_comes_somewhere(gateway: Gateway) -> None:
    """`soon` has no stock row at all: its units are counted when it has one."""
    await held(gateway, line("soon", 5))
    await gateway.store.stock("soon", {"W1": 8})
    gateway.clock.now_ms += 30 * 86_400_000
    assert await salable(gateway, "soon") == [3]
