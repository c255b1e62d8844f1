"""A shop whose stock can be promised, and what tests of reservations ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from gateway.domain.quantities import to_milli
from gateway.domain.stock import StockLevel
from gateway.store.entries import Op, pack_op
from gateway.store.level_codec import level_payload
from tests.gateway_server import ALL, CHECKOUT, Answered, Gateway
from tests.integration.api.conftest import CHANNELS, fill
from tests.priced_gateway import priced
from tests.promising_gateway import promising

PATIENCE: Final = 30
"""Seconds after which what was waited for will not come."""

PRIVATE: Final = "private, no-store"


@asynccontextmanager
async def shop(redis_url: str, ledger_dsn: str, **sections: Any) -> AsyncIterator[Gateway]:
    """A gateway with a little of everything in stock, and nothing promised yet."""
    async with promising(redis_url, ledger_dsn, **{"channels": CHANNELS, **sections}) as gateway:
        await fill(gateway)
        await gateway.keep()
        yield gateway


@asynccontextmanager
async def priced_shop(redis_url: str, ledger_dsn: str, **sections: Any) -> AsyncIterator[Gateway]:
    """The shop of `tests.priced_gateway`, which signs its prices, with a ledger."""
    ledger = {"dsn": ledger_dsn, "timeout": "10s"}
    async with priced(redis_url, **{"ledger": ledger, **sections}) as gateway:
        await gateway.keep()
        yield gateway


async def price_token(gateway: Gateway, *lines: Mapping[str, Any], **more: Any) -> str:
    """The prices that a checkout gives for these lines, signed."""
    body = {"lines": list(lines), **more}
    answered = await gateway.ask("/v1/checkout", "POST", key=CHECKOUT, json=body)
    token: str = answered.json["price_token"]
    assert token
    return token


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once it is so."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.02)


async def level(
    gateway: Gateway, sku: str, quantity: float, figure_ms: int, *, location: str = "W1"
) -> None:
    """Put a level as the ERP knew it at that moment (its `updated_at`)."""
    store = gateway.store
    store._version += 1
    payload = level_payload(StockLevel(to_milli(quantity)))
    name = location.encode()
    written = pack_op(Op.PUT, 0, store._feed, 0, store._version, figure_ms, name, payload)
    await store._put(store._encoder.place_of_stock(sku), [written])


async def look(gateway: Gateway, reservation: str, *, key: str = ALL) -> Answered:
    """Read a reservation."""
    return await gateway.ask(f"/v1/reservations/{reservation}", key=key)


async def state(gateway: Gateway, reservation: str) -> str:
    """What has become of a reservation."""
    answered = await look(gateway, reservation)
    assert answered.status == 200, answered
    found: str = answered.json["state"]
    return found


async def until_it_is(gateway: Gateway, reservation: str, wanted: str) -> None:
    """Return once a reservation is in this state."""

    async def is_so() -> bool:
        return await state(gateway, reservation) == wanted

    await until(is_so)


async def store_ms(gateway: Gateway) -> int:
    """The time by the store's clock, in milliseconds since the epoch."""
    seconds, microseconds = await gateway.store.client.redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def ms_of(moment: str) -> int:
    """A moment as it was told, in milliseconds since the epoch."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def problem(answered: Answered) -> tuple[int, str]:
    """The status and the name of a problem, which must be told as one, to its caller alone."""
    assert answered.headers["Content-Type"] == "application/problem+json", answered
    assert answered.headers["Cache-Control"] == PRIVATE, answered
    assert answered.json["status"] == answered.status, answered
    kind: str = answered.json["type"]
    return answered.status, kind.removeprefix("/problems/")


def wrong_fields(answered: Answered) -> Sequence[str]:
    """The fields that a refusal names."""
    assert problem(answered) == (400, "invalid-request"), answered
    return [error["field"] for error in answered.json["errors"]]


async def acknowledge(
    gateway: Gateway, order_ref: str, at: str | None = None, status: str | None = None
) -> Answered:
    """Say what the ERP says of an order."""
    body = {"acknowledged_at": at, "status": status}
    told = {name: value for name, value in body.items() if value is not None}
    path = f"/v1/orders/{order_ref}/acknowledge"
    return await gateway.ask(path, "POST", key=CHECKOUT, json=told)
