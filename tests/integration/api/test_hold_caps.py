"""A customer's open holds of one SKU are capped, so that nobody empties a shop by holding it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.gateway_server import CHECKOUT, Answered, Gateway
from tests.integration.api.reserving import problem, shop, state, until
from tests.promising_gateway import held, line, reserve, salable, step

CAP = 3


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    reservations = {"open_per_customer": CAP}
    async with shop(redis_url, ledger_dsn, reservations=reservations) as gateway:
        yield gateway


async def _hold(gateway: Gateway, *skus: str, customer: str | None = "C-1") -> Answered:
    return await reserve(gateway, *[line(sku, 1) for sku in skus], customer=customer)


def _refused(answered: Answered, *skus: str) -> None:
    assert problem(answered) == (429, "rate-limited")
    assert int(answered.headers["Retry-After"]) > 0
    assert [error["value"] for error in answered.json["errors"]] == list(skus)


async def test_no_more_than_so_many_are_open(gateway: Gateway) -> None:
    for _ in range(CAP):
        assert (await _hold(gateway, "A-100")).status == 201
    _refused(await _hold(gateway, "A-100"), "A-100")
    assert await salable(gateway, "A-100") == [34]
    # Each SKU, and each customer, by itself.
    assert (await _hold(gateway, "few")).status == 201
    assert (await _hold(gateway, "A-100", customer="C-2")).status == 201
    assert (await _hold(gateway, "A-100", customer="c-1")).status == 201


async def test_a_capped_line_keeps_the_others_from_being_held(gateway: Gateway) -> None:
    for _ in range(CAP):
        await _hold(gateway, "A-100")
    _refused(await _hold(gateway, "few", "A-100", "A/12"), "A-100")
    assert await salable(gateway, "A-100", "few") == [34, 3]
    for _ in range(CAP):
        await _hold(gateway, "*")
    _refused(await _hold(gateway, "*", "few", "A-100"), "*", "A-100")


async def test_nobody_in_particular_has_no_cap(gateway: Gateway) -> None:
    for _ in range(CAP + 2):
        assert (await _hold(gateway, "A-100", customer=None)).status == 201


async def test_what_has_ended_makes_room(gateway: Gateway) -> None:
    names = [await held(gateway, line("A-100", 1), customer="C-1") for _ in range(CAP)]
    await step(gateway, names[0], "release")
    names[0] = await held(gateway, line("A-100", 1), customer="C-1")
    _refused(await _hold(gateway, "A-100"), "A-100")
    # An order is no open hold.
    await step(gateway, names[0], "confirm", {"order_ref": "O-1"})
    await held(gateway, line("A-100", 1), customer="C-1")
    _refused(await _hold(gateway, "A-100"), "A-100")
    # Longer, it is the same hold.
    await step(gateway, names[1], "extend", {"ttl_seconds": 3600})
    _refused(await _hold(gateway, "A-100"), "A-100")
    # Cancelled orders make no room that was not there.
    await step(gateway, names[0], "cancel")
    _refused(await _hold(gateway, "A-100"), "A-100")


async def test_what_expires_makes_room(gateway: Gateway) -> None:
    for _ in range(CAP):
        await held(gateway, line("A-100", 1), customer="C-1", ttl_seconds=1)

    async def has_room() -> bool:
        return (await _hold(gateway, "A-100")).status == 201

    await until(has_room)


async def test_a_refusal_for_stock_takes_no_room(gateway: Gateway) -> None:
    for _ in range(CAP + 2):
        short = await reserve(gateway, line("A-100", 1), line("few", 4), customer="C-1")
        assert problem(short) == (409, "insufficient-stock")
    for _ in range(CAP):
        assert (await _hold(gateway, "A-100")).status == 201


async def test_of_many_at_once_no_more_than_allowed_are_held(gateway: Gateway) -> None:
    answers = await asyncio.gather(*[_hold(gateway, "A-100") for _ in range(12)])
    assert sorted(answer.status for answer in answers) == [201] * CAP + [429] * (12 - CAP)
    assert await salable(gateway, "A-100") == [37 - CAP]


async def test_a_refusal_for_too_many_is_no_answer_that_stays(gateway: Gateway) -> None:
    names = [await held(gateway, line("A-100", 1), customer="C-1") for _ in range(CAP)]
    asked = {"customer": "C-1", "idempotency_key": "k"}
    _refused(await reserve(gateway, line("A-100", 1), key=CHECKOUT, **asked), "A-100")
    await step(gateway, names[0], "release")
    made = await reserve(gateway, line("A-100", 1), key=CHECKOUT, **asked)
    assert made.status == 201
    assert await state(gateway, made.json["reservation"]) == "held"


async def test_hostile_customers_have_a_cap_of_their_own(gateway: Gateway) -> None:
    for customer in ("#C-1", "a}{b", "*", "r_x", "Ä" * 64):
        for _ in range(CAP):
            assert (await _hold(gateway, "a}{b", customer=customer)).status == 201
        _refused(await _hold(gateway, "a}{b", customer=customer), "a}{b")
    assert (await _hold(gateway, "a}{b")).status == 201
