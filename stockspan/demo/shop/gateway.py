"""Asks the gateway, as the shop's server: its keys stay here and never meet a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
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


@dataclass(frozen=True)
class Answer:
    """What the gateway said; `body` may be a problem (RFC 9457)."""

    status: int
    body: Mapping[str, Any]


class Gateway:
    """The gateway at an address, asked with one key."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """One answer; `more` as aiohttp takes it. Raises GatewayAwayError."""
        try:
            async with self._session.request(method, self._address + path, **more) as response:
                body = msgspec.json.decode(await response.read())
                if not isinstance(body, dict):
                    raise GatewayAwayError("the answer is no JSON object")
                return Answer(response.status, body)
        except _UNREADABLE as error:
            raise GatewayAwayError(str(error)) from error


@asynccontextmanager
async def open_gateway(address: str, key: str) -> AsyncIterator[Gateway]:
    """The gateway at this address, asked with this key."""
    headers = {"Authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=False) as session:
        yield Gateway(session, address)
