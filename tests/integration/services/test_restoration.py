"""A store that was emptied is not ready until everything that was promised is back in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.gateway_server import ALL, NOON_MS, Gateway
from tests.integration.api.conftest import CHANNELS, fill
from tests.integration.api.reserving import (
    acknowledge,
    level,
    look,
    problem,
    shop,
    until,
    until_it_is,
)
from tests.promising_gateway import held, line, promising, reserve, salable, step

LATER = "2026-11-21T11:00:00Z"
LATER_MS = NOON_MS + 3_600_000


@pytest.fixture
async def gateway(redis_url: str, database: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, database) as gateway:
        yield gateway


async def _is_not_ready(gateway: Gateway) -> None:
    stock = await gateway.ask("/v1/stock/A-100", key=ALL)
    assert (stock.status, stock.json["type"]) == (503, "/problems/not-ready")
    refused = await reserve(gateway, line("A-100", 1))
    assert problem(refused) == (503, "not-ready")
    for answer in (stock, refused):
        assert int(answer.headers["Retry-After"]) > 0
    body = {"lines": [line("A-100", 1)]}
    cart = await gateway.ask("/v1/checkout", "POST", key=ALL, json=body)
    assert problem(cart) == (503, "not-ready")


async def _everything(gateway: Gateway) -> dict[str, str]:
    """A reservation in each state, of three units each."""
    names = {
        state: await held(gateway, line("A-100", 3), ttl_seconds=1 if state == "expired" else 900)
        for state in ("held", "confirmed", "acknowledged", "cancelled", "released", "expired")
    }
    for state in ("confirmed", "acknowledged", "cancelled"):
        await step(gateway, names[state], "confirm", {"order_ref": state})
    await acknowledge(gateway, "acknowledged", LATER)
    await step(gateway, names["cancelled"], "cancel")
    await step(gateway, names["released"], "release")
    await until_it_is(gateway, names["expired"], "expired")
    return names


async def test_an_emptied_store_is_not_ready_until_all_is_back(gateway: Gateway) -> None:
    names = await _everything(gateway)
    was = {name: (await look(gateway, name)).body for name in names.values()}
    await gateway.store.client.redis.flushall()
    await _is_not_ready(gateway)
    await gateway.keep()
    await _is_not_ready(gateway)
    # The ERP's figures are back: they alone would sell again what is promised.
    await fill(gateway)
    await _is_not_ready(gateway)
    await gateway.keep()
    assert await salable(gateway, "A-100") == [37 - 9]
    assert {name: (await look(gateway, name)).body for name in names.values()} == was
    for state, taken in (("acknowledged", 9), ("confirmed", 6), ("held", 3)):
        assert await salable(gateway, "A-100") == [37 - taken]
        if state == "held":
            assert (await step(gateway, names["held"], "release")).status == 200
        else:
            await acknowledge(gateway, state, LATER, "cancelled")
    assert await salable(gateway, "A-100") == [37]


async def test_holds_that_were_put_back_live_on(gateway: Gateway) -> None:
    first = await held(gateway, line("few", 1), ttl_seconds=900)
    second = await held(gateway, line("few", 1), ttl_seconds=2)
    await gateway.store.client.redis.flushall()
    await fill(gateway)
    await gateway.keep()
    assert (await step(gateway, first, "confirm", {"order_ref": "O-1"})).status == 200
    await until_it_is(gateway, second, "expired")
    confirmed = await step(gateway, second, "confirm", {"order_ref": "O-2"})
    assert problem(confirmed) == (410, "reservation-expired")
    await held(gateway, line("few", 2))
    assert await salable(gateway, "few") == [0]


async def test_orders_that_the_figures_have_are_not_counted_again(gateway: Gateway) -> None:
    name = await held(gateway, line("few", 2))
    await step(gateway, name, "confirm", {"order_ref": "O-1"})
    await acknowledge(gateway, "O-1", LATER)
    await gateway.store.client.redis.flushall()
    await fill(gateway)
    await gateway.keep()
    # `fill` writes figures as old as can be.
    assert await salable(gateway, "few") == [1]
    await level(gateway, "few", 1, LATER_MS)
    assert await salable(gateway, "few") == [1]


async def _forget_scripts(gateway: Gateway) -> None:
    await gateway.store.client.redis.script_flush()


async def _forget_that_it_was_restored(gateway: Gateway) -> None:
    await gateway.store.client.redis.delete(gateway.store.keys.restored)


@pytest.mark.parametrize("forget", [_forget_scripts, _forget_that_it_was_restored])
async def test_a_server_that_may_have_lost_something_judges_nothing(
    gateway: Gateway, forget: Callable[[Gateway], Awaitable[None]]
) -> None:
    name = await held(gateway, line("few", 2))
    await forget(gateway)
    refused = await reserve(gateway, line("few", 1), idempotency_key="k")
    assert problem(refused) == (503, "not-ready")
    await gateway.keep()
    assert await salable(gateway, "few") == [1]
    # The refusal was one of the moment: the same request goes through.
    assert (await reserve(gateway, line("few", 1), idempotency_key="k")).status == 201
    assert problem(await reserve(gateway, line("few", 1))) == (409, "insufficient-stock")
    assert (await step(gateway, name, "release")).json["state"] == "released"
    assert await salable(gateway, "few") == [2]


async def test_a_server_that_lost_its_scripts_still_takes_steps(gateway: Gateway) -> None:
    name = await held(gateway, line("few", 2))
    await gateway.store.client.redis.script_flush()
    confirmed = await step(gateway, name, "confirm", {"order_ref": "O-1"})
    assert (confirmed.status, confirmed.json["state"]) == (200, "confirmed")


async def test_a_failover_that_lost_holds_puts_them_back(gateway: Gateway) -> None:
    """Another server takes over without some writes: it does not know the script."""
    name = await held(gateway, line("few", 2), line("A-100", 3))
    redis = gateway.store.client.redis
    await redis.delete(*gateway.store.keys.holds("few")[1:])
    await redis.script_flush()
    refused = await reserve(gateway, line("few", 3))
    assert problem(refused) == (503, "not-ready")
    await gateway.keep()
    assert await salable(gateway, "few", "A-100") == [1, 34]
    assert (await look(gateway, name)).json["state"] == "held"


async def test_restoring_what_is_there_changes_nothing(gateway: Gateway) -> None:
    await _everything(gateway)

    async def has_lapsed() -> bool:
        await gateway.keep()
        return await salable(gateway, "A-100") == [37 - 9]

    await until(has_lapsed)
    redis, keys = gateway.store.client.redis, gateway.store.keys
    taken = await redis.get(keys.taken("A-100"))
    for _ in range(2):
        await redis.delete(keys.restored)
        await gateway.keep()
        assert await redis.get(keys.taken("A-100")) == taken


async def test_a_worker_that_starts_finds_what_others_promised(
    gateway: Gateway, redis_url: str, database: str
) -> None:
    name = await held(gateway, line("few", 2))
    async with promising(redis_url, database, channels=CHANNELS) as other:
        await other.refresh()
        assert await salable(other, "few") == [1]
        assert problem(await reserve(other, line("few", 2))) == (409, "insufficient-stock")
        assert (await step(other, name, "extend", {"ttl_seconds": 3600})).status == 200
        # What one of them knows of it is old now: it goes on from where it is.
        assert (await step(gateway, name, "release")).json["state"] == "released"
        gone = await step(other, name, "confirm", {"order_ref": "O-1"})
        assert problem(gone) == (410, "reservation-expired")
        assert await salable(other, "few") == [3]
        assert (await look(other, name)).body == (await look(gateway, name)).body
