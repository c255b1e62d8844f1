"""What every source of a feed must do, each at a real server or folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
from aiohttp import web

from gateway.config.feed_sections import Feed as FeedSettings
from gateway.config.feed_sections import FilesSource, PostgresSource
from loaders.errors import SourceError
from loaders.reading import Reading, SampledReader
from loaders.sources.files import FilesReader
from loaders.sources.postgres import PostgresReader
from tests.integration.loaders.http_feed import http_reader
from tests.rest_erp import RestErp, data, rest_erp

Row = dict[str, Any]


def row(number: int, minute: int = 0) -> Row:
    stamp = f"2026-01-01T00:{minute:02}:00+00:00"
    return {"sku": f"S{number:02}", "location": "W1", "quantity": number, "updated_at": stamp}


class Plant(Protocol):
    """An ERP with stock, and a feed of it."""

    reader: SampledReader
    has_deltas: bool

    async def stocks(self, rows: list[Row]) -> None:
        """Have these rows and no others."""

    async def breaks(self) -> None:
        """Send nothing whole any more."""


class Database:
    """PostgreSQL; broken, one of its rows cannot be worked out."""

    has_deltas = True

    def __init__(self, dsn: str, connection: asyncpg.Connection) -> None:
        self._connection = connection
        query = (
            "SELECT sku, 'W1' AS location, amount / whole AS quantity, changed AS updated_at "
            "FROM bins"
        )
        feed = FeedSettings(kind="stock", source="erp", query=query, watermark="updated_at")
        source = PostgresSource(type="postgres", dsn=dsn)
        self.reader: SampledReader = PostgresReader("stock", feed, source, time.monotonic)

    async def stocks(self, rows: list[Row]) -> None:
        await self._connection.execute(
            "DROP TABLE IF EXISTS bins; CREATE TABLE bins "
            "(sku text, amount numeric, changed timestamptz, whole int DEFAULT 1)"
        )
        values = [(r["sku"], r["quantity"], datetime.fromisoformat(r["updated_at"])) for r in rows]
        await self._connection.executemany("INSERT INTO bins VALUES ($1, $2, $3)", values)

    async def breaks(self) -> None:
        await self._connection.execute("INSERT INTO bins VALUES ('Z', 1, now(), 0)")


class Folder:
    """Files; broken, one lacks its last line."""

    has_deltas = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        feed = FeedSettings(kind="stock", source="drop")
        source = FilesSource(type="files", directory=folder)
        self.reader: SampledReader = FilesReader("stock", feed, source)

    async def stocks(self, rows: list[Row]) -> None:
        text = b"".join(json.dumps(each).encode() + b"\n" for each in rows)
        (self._folder / "stock.ndjson").write_bytes(text)
        promise = {"count": len(rows), "sha256": hashlib.sha256(text).hexdigest()}
        (self._folder / "manifest.json").write_text(json.dumps({"stock": promise}))

    async def breaks(self) -> None:
        path = self._folder / "stock.ndjson"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


class Service:
    """A REST API in pages; broken, its second page fails."""

    has_deltas = True

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._broken = False

    def reads(self, erp: RestErp) -> None:
        self.reader: SampledReader = http_reader(
            erp.url,
            mapping={name: name for name in row(0)},
            paging={"by": "page", "size_param": "size", "size": 7},
            watermark="updated_at",
            delta_param="since",
        )

    async def answer(self, request: web.Request) -> web.Response:
        if self._broken and request.query["page"] == "2":
            return web.Response(status=500)
        since = request.query.get("since", "").replace("Z", "+00:00")
        rows = [each for each in self._rows if each["updated_at"] >= since]
        at = 7 * (int(request.query["page"]) - 1)
        return data({"value": rows[at : at + 7]})

    async def stocks(self, rows: list[Row]) -> None:
        self._rows = rows

    async def breaks(self) -> None:
        self._broken = True


@asynccontextmanager
async def _database(request: pytest.FixtureRequest) -> AsyncIterator[Plant]:
    dsn = request.getfixturevalue("database")
    connection = await asyncpg.connect(dsn)
    yield Database(dsn, connection)
    await connection.close()


@asynccontextmanager
async def _folder(request: pytest.FixtureRequest) -> AsyncIterator[Plant]:
    yield Folder(request.getfixturevalue("tmp_path"))


@asynccontextmanager
async def _service(request: pytest.FixtureRequest) -> AsyncIterator[Plant]:
    del request
    service = Service()
    async with rest_erp(service.answer) as erp:
        service.reads(erp)
        yield service


@pytest.fixture(params=[_database, _folder, _service], ids=["postgres", "files", "http"])
async def plant(request: pytest.FixtureRequest) -> AsyncIterator[Plant]:
    async with request.param(request) as made:
        await made.stocks([row(number) for number in range(1, 18)])
        yield made
        await made.reader.close()


async def skus(reading: Reading) -> list[str]:
    """The SKUs of a whole reading, in order; fails when its end is not proved."""
    found = [
        json.loads(line)["sku"]
        async for lines in reading.lines
        for line in lines.splitlines()
        if line
    ]
    unproved = reading.proof(len(found))
    if unproved is not None:
        raise SourceError(unproved)
    return sorted(found)


async def snapshot(plant: Plant, done: str | None = None) -> tuple[list[str], str | None]:
    async with plant.reader.snapshot(done) as reading:
        assert reading is not None
        return await skus(reading), reading.watermark


async def test_a_snapshot_is_everything(plant: Plant) -> None:
    found, _ = await snapshot(plant)
    assert found == [f"S{number:02}" for number in range(1, 18)]
    await plant.stocks([row(3)])
    assert (await snapshot(plant))[0] == ["S03"]


async def test_a_delta_is_what_is_newer(plant: Plant) -> None:
    _, watermark = await snapshot(plant)
    async with plant.reader.delta(watermark) as reading:
        if not plant.has_deltas:
            assert reading is None
            return
    await plant.stocks([row(1), row(2, minute=1), row(3, minute=2), row(4)])
    async with plant.reader.delta(watermark) as reading:
        assert reading is not None
        # What lies within the overlap comes again; here it is all that has not changed.
        assert set(await skus(reading)) >= {"S02", "S03"}
        watermark = reading.watermark
    async with plant.reader.delta(watermark) as reading:
        assert reading is not None
        assert await skus(reading) == ["S03"]


async def test_one_that_is_cut_short_is_no_snapshot(plant: Plant) -> None:
    await plant.breaks()
    with pytest.raises(SourceError):
        await snapshot(plant)


async def test_a_sample_is_the_first_rows(plant: Plant) -> None:
    for most in (1, 5):
        async with plant.reader.sample(most) as reading:
            assert len(await skus(reading)) == most


async def test_it_says_what_it_asks_and_that_all_is_well(plant: Plant) -> None:
    assert plant.reader.asks.isprintable()
    assert await plant.reader.check() == []


async def test_closed_twice_it_opens_again(plant: Plant) -> None:
    await snapshot(plant)
    await plant.reader.close()
    await plant.reader.close()
    assert len((await snapshot(plant))[0]) == 17


async def test_a_reading_that_is_left_early_is_in_nobodys_way(plant: Plant) -> None:
    async with plant.reader.snapshot(None) as reading:
        assert reading is not None
        await anext(aiter(reading.lines))
    assert len((await snapshot(plant))[0]) == 17
