"""The same key and body: the same bytes and one effect, whatever became of it (CONTRACT 6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.gateway_server import ALL, CHECKOUT, NOON_MS, Answered, Gateway
from tests.integration.api.conftest import CHANNELS, fill
from tests.integration.api.reserving import (
    price_token,
    priced_shop,
    problem,
    shop,
    state,
    until_it_is,
)
from tests.promising_gateway import line, promising, reserve, salable, step

HOUR_MS = 3_600_000


@pytest.fixture
async def gateway(redis_url: str, ledger_dsn: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger_dsn) as gateway:
        yield gateway


def _same(one: Answered, other: Answered) -> bool:
    kind = "Content-Type"
    return (one.status, one.headers[kind], one.body) == (
        *(other.status, other.headers[kind]),
        other.body,
    )


async def test_asked_again_it_is_told_again_and_done_once(gateway: Gateway) -> None:
    first = await reserve(gateway, line("A-100", 3), idempotency_key="k")
    assert first.status == 201
    for _ in range(3):
        assert _same(await reserve(gateway, line("A-100", 3), idempotency_key="k"), first)
    assert await salable(gateway, "A-100") == [34]


async def test_the_first_answer_comes_whatever_became_of_the_reservation(gateway: Gateway) -> None:
    for act, body in (("confirm", {"order_ref": "O-1"}), ("release", None)):
        first = await reserve(gateway, line("A-100", 3), idempotency_key=act)
        await step(gateway, first.json["reservation"], act, body)
        assert _same(await reserve(gateway, line("A-100", 3), idempotency_key=act), first)
        assert await salable(gateway, "A-100") == [34]  # the order's
    first = await reserve(gateway, line("A-100", 3), idempotency_key="e", ttl_seconds=1)
    await until_it_is(gateway, first.json["reservation"], "expired")
    again = await reserve(gateway, line("A-100", 3), idempotency_key="e", ttl_seconds=1)
    assert _same(again, first)
    assert await salable(gateway, "A-100") == [34]


async def test_a_refusal_stays_when_the_stock_has_changed(gateway: Gateway) -> None:
    short = await reserve(gateway, line("few", 4), idempotency_key="s")
    unknown = await reserve(gateway, line("new", 1), idempotency_key="u")
    place = await reserve(gateway, line("few", 1, "W9"), idempotency_key="p")
    channel = await reserve(gateway, line("few", 1), idempotency_key="c", channel="moon")
    await gateway.store.stock("few", {"W1": 100})
    await gateway.store.stock("new", {"W1": 100})
    for first, kind in (
        (short, (409, "insufficient-stock")),
        (unknown, (404, "unknown-sku")),
        (place, (404, "unknown-location")),
        (channel, (404, "unknown-channel")),
    ):
        assert problem(first) == kind
    assert _same(await reserve(gateway, line("few", 4), idempotency_key="s"), short)
    assert _same(await reserve(gateway, line("new", 1), idempotency_key="u"), unknown)
    assert _same(await reserve(gateway, line("few", 1, "W9"), idempotency_key="p"), place)
    again = await reserve(gateway, line("few", 1), idempotency_key="c", channel="moon")
    assert _same(again, channel)
    assert await salable(gateway, "few", "new") == [100, 100]


async def test_a_promise_stays_when_the_stock_is_gone(gateway: Gateway) -> None:
    first = await reserve(gateway, line("few", 3), idempotency_key="k")
    await gateway.store.stock("few", {"W1": 0})
    assert _same(await reserve(gateway, line("few", 3), idempotency_key="k"), first)


async def test_another_body_is_another_request(gateway: Gateway) -> None:
    first = await reserve(gateway, line("A-100", 3), idempotency_key="k")
    for lines, more in (
        ([line("A-100", 4)], {}),
        ([line("A-100", 3, "W1")], {}),
        ([line("A-100", 3)], {"ttl_seconds": 900}),
        ([line("A-100", 3)], {"customer": "C-1"}),
    ):
        refused = await reserve(gateway, *lines, idempotency_key="k", **more)
        assert problem(refused) == (422, "idempotency-mismatch")
    refusal = await reserve(gateway, line("few", 4), idempotency_key="r")
    assert problem(refusal) == (409, "insufficient-stock")
    other = await reserve(gateway, line("few", 3), idempotency_key="r")
    assert problem(other) == (422, "idempotency-mismatch")
    assert _same(await reserve(gateway, line("A-100", 3), idempotency_key="k"), first)
    assert await salable(gateway, "A-100", "few") == [34, 3]


async def test_the_keys_of_two_callers_never_meet(gateway: Gateway) -> None:
    one = await reserve(gateway, line("A-100", 3), idempotency_key="k", key=ALL)
    other = await reserve(gateway, line("A-100", 3), idempotency_key="k", key=CHECKOUT)
    assert (one.status, other.status) == (201, 201)
    assert one.json["reservation"] != other.json["reservation"]
    assert await salable(gateway, "A-100") == [31]
    third = await reserve(gateway, line("few", 4), idempotency_key="s", key=ALL)
    public = await reserve(gateway, line("few", 4), idempotency_key="s", key=CHECKOUT)
    assert "salable" in third.json["lines"][0]
    assert "salable" not in public.json["lines"][0]
    fourth = await reserve(gateway, line("few", 1), idempotency_key="t", key=ALL)
    fifth = await reserve(gateway, line("few", 2), idempotency_key="t", key=CHECKOUT)
    assert (fourth.status, fifth.status) == (201, 201)


@pytest.mark.parametrize(("quantity", "status", "left"), [(3, 201, 34), (38, 409, 37)])
async def test_thirty_at_once_have_one_effect(
    gateway: Gateway, quantity: float, status: int, left: float
) -> None:
    asked = [reserve(gateway, line("A-100", quantity), idempotency_key="k") for _ in range(30)]
    answers = await asyncio.gather(*asked)
    last = await reserve(gateway, line("A-100", quantity), idempotency_key="k")
    assert last.status == status
    waiting = (409, "idempotency-in-progress")
    told = [one for one in answers if one.status == 201 or problem(one) != waiting]
    for one in answers:
        if one not in told:
            assert int(one.headers["Retry-After"]) > 0
    assert told
    assert all(_same(one, last) for one in told)
    assert await salable(gateway, "A-100") == [left]


async def test_of_two_workers_one_makes_it(
    gateway: Gateway, redis_url: str, ledger_dsn: str
) -> None:
    async with promising(redis_url, ledger_dsn, channels=CHANNELS) as other:
        await other.refresh()
        for key in ("a", "b", "c"):
            asked = [
                reserve(worker, line("A-100", 1), idempotency_key=key)
                for worker in (gateway, other) * 4
            ]
            made = [answer for answer in await asyncio.gather(*asked) if answer.status == 201]
            assert len({answer.body for answer in made}) == 1
            for worker in (gateway, other):
                assert _same(await reserve(worker, line("A-100", 1), idempotency_key=key), made[0])
        assert await salable(gateway, "A-100") == [34]


async def test_claims_that_were_lost_do_not_make_it_twice(gateway: Gateway) -> None:
    """What the store knows of keys only saves work: the ledger decides."""
    made = await reserve(gateway, line("few", 2), idempotency_key="m")
    short = await reserve(gateway, line("few", 2), idempotency_key="s")
    redis = gateway.store.client.redis

    async def forget() -> None:
        every = gateway.store.keys.claim("").partition(b"{")[0] + b"*"
        claims = [key async for key in redis.scan_iter(every)]
        await redis.delete(*claims)

    for _ in range(2):
        await forget()
        assert _same(await reserve(gateway, line("few", 2), idempotency_key="m"), made)
        assert _same(await reserve(gateway, line("few", 2), idempotency_key="s"), short)
    await forget()
    other = await reserve(gateway, line("few", 1), idempotency_key="m")
    assert problem(other) == (422, "idempotency-mismatch")
    assert await salable(gateway, "few") == [1]


async def test_a_mistake_is_no_answer_that_stays(gateway: Gateway) -> None:
    wrong = await reserve(gateway, line("few", 0), idempotency_key="k")
    assert problem(wrong) == (400, "invalid-request")
    assert (await reserve(gateway, line("few", 1), idempotency_key="k")).status == 201


async def test_a_store_that_lost_everything_does_not_forget_what_was_told(
    gateway: Gateway,
) -> None:
    made = await reserve(gateway, line("few", 3), idempotency_key="m")
    short = await reserve(gateway, line("few", 4), idempotency_key="s")
    unknown = await reserve(gateway, line("new", 1), idempotency_key="u")
    await gateway.store.client.redis.flushall()
    await fill(gateway)
    await gateway.store.stock("new", {"W1": 100})
    await gateway.keep()
    assert await salable(gateway, "few") == [0]
    assert _same(await reserve(gateway, line("few", 3), idempotency_key="m"), made)
    assert _same(await reserve(gateway, line("few", 4), idempotency_key="s"), short)
    assert _same(await reserve(gateway, line("new", 1), idempotency_key="u"), unknown)
    for key in ("m", "s", "u"):
        other = await reserve(gateway, line("A-100", 1), idempotency_key=key)
        assert problem(other) == (422, "idempotency-mismatch")
    assert await salable(gateway, "few", "new", "A-100") == [0, 100, 37]
    assert await state(gateway, made.json["reservation"]) == "held"


async def test_a_customer_at_the_cap_is_still_told_what_was_told(
    redis_url: str, ledger_dsn: str
) -> None:
    reservations = {"open_per_customer": 1}
    async with shop(redis_url, ledger_dsn, reservations=reservations) as gateway:
        made = await reserve(gateway, line("few", 1), customer="C-1", idempotency_key="m")
        await gateway.store.client.redis.flushall()
        await fill(gateway)
        await gateway.keep()
        again = await reserve(gateway, line("few", 1), customer="C-1", idempotency_key="m")
        assert _same(again, made)


async def test_a_price_token_that_has_expired_since_does_not_change_the_answer(
    redis_url: str, ledger_dsn: str
) -> None:
    async with priced_shop(redis_url, ledger_dsn) as gateway:
        asked = line("A-100", 10)
        token = await price_token(gateway, asked)
        made = await reserve(gateway, asked, price_token=token, idempotency_key="k")
        assert made.status == 201
        gateway.clock.now_ms = NOON_MS + 2 * HOUR_MS
        again = await reserve(gateway, asked, price_token=token, idempotency_key="k")
        assert _same(again, made)
