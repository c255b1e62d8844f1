"""Asks the gateway for prices, as the shop's server: the key stays here and never meets a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec

_PATIENCE_SECONDS: Final = 5.0
_UNREADABLE: Final = (
    aiohttp.ClientError,
    TimeoutError,
    OSError,
    msgspec.DecodeError,
    UnicodeDecodeError,  # which is how msgspec says that a text in JSON is not UTF-8
)


class GatewayAwayError(Exception):
    """The gateway does not answer, or not in JSON."""


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """So many of one article."""

    sku: str
    quantity: float = 1


class Basket(msgspec.Struct, forbid_unknown_fields=True):
    """Lines for one customer, or for nobody in particular in a channel."""

    lines: Sequence[Line]
    customer: str | None = None
    channel: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the gateway said; `body` may be a problem (RFC 9457)."""

    status: int
    body: Mapping[str, Any]


class GatewayPrices:
    """What the gateway charges whom."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str) -> None:
        self._session = session
        self._address = f"{gateway}/v1/prices"

    async def ask(self, basket: Basket) -> Answer:
        """Prices of all lines. Raises GatewayAwayError."""
        body = msgspec.to_builtins(basket)
        given = {name: value for name, value in body.items() if value is not None}
        return await self._answer("POST", f"{self._address}/query", json=given)

    async def explain(self, line: Line, customer: str | None, channel: str | None) -> Answer:
        """The price of one line, with all that was considered. Raises GatewayAwayError."""
        amount = f"{line.quantity:.3f}".rstrip("0").rstrip(".")
        asked = {"sku": line.sku, "quantity": amount, "customer": customer, "channel": channel}
        query = {name: value for name, value in asked.items() if value is not None}
        return await self._answer("GET", self._address, params={**query, "explain": "true"})

    async def _answer(self, method: str, address: str, **more: Any) -> Answer:
        try:
            async with self._session.request(method, address, **more) as response:
                body = msgspec.json.decode(await response.read())
                if not isinstance(body, dict):
                    raise GatewayAwayError("the answer is no JSON object")
                return Answer(response.status, body)
        except _UNREADABLE as error:
            raise GatewayAwayError(str(error)) from error


@asynccontextmanager
async def open_prices(gateway: str, key: str) -> AsyncIterator[GatewayPrices]:
    """The prices of the gateway at this address, asked with this key."""
    headers = {"Authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=False) as session:
        yield GatewayPrices(session, gateway)
