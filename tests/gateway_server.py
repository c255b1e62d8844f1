"""A gateway as it runs, in the test's own loop: real store, real sockets, a clock that is set."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from gateway.api.app import create_app
from gateway.api.server import Address, listening
from gateway.config.settings import Settings
from gateway.store.keys import Change, ChangeKind, encode_change
from gateway.wiring.assembly import Assembly, assemble
from tests.stocked_store import StockedStore

NOON_MS = 1_795_255_200_000
"""Saturday 2026-11-21, 10:00 in UTC."""

EXACT, CHECKOUT, OPS, EXPIRED = "exact-secret", "checkout-secret", "ops-secret", "expired-secret"
ANY, EXPLAIN, ALL = "any-secret", "explain-secret", "all-secret"


@dataclass
class Clock:
    """Milliseconds since the epoch; moves when told to."""

    now_ms: int = NOON_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass(frozen=True)
class Answered:
    """A response that was read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    json: Any = field(default=None)


class Gateway:
    """What a test needs of a running gateway."""

    def __init__(
        self, parts: Assembly, store: StockedStore, clock: Clock, app: web.Application, port: int
    ) -> None:
        self.parts = parts
        self.store = store
        self.clock = clock
        self.app = app
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._session = aiohttp.ClientSession()
        self._listening: asyncio.Task[None] | None = None

    async def ask(
        self, path: str, method: str = "GET", *, key: str | None = None, **options: Any
    ) -> Answered:
        """Ask, the path taken as it is written."""
        headers = dict(options.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        url = URL(self.url + path, encoded=True)
        async with self._session.request(
            method, url, headers=headers, allow_redirects=False, **options
        ) as response:
            body = await response.read()
            json = None
            if body and "json" in response.content_type:
                json = await response.json(content_type=None)
            return Answered(response.status, response.headers, body, json)

    async def send(self, raw: bytes) -> bytes:
        """Send bytes as they are and read all that comes back until the gateway closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    async def refresh(self) -> None:
        """Let the worker see the store's present locations and feeds."""
        await self.parts.directory.renew()

    async def listen(self) -> None:
        """Follow the change channel from now on, as a worker does: copies are kept only then."""
        self._listening = asyncio.create_task(self.parts.changes.run())
        async with asyncio.timeout(10):
            while not self.parts.changes.connected:  # noqa: ASYNC110 - it is a flag, for readers
                await asyncio.sleep(0.001)

    async def attend(self) -> None:
        """Follow the change channel, and keep answers from now on."""
        await self.listen()
        await self.refresh()
        async with asyncio.timeout(10):
            while not self.parts.kept.may_tell:  # noqa: ASYNC110 - it is a flag, for readers
                await asyncio.sleep(0.001)

    async def heard(self) -> None:
        """Return once the worker has heard of all that was written until now."""
        heard = asyncio.Event()
        listen = self.parts.kept.on_change

        def on_change(change: Change | None) -> None:
            listen(change)
            if change is not None and change.kind is ChangeKind.CUSTOMER:
                heard.set()

        self.parts.kept.on_change = on_change  # type: ignore[method-assign] # to hear it too
        nothing = encode_change(Change(ChangeKind.CUSTOMER, "nobody"))
        # Behind what the worker calls to itself, on the same connection.
        await self.parts.lane.run((b"PUBLISH", self.store.keys.changes, nothing))
        async with asyncio.timeout(10):
            await heard.wait()
        self.parts.kept.on_change = listen  # type: ignore[method-assign] # as it was

    async def forget(self, sku: str) -> None:
        """Let the store lose a SKU without telling anybody: what is told of it then was kept."""
        await self.store.client.redis.delete(self.store.keys.sku(sku))

    async def unlisten(self) -> None:
        """Lose the change channel, and that alone."""
        assert self._listening is not None
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def keep(self) -> None:
        """Do once what goes on beside requests: holds restored, lapsed, settled; acks applied."""
        assert self.parts.upkeep is not None
        await self.parts.upkeep.turn()

    async def close(self) -> None:
        if self._listening is not None:
            await self.unlisten()
        await self._session.close()


def settings(redis_url: str, **sections: Any) -> Settings:
    """Settings with a key for every kind of caller."""
    keys = {
        "exact": {"sha256": _digest(EXACT), "scopes": ["stock:exact"]},
        "checkout": {"sha256": _digest(CHECKOUT), "scopes": ["checkout"]},
        "ops": {"sha256": _digest(OPS), "scopes": ["ops"]},
        "any": {"sha256": _digest(ANY), "scopes": ["prices:any"]},
        "explain": {"sha256": _digest(EXPLAIN), "scopes": ["explain"]},
        "all": {
            "sha256": _digest(ALL),
            "scopes": ["stock:exact", "prices:any", "checkout", "explain", "ops"],
        },
        "expired": {
            "sha256": _digest(EXPIRED),
            "scopes": ["stock:exact"],
            "expires_at": "2026-11-21T09:59:59Z",
        },
    }
    # A test's machine may be slow; the deadline itself is tested where it matters.
    store = {"url": redis_url, "timeout": "5s"}
    return Settings(**{"store": store, "keys": keys, **sections})


@asynccontextmanager
async def running(redis_url: str, **sections: Any) -> AsyncIterator[Gateway]:
    """A gateway over this store; its copy of the directory is renewed by `refresh` alone."""
    chosen = settings(redis_url, **sections)
    clock = Clock()
    parts = assemble(chosen, clock)
    app = create_app(
        parts,
        cors_origins=chosen.gateway.cors_origins,
        longest_wait=chosen.gateway.longest_wait,
    )
    async with listening(app, Address(port=0), grace=1) as port:
        gateway = Gateway(parts, StockedStore(parts.client, chosen.store.prefix), clock, app, port)
        try:
            yield gateway
        finally:
            await gateway.close()
            await parts.close()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
