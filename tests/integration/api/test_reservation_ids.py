"""Ids are data: whatever a SKU, customer or order is called, only its own keys are touched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

import pytest

from gateway.domain.orders import OrderAck
from gateway.domain.stock import Location
from tests.gateway_server import ALL, NOON_MS, Gateway
from tests.integration.api.reserving import acknowledge, look, problem, shop, state
from tests.promising_gateway import held, line, reserve, salable, step

HOSTILE: Final = (
    "a}{b",
    "*",
    "A/12",
    "..",
    "%",
    "100%25",
    "a b",
    "{x}",
    "#C-1",
    "r_x",
    "日" * 64,
    "Ä" * 64,
    "😀" * 64,
    "'; DROP TABLE reservation; --",
    '"\\',
    "?[a-z]*",
    "<script>",
    "null",
    "-1",
)


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn) as gateway:
        for name in HOSTILE:
            await gateway.store.stock(name, {"W1": 30})
        yield gateway


def _coded(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E")


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_life_under_that_name(gateway: Gateway, name: str) -> None:
    made = await reserve(gateway, line(name, 4), customer=name, idempotency_key="k")
    assert made.status == 201, made
    assert (made.json["customer"], made.json["lines"][0]["sku"]) == (name, name)
    again = await reserve(gateway, line(name, 4), customer=name, idempotency_key="k")
    assert again.body == made.body
    reservation = made.json["reservation"]
    confirmed = await step(gateway, reservation, "confirm", {"order_ref": name})
    assert (confirmed.status, confirmed.json["order_ref"]) == (200, name)
    every = [_coded(other) for other in HOSTILE]
    left = dict(zip(HOSTILE, await salable(gateway, *every), strict=True))
    assert left == {other: 26 if other == name else 30 for other in HOSTILE}
    told = await acknowledge(gateway, _coded(name))
    assert (told.status, told.json["order_ref"]) == (200, name)
    assert [one["reservation"] for one in told.json["reservations"]] == [reservation]
    told = await acknowledge(gateway, _coded(name), status="cancelled")
    assert told.json["reservations"][0]["state"] == "cancelled"
    assert await salable(gateway, _coded(name)) == [30]


async def test_all_of_them_at_once(gateway: Gateway) -> None:
    made = await reserve(gateway, *[line(name, 1) for name in HOSTILE])
    assert made.status == 201
    assert [one["sku"] for one in made.json["lines"]] == list(HOSTILE)
    every = [_coded(name) for name in HOSTILE]
    assert await salable(gateway, *every) == [29] * len(HOSTILE)
    await step(gateway, made.json["reservation"], "release")
    assert await salable(gateway, *every) == [30] * len(HOSTILE)


async def test_feeds_and_orders_of_those_names(gateway: Gateway) -> None:
    names = {name: await held(gateway, line(name, 1)) for name in HOSTILE}
    for order_ref, reservation in names.items():
        await step(gateway, reservation, "confirm", {"order_ref": order_ref})
    await gateway.store.ack(*[OrderAck(name, NOON_MS) for name in HOSTILE])
    await gateway.keep()
    for order_ref, reservation in names.items():
        assert await state(gateway, reservation) == "acknowledged", order_ref


async def test_locations_of_those_names(gateway: Gateway) -> None:
    await gateway.store.locate(*[Location(name) for name in HOSTILE])
    await gateway.store.stock("pump", dict.fromkeys(HOSTILE, 2))
    await gateway.refresh()
    made = await reserve(gateway, *[line("pump", 1, name) for name in HOSTILE])
    assert made.status == 201, made
    (told,) = made.json["lines"]
    assert {one["location"] for one in told["allocations"]} == set(HOSTILE)
    for name in HOSTILE:
        answered = await gateway.ask(f"/v1/stock/pump?location={_coded(name)}", key=ALL)
        assert answered.json["salable"] == 1
    refused = await reserve(gateway, line("pump", 2, "a}{b"))
    assert problem(refused) == (409, "insufficient-stock")


async def test_a_restored_store_has_them_all(gateway: Gateway) -> None:
    made = await reserve(gateway, *[line(name, 1) for name in HOSTILE], customer="a}{b")
    taken = [gateway.store.keys.taken(name) for name in HOSTILE]
    redis = gateway.store.client.redis
    before = await redis.mget(taken)
    await redis.delete(*taken, *[gateway.store.keys.holds(name)[2] for name in HOSTILE])
    await redis.delete(gateway.store.keys.restored)
    await gateway.keep()
    assert await redis.mget(taken) == before
    assert (await look(gateway, made.json["reservation"])).json["state"] == "held"
