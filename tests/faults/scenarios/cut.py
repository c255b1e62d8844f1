"""Cut: a snapshot that breaks off at any byte, from each source: nothing is taken or removed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from tests.faults.file_erp import ndjson
from tests.faults.generations import Generations
from tests.faults.pushes import push, push_broken_off
from tests.faults.supply import FILES, SHELF, WEB, Supply
from tests.faults.web_erp import answering, breaking_off, page

Rows = Sequence[Mapping[str, Any]]

_SURELY: Final = 0.9
"""What comes last from a database is no row any more."""


class Way(Protocol):
    """How a source's snapshots come in."""

    prefix: str

    async def take(self, rows: Rows, *, first: bool) -> None:
        """Whole, and wait until it was taken; the `first` one replaces what the ERP had."""

    async def lose(self, rows: Rows, number: int, share: float) -> None:
        """Cut after that share of its bytes, in the way of this `number`, and wait what comes."""


class _Files:
    prefix = "CF"

    def __init__(self, ours: Supply) -> None:
        self._ours = ours

    async def take(self, rows: Rows, *, first: bool) -> None:
        self._ours.folder.write(rows)
        feeds = self._ours.feeds
        await (feeds.forced(FILES) if first else feeds.synced(FILES))

    async def lose(self, rows: Rows, number: int, share: float) -> None:
        del number
        self._ours.folder.write(rows, cut=int(share * len(ndjson(rows))))
        await self._ours.feeds.failed(FILES)


class _Web:
    prefix = "CH"

    def __init__(self, ours: Supply) -> None:
        self._ours = ours

    async def take(self, rows: Rows, *, first: bool) -> None:
        self._ours.web.answer = answering(page(rows))
        feeds = self._ours.feeds
        await (feeds.forced(WEB) if first else feeds.synced(WEB))

    async def lose(self, rows: Rows, number: int, share: float) -> None:
        body = page(rows)
        at = int(share * len(body))
        # It breaks off, or it ends there as if that were all.
        self._ours.web.answer = breaking_off(body, at) if number % 2 else answering(body[:at])
        await self._ours.feeds.failed(WEB)


class _Database:
    prefix = "CD"

    def __init__(self, ours: Supply) -> None:
        self._ours = ours
        self._line = ours.shelf_line.to_client

    async def take(self, rows: Rows, *, first: bool) -> None:
        self._ours.shelf_line.heal()
        await self._write(rows)
        feeds = self._ours.feeds
        await (feeds.forced(SHELF) if first else feeds.synced(SHELF))

    async def lose(self, rows: Rows, number: int, share: float) -> None:
        del number
        before = self._line.bytes
        # On the connection that stands: so much comes when nothing is in the way.
        await self._ours.feeds.synced(SHELF)
        size = self._line.bytes - before
        await self._write(rows)
        self._line.cut_at = self._line.bytes + 1 + int(share * _SURELY * size)
        await self._ours.feeds.failed(SHELF)

    async def _write(self, rows: Rows) -> None:
        async with self._ours.erp() as erp, erp.transaction():
            await erp.execute("DELETE FROM shelf")
            values = [tuple(row.values()) for row in rows]
            await erp.copy_records_to_table("shelf", records=values, columns=[*rows[0]])


class _Push:
    prefix = "CP"

    def __init__(self, ours: Supply) -> None:
        self._ours = ours

    async def take(self, rows: Rows, *, first: bool) -> None:
        del first
        status, answer = await push(self._ours.world, "stock", _closed(rows), "snapshot")
        self._ours.require("a whole push", status == 200 and "reason" not in answer, answer)

    async def lose(self, rows: Rows, number: int, share: float) -> None:
        body = _closed(rows).rstrip()
        at = int(share * len(body))
        if number % 2:
            await push_broken_off(self._ours.world, "stock", body, at)
            return
        status, answer = await push(self._ours.world, "stock", body[:at], "snapshot")
        refused = status == 400 or "reason" in answer
        self._ours.require("a push that was cut", refused, (at, status, answer))


async def cut(ours: Supply, *, points: int = 3, skus: int = 60) -> str:
    """At so many bytes of each source, spread over all of it, the first and the last among them."""
    ways = [way(ours) for way in (_Files, _Web, _Database, _Push)]
    await asyncio.gather(*(_cuts(ours, way, points, skus) for way in ways))
    return f"{points} cuts of each of {len(ways)} sources: nothing taken, nothing removed"


async def _cuts(ours: Supply, way: Way, points: int, skus: int) -> None:
    erp = Generations(way.prefix, skus)
    front = ours.front()
    await way.take(erp.next(), first=True)
    for number in range(points):
        held = erp.now
        await way.lose(erp.next(), number, (number + ours.world.chance.random()) / points)
        ours.report.faults[f"cut {way.prefix}"] += 1
        found = erp.whole(await ours.feeds.levels())
        ours.require(f"{way.prefix}, cut {number}", found == held, f"{found} is held, not {held}")
        sku = erp.names(held)[number % (skus - 1)]
        _, told = await front.stock(sku, f"{way.prefix}-only-{held}")
        salable = {item.get("salable") for item in told.values()}
        ours.require(f"{way.prefix}, told after cut {number}", salable == {held}, told)
        await way.take(erp.rows(), first=False)
        found = erp.whole(await ours.feeds.levels())
        ours.require(f"{way.prefix}, whole again", found == erp.now, f"{found}, not {erp.now}")


def _closed(rows: Rows) -> bytes:
    end = json.dumps({"end": True, "count": len(rows)}).encode()
    return ndjson([*rows, end])
