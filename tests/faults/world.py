"""A world of real processes: Valkey, PostgreSQL, the loaders, gateways, and faulty ways between.

`async with world(…)` starts it and ends every process by its id, whatever happens inside. The ERP
is the scenario itself, which pushes to the loaders (`erp`). Customers are `shoppers`.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from stockspan.embedded.ports import HOST, free_port
from stockspan.embedded.postgres import EmbeddedPostgres
from stockspan.embedded.valkey import EmbeddedValkey
from tests.faults import programs
from tests.faults.history import Recorder
from tests.faults.programs import GatewayProgram, Program, until_answered
from tests.faults.proxy import FaultProxy

CALLERS: Final = ("shop", "till")
"""Whose Idempotency-Keys never meet; each sees exact stock."""

SECRETS: Final = {
    "shop": "shop-secret",
    "till": "till-secret",
    "erp": "erp-secret",
    "buyer": "buyer-secret",
}
_SCOPES: Final = {
    "shop": ["checkout", "stock:exact"],
    "till": ["checkout", "stock:exact"],
    "erp": ["ingest"],
    "buyer": ["prices:any", "stock:exact"],
}


@dataclass(frozen=True)
class Shape:
    """What a world is made of.

    `package` is the folder of the code that runs, None: this checkout. `path`: folders that Python
    looks in before it. `env` is each gateway's own environment, as far as there is one. `deadline`
    is how long a gateway waits for the store: more than as shipped, since the machine is busy.
    `sections` are more settings, by the name of their section. Without `ledger` promises are kept
    by the store alone. `loading` is the loaders' code, None: that of the others,
    and `loading_env` their environment; with `loading_way` there is a proxy between them and the
    store.
    """

    gateways: int = 2
    package: Path | None = None
    path: Sequence[Path] = ()
    env: Sequence[Mapping[str, str]] = ()
    deadline: str = "500ms"
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ledger: bool = True
    loading: Path | None = None
    loading_env: Mapping[str, str] = field(default_factory=dict)
    loading_way: bool = False


class World:
    """What a scenario may touch. `session` reaches every address of it.

    `serving` are the gateways that customers go to; `config` is the settings of all programs.
    """

    def __init__(
        self,
        *,
        valkey: EmbeddedValkey,
        postgres: EmbeddedPostgres,
        gateways: Sequence[GatewayProgram],
        loaders: Program,
        loading_way: FaultProxy,
        config: Path,
        ingest: str,
        session: aiohttp.ClientSession,
        redis: Redis,
        chance: random.Random,
    ) -> None:
        self.valkey = valkey
        self.postgres = postgres
        self.gateways = gateways
        self.serving = list(gateways)
        self.loaders = loaders
        self.loading_way = loading_way
        self.config = config
        self.ingest = ingest
        self.session = session
        self.redis = redis
        self.chance = chance
        self._began = time.monotonic()
        self.recorder = Recorder(self.now, epoch=time.time())

    def now(self) -> float:
        """Seconds of the history's clock."""
        return time.monotonic() - self._began

    @property
    def ways(self) -> list[FaultProxy]:
        """All ways between gateways and what they stand on."""
        return [way for gateway in self.gateways for way in (gateway.store, gateway.ledger)]

    def heal(self) -> None:
        """End the faults of all ways."""
        for way in self.ways:
            way.heal()

    async def waits_in_inbox(self, order_ref: str | None = None) -> bool | None:
        """Whether a word of the ERP on that order, or on any, waits there; None: who knows."""
        try:
            if order_ref is None:
                return bool(await self.redis.hlen("ss:acks"))
            return bool(await self.redis.hexists("ss:acks", order_ref))
        except (RedisError, OSError):
            return None

    async def ready(self) -> float:
        """Wait until every gateway is; seconds that took."""
        began = time.monotonic()
        for gateway in self.gateways:
            await gateway.ready(self.session)
        return time.monotonic() - began


@asynccontextmanager
async def world(
    folder: Path, postgres: EmbeddedPostgres, chance: random.Random, shape: Shape | None = None
) -> AsyncIterator[World]:
    """Started, but for the ERP's first word: no gateway is ready before."""
    shape = shape or Shape()
    async with AsyncExitStack() as stack:
        valkey = stack.enter_context(EmbeddedValkey(folder / "valkey"))
        database = f"ledger_{secrets.token_hex(6)}"
        postgres.psql(f"CREATE DATABASE {database}")
        push_port = free_port()
        config = folder / "stockspan.toml"
        config.write_text(_settings(shape, valkey.url, push_port, folder / "spool"), "utf-8")
        package = shape.package or programs.CHECKOUT
        loading = shape.loading or package
        loaders = Program("loaders", folder, loading, "load", "--config", str(config))
        loaders.path = [*shape.path, loading]
        loaders.env.update(shape.loading_env)
        way = await stack.enter_async_context(FaultProxy(HOST, valkey.port))
        if shape.loading_way:
            loaders.env["STOCKSPAN_STORE__URL"] = through(valkey.url, way)
        gateways = []
        for number in range(shape.gateways):
            store = await stack.enter_async_context(FaultProxy(HOST, valkey.port))
            ledger = await stack.enter_async_context(FaultProxy(HOST, postgres.port))
            name = f"gateway-{number + 1}"
            gateway = GatewayProgram(name, folder, package, config, (store, ledger))
            gateway.env["STOCKSPAN_STORE__URL"] = through(valkey.url, store)
            if shape.ledger:
                gateway.env["STOCKSPAN_LEDGER__DSN"] = through(postgres.dsn(database), ledger)
            gateway.path = [*shape.path, package]
            gateway.env.update(shape.env[number] if number < len(shape.env) else {})
            gateways.append(gateway)
        for program in (loaders, *gateways):
            program.launch()
            stack.callback(program.kill)
        connector = aiohttp.TCPConnector(limit=0, force_close=False)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        redis: Redis = Redis.from_url(valkey.url, retry=Retry(NoBackoff(), 0), socket_timeout=2)
        stack.push_async_callback(redis.aclose)
        ingest = f"http://{HOST}:{push_port}"
        await until_answered(session, f"{ingest}/livez", loaders)
        yield World(
            valkey=valkey,
            postgres=postgres,
            gateways=gateways,
            loaders=loaders,
            loading_way=way,
            config=config,
            ingest=ingest,
            session=session,
            redis=redis,
            chance=chance,
        )


def _settings(shape: Shape, store: str, push_port: int, spool: Path) -> str:
    sections: dict[str, dict[str, Any]] = {
        "store": {"url": store, "timeout": shape.deadline},
        "push": {"host": HOST, "port": push_port},
        "loaders": {"spool_dir": str(spool)},
        "reservations": {"open_per_customer": 1_000_000},
        "channels.default": {"currency": "EUR", "locale": "en"},
    }
    if not shape.ledger:
        sections["reservations"]["durability"] = "redis"
    for name, secret in SECRETS.items():
        digest = hashlib.sha256(secret.encode()).hexdigest()
        sections[f"keys.{name}"] = {"sha256": digest, "scopes": _SCOPES[name]}
    for name, values in shape.sections.items():
        sections[name] = {**sections.get(name, {}), **values}
    # Every JSON text, number and list of them is TOML too.
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for name, values in sections.items()
    )


def through(url: str, way: FaultProxy) -> str:
    """The same address by way of the proxy."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{user}@{HOST}:{way.port}").geturl()
