"""A gateway that makes promises: a real store, a real ledger, and the usual stock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

from tests.gateway_server import ALL, Answered, Gateway, running

_keys: Final = count()


@asynccontextmanager
async def promising(redis_url: str, database: str, **sections: Any) -> AsyncIterator[Gateway]:
    """A gateway with a ledger; its upkeep is done by `Gateway.keep` alone."""
    # A test's machine may be slow; the deadline itself is tested where it matters.
    ledger = {"dsn": database, "timeout": "10s"}
    async with running(redis_url, **{"ledger": ledger, **sections}) as gateway:
        yield gateway


def line(sku: str, quantity: float, location: str | None = None) -> Mapping[str, Any]:
    """A line of a reservation."""
    return {
        "sku": sku,
        "quantity": quantity,
        **({} if location is None else {"location": location}),
    }


async def reserve(
    gateway: Gateway,
    *lines: Mapping[str, Any],
    key: str = ALL,
    idempotency_key: str | None = None,
    **more: Any,
) -> Answered:
    """Ask for a reservation, with a key of its own unless one is given."""
    headers = {"Idempotency-Key": idempotency_key or f"test-{next(_keys)}"}
    body = {"lines": list(lines), **more}
    return await gateway.ask("/v1/reservations", "POST", key=key, headers=headers, json=body)


async def held(gateway: Gateway, *lines: Mapping[str, Any], **more: Any) -> str:
    """The id of a reservation that was made."""
    answered = await reserve(gateway, *lines, **more)
    assert answered.status == 201, answered
    found: str = answered.json["reservation"]
    return found


async def step(
    gateway: Gateway, reservation: str, act: str, body: Any = None, *, key: str = ALL
) -> Answered:
    """Let something happen to a reservation."""
    path = f"/v1/reservations/{reservation}/{act}"
    return await gateway.ask(path, "POST", key=key, json={} if body is None else body)


async def salable(gateway: Gateway, *skus: str) -> Sequence[float]:
    """The exact figures."""
    query = "&".join(f"sku={sku}" for sku in skus)
    answered = await gateway.ask(f"/v1/stock?{query}", key=ALL)
    assert answered.status == 200, answered
    return [item["salable"] for item in answered.json["items"]]
