"""What breaks half-way is settled by the ledger: given back, or kept, and never both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import pytest

from gateway.domain.errors import VoidedError
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import Act, Allocation, Reservation, ReservedLine, State
from gateway.store.holds import Outcome, Wanted
from gateway.wiring.promising import Promising
from tests.gateway_server import ALL, NOON_MS, Gateway
from tests.integration.api.conftest import fill
from tests.integration.api.reserving import problem, shop, state, store_ms, until, until_it_is
from tests.promising_gateway import held, line, reserve, salable, step

NAME: Final = "r_left-behind"
PENDING, HELD, CONFIRMED = 0, 1, 3
"""States of entries in the store (taken.lua)."""


@pytest.fixture
async def gateway(redis_url: str, database: str) -> AsyncIterator[Gateway]:
    async with shop(redis_url, database) as gateway:
        yield gateway


def _parts(gateway: Gateway) -> Promising:
    assert gateway.parts.promising is not None
    return gateway.parts.promising


async def _pending(gateway: Gateway, *, ttl_ms: int = 600_000) -> Reservation:
    """Units that a gateway took of two SKUs before it was killed."""
    wanted = [Wanted("few", {"W1": (2_000, 0)}), Wanted("A-100", {"W1": (5_000, 0)})]
    judged = await _parts(gateway).holds.hold(NAME, wanted, None, 0)
    assert judged == [Outcome.DONE, Outcome.DONE]
    assert await salable(gateway, "few", "A-100") == [1, 32]
    return Reservation(
        NAME,
        1,
        State.HELD,
        await store_ms(gateway) + ttl_ms,
        (
            ReservedLine("few", 2_000, (Allocation("W1", 2_000),)),
            ReservedLine("A-100", 5_000, (Allocation("W1", 5_000),)),
        ),
        "web",
        "all",
    )


async def _entry(gateway: Gateway, name: str, sku: str = "few") -> int | None:
    """The state in which the store has a reservation of a SKU."""
    packed = await gateway.store.client.redis.hget(gateway.store.keys.holds(sku)[2], name)
    if packed is None:
        return None
    found: int = msgspec.msgpack.decode(packed)[0]
    return found


async def _until_entries_are(gateway: Gateway, name: str, wanted: int, *skus: str) -> None:
    async def is_so() -> bool:
        await gateway.keep()
        return {await _entry(gateway, name, sku) for sku in skus} == {wanted}

    await until(is_so)


async def _until_salable(gateway: Gateway, *figures: float) -> None:
    async def is_so() -> bool:
        await gateway.keep()
        return await salable(gateway, "few", "A-100") == list(figures)

    await until(is_so)


async def test_what_was_never_promised_is_given_back_and_never_will_be(gateway: Gateway) -> None:
    late = await _pending(gateway)
    await gateway.keep()
    # Not before it is in doubt: its gateway may only be slow.
    assert await _entry(gateway, NAME) == PENDING
    await _until_salable(gateway, 3, 37)
    with pytest.raises(VoidedError):
        await _parts(gateway).journal.open(late, None)
    answered = await gateway.ask(f"/v1/reservations/{NAME}", key=ALL)
    assert problem(answered) == (404, "unknown-reservation")
    # Should the script itself come late, it takes nothing any more.
    judged = await _parts(gateway).holds.hold(NAME, [Wanted("few", {"W1": (1, 0)})], None, 0)
    assert judged == [Outcome.SUPERSEDED]
    assert await salable(gateway, "few", "A-100") == [3, 37]


async def test_what_was_promised_is_kept(gateway: Gateway) -> None:
    promised = await _pending(gateway)
    await _parts(gateway).journal.open(promised, None)
    await _until_entries_are(gateway, NAME, HELD, "few", "A-100")
    assert await salable(gateway, "few", "A-100") == [1, 32]
    assert await state(gateway, NAME) == "held"
    assert (await step(gateway, NAME, "confirm", {"order_ref": "O-1"})).status == 200
    assert await salable(gateway, "few", "A-100") == [1, 32]


async def test_what_was_promised_ends_with_its_time(gateway: Gateway) -> None:
    promised = await _pending(gateway, ttl_ms=500)
    await _parts(gateway).journal.open(promised, None)
    await _until_salable(gateway, 3, 37)
    assert await state(gateway, NAME) == "expired"


async def test_of_a_promise_that_reached_one_sku_the_other_is_settled(gateway: Gateway) -> None:
    promised = await _pending(gateway)
    parts = _parts(gateway)
    await parts.journal.open(promised, None)
    await parts.holds.settle(msgspec.structs.replace(promised, lines=promised.lines[:1]))
    assert (await _entry(gateway, NAME), await _entry(gateway, NAME, "A-100")) == (HELD, PENDING)
    await _until_entries_are(gateway, NAME, HELD, "few", "A-100")
    assert await salable(gateway, "few", "A-100") == [1, 32]


async def test_a_confirmation_that_the_store_never_heard_of_stays(gateway: Gateway) -> None:
    parts = _parts(gateway)
    name = await held(gateway, line("few", 2), line("A-100", 5), ttl_seconds=1)
    was = (await parts.journal.find([name]))[name]
    assert await parts.holds.pin(was) == [Outcome.DONE, Outcome.DONE]
    assert await parts.journal.move(was.next(State.CONFIRMED, order_ref="O-1"), Act.CONFIRM)
    await _until_entries_are(gateway, name, CONFIRMED, "few", "A-100")
    assert await state(gateway, name) == "confirmed"
    assert await store_ms(gateway) > was.expires_ms
    assert await salable(gateway, "few", "A-100") == [1, 32]


async def test_a_step_that_was_begun_and_never_written_down_comes_too_late(
    gateway: Gateway,
) -> None:
    parts = _parts(gateway)
    name = await held(gateway, line("few", 2), ttl_seconds=600)
    was = (await parts.journal.find([name]))[name]
    await parts.holds.pin(was)
    await _until_entries_are(gateway, name, HELD, "few")
    assert await parts.journal.move(was.next(State.RELEASED), Act.RELEASE) is None
    assert await state(gateway, name) == "held"
    assert (await step(gateway, name, "release")).json["state"] == "released"
    assert await salable(gateway, "few") == [3]


async def test_a_pinned_hold_whose_time_is_over_is_given_back(gateway: Gateway) -> None:
    parts = _parts(gateway)
    name = await held(gateway, line("few", 2), ttl_seconds=1)
    was = (await parts.journal.find([name]))[name]
    await parts.holds.pin(was)
    await _until_salable(gateway, 3, 37)
    assert await state(gateway, name) == "expired"
    late = was.next(State.CONFIRMED, order_ref="O-1")
    assert await parts.journal.move(late, Act.CONFIRM) is None


async def test_a_release_that_the_store_never_heard_of_gives_back(gateway: Gateway) -> None:
    parts = _parts(gateway)
    name = await held(gateway, line("few", 2), line("A-100", 5))
    was = (await parts.journal.find([name]))[name]
    await parts.holds.pin(was)
    assert await parts.journal.move(was.next(State.RELEASED), Act.RELEASE)
    await _until_salable(gateway, 3, 37)


async def test_the_ledger_learns_that_a_hold_is_over(gateway: Gateway) -> None:
    parts = _parts(gateway)
    name = await held(gateway, line("few", 2), ttl_seconds=1)

    async def is_written_down() -> bool:
        await gateway.keep()
        return (await parts.journal.find([name]))[name].state is State.EXPIRED

    await until(is_written_down)
    assert await salable(gateway, "few") == [3]


async def test_nothing_is_left_of_what_has_ended(gateway: Gateway) -> None:
    """Neither units nor entries that are looked at for ever."""
    for _ in range(5):
        await held(gateway, line("few", 0.5), ttl_seconds=1, customer="C-1")
    last = await held(gateway, line("few", 0.5), ttl_seconds=1)
    await until_it_is(gateway, last, "expired")
    keys, redis = gateway.store.keys, gateway.store.client.redis

    async def is_empty() -> bool:
        await gateway.keep()
        return not await redis.exists(*keys.holds("few")[1:], keys.due)

    await until(is_empty)


async def test_units_that_the_store_lost_before_they_were_promised_are_not_promised(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failover that lost a pending hold, of which the ledger was just being told."""
    journal, keys = _parts(gateway).journal, gateway.store.keys
    opens = journal.open

    async def open_as_the_store_forgets(*arguments: Any) -> None:
        await opens(*arguments)
        await gateway.store.client.redis.delete(*keys.holds("few")[1:])

    monkeypatch.setattr(journal, "open", open_as_the_store_forgets)
    lost = await reserve(gateway, line("few", 2), idempotency_key="k")
    assert problem(lost) == (503, "store-unavailable")
    assert await salable(gateway, "few") == [3]
    monkeypatch.undo()
    # Whoever is told at last that it is held can rely on it.
    again = await reserve(gateway, line("few", 2), idempotency_key="k")
    assert again.status == 201
    assert await state(gateway, again.json["reservation"]) == "held"
    assert await salable(gateway, "few") == [1]


async def test_left_to_itself_all_of_it_is_done(gateway: Gateway) -> None:
    upkeep = _parts(gateway).upkeep
    working = asyncio.create_task(upkeep.run())
    try:
        order = await held(gateway, line("A-100", 5))
        await step(gateway, order, "confirm", {"order_ref": "O-1"})
        await held(gateway, line("few", 3), ttl_seconds=1)

        async def has_lapsed() -> bool:
            return await salable(gateway, "few") == [3]

        await until(has_lapsed)
        await gateway.store.ack(OrderAck("O-1", NOON_MS, AckStatus.CANCELLED))
        await until_it_is(gateway, order, "cancelled")
        await held(gateway, line("few", 2))
        await gateway.store.client.redis.flushall()
        await fill(gateway)

        async def is_restored() -> bool:
            answered = await gateway.ask("/v1/stock?sku=few&sku=A-100", key=ALL)
            if answered.status != 200:
                return False
            assert [item["salable"] for item in answered.json["items"]] == [1, 37]
            return (await reserve(gateway, line("few", 1))).status == 201

        await until(is_restored)
        assert not working.done()
    finally:
        working.cancel()
        await asyncio.wait([working])
