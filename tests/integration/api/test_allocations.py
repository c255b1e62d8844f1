"""Allocation: few locations, the first in priority, each as far as it goes (CONTRACT 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from gateway.domain.stock import Location, LocationKind
from tests.gateway_server import Gateway
from tests.integration.api.reserving import problem, shop
from tests.promising_gateway import held, line, reserve, salable

PLACES = (
    Location("W1", priority=3),
    Location("W2", priority=2),
    Location("W3", priority=1),
    Location("S1", kind=LocationKind.STORE, ships=False, priority=9),
    Location("S2", kind=LocationKind.STORE, ships=False, channels=("shop",)),
    Location("SW", channels=("shop",), priority=8),
)


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn) as gateway:
        await gateway.store.locate(*PLACES)
        levels = {"W1": 3, "W2": 5, "W3": 9.5, "S1": 50, "S2": 50, "SW": 4}
        await gateway.store.stock("pump", levels)
        await gateway.refresh()
        yield gateway


async def _taken(gateway: Gateway, *lines: Mapping[str, Any], **more: Any) -> dict[str, float]:
    made = await reserve(gateway, *lines, **more)
    assert made.status == 201, made
    (told,) = made.json["lines"]
    assert "backordered" not in told
    allocations = told["allocations"]
    units = {one["location"]: one["quantity"] for one in allocations}
    assert len(units) == len(allocations)
    assert sum(units.values()) == told["quantity"]
    return units


@pytest.mark.parametrize(
    ("quantity", "taken"),
    [
        # One location is enough: the first in priority of those that have it all.
        (3, {"W1": 3}),
        (0.001, {"W1": 0.001}),
        (3.001, {"W2": 3.001}),
        (5, {"W2": 5}),
        (9.5, {"W3": 9.5}),
        # Two are enough, and the first of them is taken as far as it goes.
        (10, {"W1": 3, "W3": 7}),
        (12.5, {"W1": 3, "W3": 9.5}),
        (13, {"W2": 5, "W3": 8}),
        (14.5, {"W2": 5, "W3": 9.5}),
        # All three.
        (15, {"W1": 3, "W2": 5, "W3": 7}),
        (17.5, {"W1": 3, "W2": 5, "W3": 9.5}),
    ],
)
async def test_as_few_as_will_do(
    gateway: Gateway, quantity: float, taken: dict[str, float]
) -> None:
    assert await _taken(gateway, line("pump", quantity)) == taken
    assert await salable(gateway, "pump") == [17.5 - quantity]


async def test_more_than_ships_is_not_fetched_from_a_store(gateway: Gateway) -> None:
    assert problem(await reserve(gateway, line("pump", 17.501)))[0] == 409
    assert await _taken(gateway, line("pump", 18, "S1")) == {"S1": 18}
    assert await salable(gateway, "pump") == [17.5]


async def test_what_a_line_names_is_taken_there(gateway: Gateway) -> None:
    assert await _taken(gateway, line("pump", 2, "W3")) == {"W3": 2}
    both = [line("pump", 5, "S1"), line("pump", 6.5), line("pump", 1, "W3")]
    assert await _taken(gateway, *both) == {"S1": 5, "W3": 7.5}


async def test_named_units_are_gone_from_what_is_left_for_the_rest(gateway: Gateway) -> None:
    asked = [line("pump", 14.5), line("pump", 3, "W1")]
    assert await _taken(gateway, *asked) == {"W1": 3, "W2": 5, "W3": 9.5}


async def test_each_channel_takes_from_its_own(gateway: Gateway) -> None:
    assert await _taken(gateway, line("pump", 4), channel="shop") == {"SW": 4}
    assert await _taken(gateway, line("pump", 1, "S2"), channel="shop") == {"S2": 1}
    refused = await reserve(gateway, line("pump", 1, "SW"), channel="web")
    assert problem(refused) == (404, "unknown-location")
    assert await salable(gateway, "pump") == [17.5]


async def test_what_is_taken_already_counts(gateway: Gateway) -> None:
    await held(gateway, line("pump", 3))
    assert await _taken(gateway, line("pump", 5)) == {"W2": 5}
    assert await _taken(gateway, line("pump", 5)) == {"W3": 5}


async def test_skus_are_allocated_each_by_itself(gateway: Gateway) -> None:
    made = await reserve(gateway, line("A-100", 31), line("pump", 10), line("few", 1))
    found: Sequence[Any] = made.json["lines"]
    assert [(one["sku"], one["allocations"]) for one in found] == [
        ("A-100", [{"location": "W1", "quantity": 7}, {"location": "W2", "quantity": 24}]),
        ("pump", [{"location": "W1", "quantity": 3}, {"location": "W3", "quantity": 7}]),
        ("few", [{"location": "W1", "quantity": 1}]),
    ]


async def test_where_no_location_was_given_all_that_have_it_ship(
    redis_url: str, ledger_dsn: str
) -> None:
    async with shop(redis_url, ledger_dsn) as gateway:
        await gateway.store.client.redis.delete(gateway.store.keys.locations)
        await gateway.refresh()
        await gateway.store.stock("pump", {"B": 2, "A": 2})
        assert sum((await _taken(gateway, line("pump", 4))).values()) == 4
        refused = await reserve(gateway, line("pump", 1, "nowhere"))
        assert problem(refused) == (404, "unknown-location")
