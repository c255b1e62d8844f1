"""A reservation's life, cell by cell (CONTRACT 6): what may be done in each state, and twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

import pytest

from tests.gateway_server import ALL, CHECKOUT, Answered, Gateway
from tests.integration.api.reserving import (
    acknowledge,
    look,
    ms_of,
    problem,
    shop,
    state,
    store_ms,
    until,
    until_it_is,
)
from tests.promising_gateway import held, line, salable, step

ORDER: Final = "O-1"
CONFLICT: Final = (409, "invalid-transition")
GONE: Final = (410, "reservation-expired")


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn) as gateway:
        yield gateway


async def _confirmed(gateway: Gateway, name: str) -> None:
    assert (await step(gateway, name, "confirm", {"order_ref": ORDER})).status == 200


async def _released(gateway: Gateway, name: str) -> None:
    assert (await step(gateway, name, "release")).status == 200


async def _expired(gateway: Gateway, name: str) -> None:
    await until_it_is(gateway, name, "expired")


async def _acknowledged(gateway: Gateway, name: str) -> None:
    await _confirmed(gateway, name)
    assert (await acknowledge(gateway, ORDER)).status == 200


async def _cancelled(gateway: Gateway, name: str) -> None:
    await _confirmed(gateway, name)
    assert (await step(gateway, name, "cancel")).status == 200


async def _as_it_is(gateway: Gateway, name: str) -> None:
    pass


WAYS: Final[Mapping[str, Callable[[Gateway, str], Awaitable[None]]]] = {
    "held": _as_it_is,
    "confirmed": _confirmed,
    "released": _released,
    "expired": _expired,
    "acknowledged": _acknowledged,
    "cancelled": _cancelled,
}
ACTS: Final = ("confirm", "confirm as another order", "release", "extend", "cancel")
TABLE: Final[Mapping[str, tuple[str | tuple[int, str], ...]]] = {
    "held": ("confirmed", "confirmed", "released", "held", CONFLICT),
    "confirmed": ("confirmed", CONFLICT, CONFLICT, CONFLICT, "cancelled"),
    "released": (GONE, GONE, "released", GONE, CONFLICT),
    "expired": (GONE, GONE, "expired", GONE, CONFLICT),
    "acknowledged": ("acknowledged", CONFLICT, CONFLICT, CONFLICT, CONFLICT),
    "cancelled": (CONFLICT, CONFLICT, CONFLICT, CONFLICT, "cancelled"),
}
CELLS: Final = [
    (before, act, after)
    for before, row in TABLE.items()
    for act, after in zip(ACTS, row, strict=True)
]
TAKING: Final = {"held", "confirmed", "acknowledged"}
"""States whose units are taken, as long as the ERP's figure is older."""


async def _until_taken(gateway: Gateway, units: float) -> None:
    """Return once so many units are taken; what lapses is given back by upkeep."""

    async def is_so() -> bool:
        await gateway.keep()
        return await salable(gateway, "A-100") == [37 - units]

    await until(is_so)


async def _do(gateway: Gateway, name: str, act: str) -> Answered:
    if act == "confirm":
        return await step(gateway, name, "confirm", {"order_ref": ORDER})
    if act == "confirm as another order":
        return await step(gateway, name, "confirm", {"order_ref": "O-2"})
    return await step(gateway, name, act, {"ttl_seconds": 3_600} if act == "extend" else {})


@pytest.mark.parametrize(("before", "act", "after"), CELLS)
async def test_a_step(
    gateway: Gateway, before: str, act: str, after: str | tuple[int, str]
) -> None:
    name = await held(gateway, line("A-100", 3), ttl_seconds=1 if before == "expired" else 900)
    await WAYS[before](gateway, name)
    was = await look(gateway, name)
    assert was.json["state"] == before
    first = await _do(gateway, name, act)
    if isinstance(after, tuple):
        assert problem(first) == after
        assert (await look(gateway, name)).body == was.body
        # Said again: nothing has changed by being refused.
        assert problem(await _do(gateway, name, act)) == after
    else:
        assert (first.status, first.json["state"]) == (200, after)
        assert (await look(gateway, name)).body == first.body
        again = await _do(gateway, name, act)
        if act == "extend":
            assert again.status == 200  # counted from another moment
        else:
            assert (again.status, again.body) == (200, first.body)
    await _until_taken(gateway, 3 if await state(gateway, name) in TAKING else 0)


@pytest.mark.parametrize("before", WAYS)
@pytest.mark.parametrize("status", ["accepted", "cancelled", None])
async def test_a_word_of_the_erp(gateway: Gateway, before: str, status: str | None) -> None:
    name = await held(gateway, line("A-100", 3), ttl_seconds=1 if before == "expired" else 900)
    await WAYS[before](gateway, name)
    was = await look(gateway, name)
    told = await acknowledge(gateway, ORDER, status=status)
    assert told.status == 200
    assert (told.json["order_ref"], told.json["status"]) == (ORDER, status or "accepted")
    expected = before
    if before in {"confirmed", "acknowledged"}:
        expected = "cancelled" if status == "cancelled" else "acknowledged"
    now = await look(gateway, name)
    assert now.json["state"] == expected
    if expected == before:
        assert now.body == was.body
    knows = before in {"confirmed", "acknowledged", "cancelled"}
    assert told.json["reservations"] == ([now.json] if knows else [])
    again = await acknowledge(gateway, ORDER, told.json["acknowledged_at"], status)
    assert (again.status, again.body) == (200, told.body)
    await _until_taken(gateway, 3 if expected in TAKING else 0)


@pytest.mark.parametrize("act", ["confirm", "release", "extend", "cancel"])
async def test_of_many_at_once_all_are_told_the_same(gateway: Gateway, act: str) -> None:
    name = await held(gateway, line("A-100", 3), line("few", 1))
    if act == "cancel":
        await _confirmed(gateway, name)
    # Each extension is another step: of many at once, some may be told to try again.
    many = 4 if act == "extend" else 12
    answers = await asyncio.gather(*[_do(gateway, name, act) for _ in range(many)])
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["state"] for answer in answers}) == 1
    last = (await look(gateway, name)).json
    until_ms = [ms_of(answer.json["expires_at"]) for answer in answers]
    assert max(until_ms) == ms_of(last["expires_at"])


async def test_of_confirm_and_release_at_once_one_happens(gateway: Gateway) -> None:
    for _ in range(8):
        name = await held(gateway, line("A-100", 3))
        confirmed, released = await asyncio.gather(
            _do(gateway, name, "confirm"), _do(gateway, name, "release")
        )
        assert sorted((confirmed.status, released.status)) in ([200, 409], [200, 410])
        if confirmed.status == 200:
            assert problem(released) == CONFLICT
            assert await salable(gateway, "A-100") == [34]
            assert (await _do(gateway, name, "cancel")).status == 200
        else:
            assert problem(confirmed) == GONE
        assert await salable(gateway, "A-100") == [37]


async def test_two_orders_at_once_one_is_confirmed(gateway: Gateway) -> None:
    name = await held(gateway, line("A-100", 3))
    refs = [f"O-{number}" for number in range(6)]
    answers = await asyncio.gather(
        *[step(gateway, name, "confirm", {"order_ref": ref}) for ref in refs]
    )
    (won,) = [answer.json["order_ref"] for answer in answers if answer.status == 200]
    assert (await look(gateway, name)).json["order_ref"] == won
    assert [problem(answer) for answer in answers if answer.status != 200] == [CONFLICT] * 5


async def test_extending_counts_from_now_and_never_shortens(gateway: Gateway) -> None:
    name = await held(gateway, line("A-100", 3), ttl_seconds=600)
    was = await look(gateway, name)
    shorter = await step(gateway, name, "extend", {"ttl_seconds": 1})
    assert (shorter.status, shorter.body) == (200, was.body)
    now_ms = await store_ms(gateway)
    longer = await step(gateway, name, "extend", {"ttl_seconds": 1200})
    until_ms = ms_of(longer.json["expires_at"])
    # From now, and not from the end that it had.
    assert abs(until_ms - now_ms - 1_200_000) < 10_000
    del longer.json["expires_at"], was.json["expires_at"]
    assert longer.json == was.json
    usual = await held(gateway, line("A-100", 1), ttl_seconds=1)
    answered = await gateway.ask(f"/v1/reservations/{usual}/extend", "POST", key=CHECKOUT)
    assert abs(ms_of(answered.json["expires_at"]) - now_ms - 900_000) < 30_000


async def test_what_was_extended_outlives_its_first_end(gateway: Gateway) -> None:
    short = await held(gateway, line("few", 1), ttl_seconds=1)
    longer = await held(gateway, line("few", 1), ttl_seconds=1)
    assert (await step(gateway, longer, "extend", {"ttl_seconds": 600})).status == 200
    order = await held(gateway, line("few", 1), ttl_seconds=1)
    await _confirmed(gateway, order)
    await until_it_is(gateway, short, "expired")
    await gateway.keep()

    async def has_come_back() -> bool:
        return await salable(gateway, "few") == [1]

    await until(has_come_back)
    assert await state(gateway, longer) == "held"
    assert await state(gateway, order) == "confirmed"


async def test_a_hold_ends_with_its_time_and_not_before(gateway: Gateway) -> None:
    made = await held(gateway, line("few", 3), ttl_seconds=1)
    until_ms = ms_of((await look(gateway, made)).json["expires_at"])
    while await state(gateway, made) == "held":
        before_ms = await store_ms(gateway)
        (left,) = await salable(gateway, "few")
        if before_ms >= until_ms:
            break
        after_ms = await store_ms(gateway)
        assert left == 0 or after_ms >= until_ms
    assert await store_ms(gateway) >= until_ms

    async def can_be_had() -> bool:
        await gateway.keep()
        return await salable(gateway, "few") == [3]

    await until(can_be_had)
    assert await state(gateway, made) == "expired"


async def test_expiry_is_judged_when_somebody_else_wants_the_units(gateway: Gateway) -> None:
    """Nobody has looked after it: no upkeep, no reading."""
    made = await held(gateway, line("few", 3), ttl_seconds=1)
    until_ms = ms_of((await look(gateway, made)).json["expires_at"])

    async def is_over() -> bool:
        return await store_ms(gateway) > until_ms

    await until(is_over)
    assert problem(await step(gateway, made, "confirm", {"order_ref": ORDER})) == GONE
    await held(gateway, line("few", 3))


async def test_every_callers_reservation_can_be_led_on_by_the_checkout(gateway: Gateway) -> None:
    name = await held(gateway, line("A-100", 1), key=ALL)
    answered = await step(gateway, name, "confirm", {"order_ref": ORDER}, key=CHECKOUT)
    assert (answered.status, answered.json["order_ref"]) == (200, ORDER)
