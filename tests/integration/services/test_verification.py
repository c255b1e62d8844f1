from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
import pytest

from gateway.services.verification import Kind, Verification
from gateway.store.hold_entries import HoldEntries
from gateway.store.keys import Keyspace
from tests.gateway_server import Gateway
from tests.integration.api.conftest import fill
from tests.promising_gateway import held, line, promising, salable, step

KEYS = Keyspace("ss")


@pytest.fixture
async def gateway(redis_url: str, database: str) -> AsyncIterator[Gateway]:
    async with promising(redis_url, database) as gateway:
        await fill(gateway)
        await gateway.keep()
        yield gateway


def verification(gateway: Gateway) -> Verification:
    parts = gateway.parts
    assert parts.promising is not None
    entries = HoldEntries(parts.client, KEYS, parts.lane)
    return Verification(parts.promising.journal, entries, parts.promising.holds)


async def differences(gateway: Gateway) -> Sequence[tuple[str, Kind, str]]:
    seconds, _ = await gateway.parts.client.redis.time()
    report = await verification(gateway).verify(int(seconds) * 1000)
    return [(one.sku, one.kind, one.reservation) for one in report.differences]


async def test_what_was_promised_is_held_in_every_state(gateway: Gateway) -> None:
    names = [await held(gateway, line("A-100", 2), line("few", 0.5)) for _ in range(4)]
    await step(gateway, names[1], "confirm", {"order_ref": "O-1"})
    await step(gateway, names[2], "release")
    await step(gateway, names[3], "confirm", {"order_ref": "O-2"})
    await gateway.ask("/v1/orders/O-2/acknowledge", "POST", key="all-secret")
    assert await differences(gateway) == []


async def _lose(gateway: Gateway, sku: str, _name: str) -> None:
    await gateway.parts.client.redis.delete(*KEYS.holds(sku)[1:])


async def _forget(gateway: Gateway, sku: str, name: str) -> None:
    await gateway.parts.client.redis.hdel(KEYS.holds(sku)[2], name)


async def _change(gateway: Gateway, sku: str, name: str) -> None:
    entry = msgspec.msgpack.encode([1, 1, 9_999_999_999_999, "", "W1", 1])
    await gateway.parts.client.redis.hset(KEYS.holds(sku)[2], name, entry)


async def _invent(gateway: Gateway, sku: str, _name: str) -> None:
    await _change(gateway, sku, "r_stray")


async def _miscount(gateway: Gateway, sku: str, _name: str) -> None:
    await gateway.parts.client.redis.set(KEYS.taken(sku), msgspec.msgpack.encode([["W1", 5, []]]))


async def _spoil(gateway: Gateway, sku: str, _name: str) -> None:
    await gateway.parts.client.redis.set(KEYS.taken(sku), b"not ours")


DAMAGE: list[tuple[Callable[[Gateway, str, str], object], set[Kind]]] = [
    (_lose, {Kind.MISSING}),
    (_forget, {Kind.MISSING, Kind.MISCOUNTED}),
    (_change, {Kind.DIFFERENT, Kind.MISCOUNTED}),
    (_invent, {Kind.STRAY, Kind.MISCOUNTED}),
    (_miscount, {Kind.MISCOUNTED}),
]


@pytest.mark.parametrize(("damage", "kinds"), DAMAGE, ids=lambda one: getattr(one, "__name__", ""))
async def test_damage_is_found_and_put_right(
    gateway: Gateway, damage: Callable[[Gateway, str, str], object], kinds: set[Kind]
) -> None:
    name = await held(gateway, line("A-100", 2), line("few", 1))
    before = await salable(gateway, "A-100", "few")
    await damage(gateway, "A-100", name)  # type: ignore[misc] # each is a coroutine function
    found = await differences(gateway)
    assert {kind for _, kind, _ in found} == kinds
    assert {sku for sku, _, _ in found} == {"A-100"}
    checking = verification(gateway)
    seconds, _ = await gateway.parts.client.redis.time()
    report = await checking.verify(int(seconds) * 1000)
    await checking.repair(report.differences)
    assert await differences(gateway) == []
    assert await salable(gateway, "A-100", "few") == before
    assert (await step(gateway, name, "release")).json["state"] == "released"
    assert await salable(gateway, "A-100", "few") == [37, 3]


async def test_a_sum_without_holds_is_found(gateway: Gateway) -> None:
    await _miscount(gateway, "few", "")
    assert await differences(gateway) == [("few", Kind.MISCOUNTED, "")]


async def test_what_is_under_way_is_no_difference(gateway: Gateway) -> None:
    parts = gateway.parts
    assert parts.promising is not None
    seconds, _ = await parts.client.redis.time()
    # Since when it is pending: an hour ahead, however slow the machine is.
    entry = msgspec.msgpack.encode([0, 0, (int(seconds) + 3600) * 1000, "", "W1", 1000])
    await parts.client.redis.hset(KEYS.holds("few")[2], "r_now", entry)
    await parts.client.redis.set(KEYS.taken("few"), msgspec.msgpack.encode([["W1", 1000, []]]))
    assert await differences(gateway) == []
