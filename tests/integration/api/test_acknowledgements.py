"""What ERPs say of orders, and when their own figures have them (CONTRACT 6; FAULTS, 12)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from itertools import permutations
from typing import Final

import pytest

from gateway.domain.orders import AckStatus, OrderAck
from tests.gateway_server import ALL, CHECKOUT, NOON_MS, Gateway
from tests.integration.api.reserving import (
    acknowledge,
    level,
    look,
    ms_of,
    problem,
    shop,
    state,
    until,
)
from tests.promising_gateway import held, line, salable, step

ORDER: Final = "O-1"
ACK_MS: Final = NOON_MS + 60_000


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn) as gateway:
        await level(gateway, "few", 10, NOON_MS)
        yield gateway


def _at(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


async def _confirm(gateway: Gateway, name: str, order_ref: str = ORDER) -> str:
    answered = await step(gateway, name, "confirm", {"order_ref": order_ref})
    assert answered.status == 200, answered
    found: str = answered.json["state"]
    return found


async def test_an_acknowledgement_is_told_field_by_field(gateway: Gateway) -> None:
    name = await held(gateway, line("few", 4))
    await _confirm(gateway, name)
    told = await acknowledge(gateway, ORDER, "2026-11-21T11:01:00+01:00")
    now = (await look(gateway, name)).json
    moment = told.json.pop("acknowledged_at")
    assert told.json == {"order_ref": ORDER, "status": "accepted", "reservations": [now]}
    assert (now["state"], now["order_ref"]) == ("acknowledged", ORDER)
    for one in (moment, now["acknowledged_at"]):
        assert one.endswith("Z")
        assert ms_of(one) == ACK_MS


async def test_left_out_the_moment_is_now(gateway: Gateway) -> None:
    told = await acknowledge(gateway, "O-2")
    assert (ms_of(told.json["acknowledged_at"]), told.json["reservations"]) == (NOON_MS, [])
    path = "/v1/orders/O-2/acknowledge"
    bare = await gateway.ask(path, "POST", key=CHECKOUT)
    assert (bare.status, bare.body) == (200, told.body)


@pytest.mark.parametrize("status", AckStatus)
@pytest.mark.parametrize("by_feed", [False, True])
async def test_it_may_come_before_the_order(
    gateway: Gateway, status: AckStatus, by_feed: bool
) -> None:
    if by_feed:
        await gateway.store.ack(OrderAck(ORDER, ACK_MS, status))
        await gateway.keep()
    else:
        assert (await acknowledge(gateway, ORDER, _at(ACK_MS), status)).status == 200
    name = await held(gateway, line("few", 4))
    cancelled = status is AckStatus.CANCELLED
    assert await _confirm(gateway, name) == ("cancelled" if cancelled else "acknowledged")
    assert await salable(gateway, "few") == [10 if cancelled else 6]
    # Repeated, the confirmation of what the ERP has cancelled is a conflict.
    again = await step(gateway, name, "confirm", {"order_ref": ORDER})
    assert again.status == (409 if cancelled else 200)


async def test_a_feed_says_the_same_as_a_caller(gateway: Gateway) -> None:
    accepted, cancelled = [await held(gateway, line("few", 2)) for _ in range(2)]
    await _confirm(gateway, accepted, "O-1")
    await _confirm(gateway, cancelled, "O-2")
    await gateway.store.ack(
        OrderAck("O-1", ACK_MS), OrderAck("O-2", ACK_MS, AckStatus.CANCELLED), OrderAck("O-3", 1)
    )
    await gateway.keep()
    assert await state(gateway, accepted) == "acknowledged"
    assert ms_of((await look(gateway, accepted)).json["acknowledged_at"]) == ACK_MS
    assert await state(gateway, cancelled) == "cancelled"
    assert await salable(gateway, "few") == [8]
    keys = gateway.store.keys
    assert await gateway.store.client.redis.hlen(keys.acks) == 0


async def test_what_was_cancelled_stays_so_whatever_is_said_later(gateway: Gateway) -> None:
    one = await held(gateway, line("few", 4))
    await _confirm(gateway, one)
    assert (await acknowledge(gateway, ORDER, _at(ACK_MS))).status == 200
    assert (await acknowledge(gateway, ORDER, _at(ACK_MS), "cancelled")).status == 200
    assert (await acknowledge(gateway, ORDER, _at(ACK_MS + 1))).status == 200
    assert await state(gateway, one) == "cancelled"
    # Another reservation of the same order learns of it, too.
    other = await held(gateway, line("few", 4))
    assert await _confirm(gateway, other) == "cancelled"
    assert await salable(gateway, "few") == [10]


async def test_an_order_of_two_reservations_is_acknowledged_as_one(gateway: Gateway) -> None:
    first, second, third = [await held(gateway, line("few", 2)) for _ in range(3)]
    await _confirm(gateway, first)
    await _confirm(gateway, second)
    told = await acknowledge(gateway, ORDER, _at(ACK_MS))
    names = {one["reservation"]: one["state"] for one in told.json["reservations"]}
    assert names == {first: "acknowledged", second: "acknowledged"}
    assert await state(gateway, third) == "held"
    assert await _confirm(gateway, third) == "acknowledged"
    told = await acknowledge(gateway, ORDER, _at(ACK_MS), "cancelled")
    assert {one["state"] for one in told.json["reservations"]} == {"cancelled"}
    assert len(told.json["reservations"]) == 3
    assert await salable(gateway, "few") == [10]


async def test_one_of_two_reservations_may_be_called_off_before(gateway: Gateway) -> None:
    first, second = [await held(gateway, line("few", 2)) for _ in range(2)]
    await _confirm(gateway, first)
    await _confirm(gateway, second)
    assert (await step(gateway, first, "cancel")).status == 200
    await acknowledge(gateway, ORDER, _at(ACK_MS))
    assert (await state(gateway, first), await state(gateway, second)) == (
        *("cancelled", "acknowledged"),
    )
    assert await salable(gateway, "few") == [8]
    assert problem(await step(gateway, second, "cancel")) == (409, "invalid-transition")


# 4 of 10 are ordered. The ERP's figure is 6 from the moment on at which it has the order.
EVENTS: Final = ("confirm", "level", "ack")


@pytest.mark.parametrize("order", list(permutations(EVENTS)))
@pytest.mark.parametrize(
    ("after_ms", "included"), [(-1, False), (0, True), (1, True), (3_600_000, True)]
)
@pytest.mark.parametrize("by_feed", [False, True])
async def test_no_unit_is_counted_twice_or_not_at_all(
    gateway: Gateway, order: tuple[str, ...], after_ms: int, included: bool, by_feed: bool
) -> None:
    name = await held(gateway, line("few", 4))
    assert await salable(gateway, "few") == [6]
    figure = 6 if included else 10

    async def ack() -> None:
        if by_feed:
            await gateway.store.ack(OrderAck(ORDER, ACK_MS))
            await gateway.keep()
        else:
            await acknowledge(gateway, ORDER, _at(ACK_MS))

    async def renew() -> None:
        await level(gateway, "few", figure, ACK_MS + after_ms)

    async def confirm() -> None:
        await _confirm(gateway, name)

    steps: dict[str, Callable[[], Awaitable[None]]] = {
        "confirm": confirm,
        "level": renew,
        "ack": ack,
    }
    done: set[str] = set()
    for event in order:
        await steps[event]()
        done.add(event)
        shown = figure if "level" in done else 10
        absorbed = included and done == set(EVENTS)
        assert await salable(gateway, "few") == [shown - (0 if absorbed else 4)], done
        await gateway.keep()
        assert await salable(gateway, "few") == [shown - (0 if absorbed else 4)], done
    # A later figure has it in any case, and what another customer takes is taken off.
    await level(gateway, "few", 6, ACK_MS + 7_200_000)
    assert await salable(gateway, "few") == [6]
    await held(gateway, line("few", 6))
    assert await salable(gateway, "few") == [0]


async def test_locations_are_absorbed_each_by_its_own_figure(gateway: Gateway) -> None:
    name = await held(gateway, line("A-100", 37))
    await _confirm(gateway, name)
    await acknowledge(gateway, ORDER, _at(ACK_MS))
    assert await salable(gateway, "A-100") == [0]
    await level(gateway, "A-100", 2, ACK_MS, location="W1")
    assert await salable(gateway, "A-100") == [2]
    await level(gateway, "A-100", 1, ACK_MS - 1, location="W2")
    assert await salable(gateway, "A-100") == [2]
    await level(gateway, "A-100", 1, ACK_MS, location="W2")
    assert await salable(gateway, "A-100") == [3]


async def test_an_order_that_the_figure_has_may_still_be_cancelled(gateway: Gateway) -> None:
    name = await held(gateway, line("few", 4))
    await _confirm(gateway, name)
    await acknowledge(gateway, ORDER, _at(ACK_MS))
    await level(gateway, "few", 6, ACK_MS)
    assert await salable(gateway, "few") == [6]
    await acknowledge(gateway, ORDER, _at(ACK_MS + 1), "cancelled")
    assert await state(gateway, name) == "cancelled"
    # It took nothing any more: giving it back is the ERP's next figure.
    assert await salable(gateway, "few") == [6]


async def test_what_the_figures_have_is_forgotten_by_and_by(gateway: Gateway) -> None:
    name = await held(gateway, line("few", 4))
    await _confirm(gateway, name)
    await acknowledge(gateway, ORDER, _at(ACK_MS))
    await level(gateway, "few", 6, ACK_MS)
    taken = gateway.store.keys.taken("few")

    async def is_forgotten() -> bool:
        await gateway.keep()
        return not await gateway.store.client.redis.exists(taken)

    await until(is_forgotten)
    assert await state(gateway, name) == "acknowledged"
    assert await salable(gateway, "few") == [6]
    # An older figure, should the ERP ever tell one, has it no more than before.
    again = await step(gateway, name, "confirm", {"order_ref": ORDER}, key=ALL)
    assert again.json["state"] == "acknowledged"
    assert await salable(gateway, "few") == [6]
