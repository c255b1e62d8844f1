"""A world that an ERP supplies: its sources, the ways to them, loaders and gateways before them.

The ERP is a database of the stage's PostgreSQL behind a `FaultProxy`, `line` (of one table behind
`shelf_line`, over which nobody comes unasked); it has a REST API behind another, and a folder of
files. No promises are kept in that PostgreSQL here: it may be stopped and frozen. All programs have
the same settings, the gateways too: that they do not call the ERP is their own doing.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import asyncpg

from stockspan.embedded.ports import HOST
from tests.faults.callers import Callers
from tests.faults.feeds import Feeds, Levels, feeds_of
from tests.faults.file_erp import FileErp
from tests.faults.plays import Stage
from tests.faults.programs import accidents
from tests.faults.proxy import FaultProxy
from tests.faults.reports import Report
from tests.faults.shifted import ShiftedClock
from tests.faults.storefront import Known, Storefront
from tests.faults.web_erp import WebErp, web_erp
from tests.faults.world import Shape, World, through, world

CUSTOMER: Final = "C-1"
STOCK: Final = "stock"
FEEDS: Final = (STOCK, "price_lists", "prices", "customers")
"""Those that the database feeds."""

SHELF: Final = "shelf_stock"
WEB: Final = "web_stock"
FILES: Final = "file_stock"
BASE: Final = "base"
CONTRACT: Final = "contract-1"

_FEW: Final = 60
"""Rows that the other sources have at first: the guard judges them."""

_TABLES: Final = f"""
CREATE TABLE bins (
    sku text, location text, quantity numeric(16,3), version bigint NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (sku, location));
CREATE TABLE lists (price_list text, currency text, layer text, customers text[]);
INSERT INTO lists VALUES
    ('{BASE}', 'EUR', 'base', '{{}}'), ('{CONTRACT}', 'EUR', 'contract', '{{{CUSTOMER}}}');
CREATE TABLE tags (
    price_list text, sku text, unit_price numeric(12,2), version bigint NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (price_list, sku));
CREATE TABLE shelf (sku text, location text, quantity numeric(16,3), version bigint NOT NULL);
INSERT INTO shelf SELECT 'S-' || n, 'W1', 20 + n, 1 FROM generate_series(1, {_FEW}) n;
CREATE INDEX ON bins (changed_at);
CREATE INDEX ON tags (changed_at);
"""
_FILL: Final = """
INSERT INTO bins SELECT 'A-' || n, 'W1', 10 + n % 50 FROM generate_series(1, $1::int) n;
"""
_PRICE: Final = """
INSERT INTO tags SELECT $2, 'A-' || n, $3::numeric + n % 100 FROM generate_series(1, $1::int) n;
"""
_QUERIES: Final = {
    STOCK: "SELECT sku, location, quantity, version, changed_at FROM bins",
    "price_lists": "SELECT * FROM lists",
    "prices": "SELECT price_list, sku, unit_price, version, changed_at FROM tags",
    "customers": f"SELECT '{CUSTOMER}' AS customer",
}
_SHELF: Final = "SELECT sku, location, quantity, version FROM shelf"
_FOLLOWED: Final = {"watermark": "changed_at", "overlap": "1s", "delta_every": "200ms"}


@dataclass(frozen=True)
class Sources:
    """Where the ERP may be asked, and the ways there."""

    line: FaultProxy
    shelf_line: FaultProxy
    web: WebErp
    web_line: FaultProxy
    folder: FileErp


class Supply:
    """What a scenario may touch of it. `callers` counts who has come over the line to the ERP."""

    def __init__(
        self,
        stage: Stage,
        there: World,
        feeds: Feeds,
        sources: Sources,
        clock: ShiftedClock,
        database: str,
    ) -> None:
        self.stage = stage
        self.world = there
        self.feeds = feeds
        self.clock = clock
        self.line = sources.line
        self.shelf_line = sources.shelf_line
        self.web = sources.web
        self.folder = sources.folder
        self.report = Report("")
        self._database = database
        self.callers = Callers([there.loaders, *there.gateways])
        for line in (sources.line, sources.shelf_line, sources.web_line):
            line.noted = self.callers.note

    def front(self, gateway: int = 0) -> Storefront:
        """Customers of this gateway."""
        return Storefront(self.world.session, self.world.gateways[gateway].url, self.world.chance)

    @asynccontextmanager
    async def erp(self) -> AsyncIterator[asyncpg.Connection]:
        """Its database, from within: not over the line."""
        connection = await asyncpg.connect(self.stage.postgres.dsn(self._database))
        try:
            yield connection
        finally:
            await connection.close()

    async def do(self, sql: str, *arguments: Any) -> None:
        """Let something happen at the ERP."""
        async with self.erp() as connection:
            await connection.execute(sql, *arguments)

    async def known(self) -> Known:
        """What its database would say of stock, and of the customer's prices."""
        return Known(await self.stocked(), await self.priced())

    async def stocked(self) -> Levels:
        """What the ERP has in its bins."""
        async with self.erp() as connection:
            rows = await connection.fetch("SELECT sku, location, quantity FROM bins")
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["sku"], {})[row["location"]] = int(row["quantity"])
        return found

    async def priced(self, price_list: str = CONTRACT) -> Mapping[str, str]:
        """Unit prices by SKU, of one list, as the ERP has them."""
        async with self.erp() as connection:
            sql = "SELECT sku, unit_price FROM tags WHERE price_list = $1"
            return {
                row["sku"]: str(row["unit_price"])
                for row in await connection.fetch(sql, price_list)
            }

    def find(self, sentence: str) -> None:
        """Report what is wrong."""
        self.report.findings.append(sentence)

    def require(self, what: str, holds: object, told: object = "") -> None:
        """Report it unless it holds."""
        if not holds:
            self.find(f"{what}: {told}" if told != "" else what)

    def judged(self, name: str, measured: str) -> Report:
        """The report so far, with what no scenario excuses, and that no gateway called the ERP."""
        report, self.report = self.report, Report("")
        for gateway in self.world.gateways:
            calls = self.callers.counts[gateway.name]
            if calls:
                report.findings.append(f"{gateway.name} called the ERP: {calls}")
        report.findings += accidents((self.world.loaders, *self.world.gateways))
        report.scenario, report.measured = name, measured
        return report


Act = Callable[..., Awaitable[str]]
"""What is done in a `Supply`, which comes first; tells what was measured."""


def settings_of(dsn: str, shelf: str, web: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The feeds that read all of this."""
    # What is slow is given up soon, or a scenario would wait for minutes.
    sections: dict[str, dict[str, Any]] = {
        "sources.erp": {"type": "postgres", "dsn": dsn, "connect_timeout": "1s"},
        "sources.shelf": {"type": "postgres", "dsn": shelf, "connect_timeout": "1s"},
        f"feeds.{SHELF}": {"kind": STOCK, "source": "shelf", "query": _SHELF},
        "sources.web": {"type": "http", "url": web, "rate": 1000, "burst": 1000, "timeout": "5s"},
        "sources.files": {"type": "files", "directory": str(folder)},
        f"feeds.{WEB}": {"kind": STOCK, "source": "web", "path": "stock", "rows": "value"},
        f"feeds.{WEB}.mapping": {name: name for name in ("sku", "location", "quantity", "version")},
        f"feeds.{WEB}.paging": {"by": "link", "next": "next", "most_pages": 20},
        f"feeds.{FILES}": {"kind": STOCK, "source": "files"},
    }
    for name, query in _QUERIES.items():
        followed = _FOLLOWED if "changed_at" in query else {}
        sections[f"feeds.{name}"] = {"kind": name, "source": "erp", "query": query, **followed}
    return sections


@asynccontextmanager
async def supplied(
    stage: Stage, *, skus: int = 100, shape: Shape | None = None, passing: bool = False
) -> AsyncIterator[Supply]:
    """Begun, with so many SKUs at the ERP's database, and ready.

    `passing`: the clock is that of the gateways too, and what it is shifted by is time gone by.
    """
    database = f"erp_{secrets.token_hex(6)}"
    stage.postgres.psql(f"CREATE DATABASE {database}")
    dsn = stage.postgres.dsn(database)
    connection = await asyncpg.connect(dsn)
    await connection.execute(_TABLES)
    await connection.execute(_FILL, skus)
    await connection.execute(_PRICE, skus, BASE, 100)
    await connection.execute(_PRICE, skus, CONTRACT, 50)
    await connection.close()
    folder = FileErp(stage.folder / "files")
    folder.write(_few("F"))
    clock = ShiftedClock(stage.folder / "clock")
    async with (
        web_erp(_few("H")) as web,
        FaultProxy(HOST, stage.postgres.port) as line,
        FaultProxy(HOST, stage.postgres.port) as shelf_line,
        FaultProxy(HOST, web.port) as web_line,
    ):
        shape = shape or Shape(gateways=1)
        url = f"http://{HOST}:{web_line.port}/"
        sections = settings_of(through(dsn, line), through(dsn, shelf_line), url, folder.path)
        shape = replace(
            shape,
            sections={**sections, **shape.sections},
            ledger=False,
            path=[*shape.path, clock.folder],
            loading_env=clock.whole_env if passing else clock.env,
        )
        if passing:
            shape = replace(shape, env=[{**clock.env, **env} for env in shape.env])
        chance = random.Random(stage.seed)
        async with (
            world(stage.folder, stage.postgres, chance, shape) as there,
            feeds_of(there.valkey.url) as feeds,
        ):
            sources = Sources(line, shelf_line, web, web_line, folder)
            supply = Supply(stage, there, feeds, sources, clock, database)
            await there.ready()
            yield supply


async def alone(
    act: Act, stage: Stage, world: Mapping[str, Any] | None = None, **size: Any
) -> Report:
    """One act in a supply of its own; `world` is what `supplied` takes."""
    async with supplied(stage, **(world or {})) as ours:
        return ours.judged(act.__name__, await act(ours, **size))


def _few(prefix: str) -> list[dict[str, Any]]:
    """What the other sources have to say at first."""
    return [
        {"sku": f"{prefix}-{number}", "location": "W1", "quantity": 20 + number, "version": 1}
        for number in range(_FEW)
    ]
