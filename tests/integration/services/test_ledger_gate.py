"""PostgreSQL goes away and comes back: lookups notice nothing, nothing is promised meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from stockspan.embedded.postgres import EmbeddedPostgres
from tests.gateway_server import Gateway
from tests.integration.api.conftest import CHANNELS
from tests.integration.api.reserving import acknowledge, look, problem, shop, state, until
from tests.promising_gateway import held, line, promising, reserve, salable, step

AWAY = (503, "store-unavailable")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of its own: it is stopped and killed here."""
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
async def gateway(redis_url: str, ledger: EmbeddedPostgres) -> AsyncIterator[Gateway]:
    async with shop(redis_url, ledger.dsn(), ledger={"dsn": ledger.dsn()}) as gateway:
        yield gateway


async def _back(gateway: Gateway) -> None:
    """Return once upkeep has found that the ledger answers."""
    assert gateway.parts.promising is not None
    reservations = gateway.parts.promising.reservations

    async def is_back() -> bool:
        await gateway.keep()
        return not reservations._gate.away

    await until(is_back)


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_it_goes_away_and_comes_back(
    gateway: Gateway, ledger: EmbeddedPostgres, end: str
) -> None:
    name = await held(gateway, line("few", 1), line("A-100", 1))
    before = await gateway.ask("/v1/stock/few", key="exact-secret")
    getattr(ledger, end)()
    # Lookups are the same, bytes and all.
    after = await gateway.ask("/v1/stock/few", key="exact-secret")
    assert (after.status, after.body) == (200, before.body)
    first = await reserve(gateway, line("A-100", 2), idempotency_key="k")
    assert problem(first) == AWAY
    assert int(first.headers["Retry-After"]) > 0
    # What was pending then may be taken until the ledger says that it was never promised. After
    # that, no more is taken.
    (left,) = await salable(gateway, "A-100")
    assert left in {36, 34}
    for _ in range(3):
        assert problem(await reserve(gateway, line("A-100", 3))) == AWAY
        assert await salable(gateway, "A-100") == [left]
    for act in ("confirm", "release", "extend", "cancel"):
        assert problem(await step(gateway, name, act, {"order_ref": "O-1"})) == AWAY
    assert problem(await look(gateway, name)) == AWAY
    assert problem(await acknowledge(gateway, "O-1")) == AWAY
    await gateway.keep()
    assert problem(await reserve(gateway, line("A-100", 3))) == AWAY
    assert (await gateway.ask("/readyz")).status == 200
    ledger.start()
    await _back(gateway)
    made = await reserve(gateway, line("A-100", 2), idempotency_key="k")
    assert made.status == 201
    assert await state(gateway, name) == "held"
    assert (await step(gateway, name, "confirm", {"order_ref": "O-1"})).status == 200

    async def is_counted_once() -> bool:
        await gateway.keep()
        return await salable(gateway, "A-100", "few") == [34, 2]

    await until(is_counted_once)


async def test_holds_lapse_while_it_is_away(gateway: Gateway, ledger: EmbeddedPostgres) -> None:
    await held(gateway, line("few", 3), ttl_seconds=1)
    ledger.kill()

    async def has_lapsed() -> bool:
        await gateway.keep()
        return await salable(gateway, "few") == [3]

    await until(has_lapsed)
    ledger.start()
    await _back(gateway)
    await held(gateway, line("few", 3))


async def test_a_gateway_that_starts_meanwhile_answers_lookups(
    gateway: Gateway, ledger: EmbeddedPostgres, redis_url: str
) -> None:
    await held(gateway, line("few", 1))
    ledger.stop()
    ours: dict[str, Any] = {"channels": CHANNELS, "ledger": {"dsn": ledger.dsn()}}
    async with promising(redis_url, "", **ours) as other:
        await other.refresh()
        await other.keep()
        assert await salable(other, "few") == [2]
        assert problem(await reserve(other, line("few", 1))) == AWAY
        ledger.start()
        await _back(other)
        await held(other, line("few", 2))
        assert await salable(other, "few") == [0]
