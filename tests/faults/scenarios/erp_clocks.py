"""The ERP's clock and the loaders' an hour off, either way: versions alone say what is newer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.faults.pushes import push
from tests.faults.supply import Supply

_HOUR: Final = 3600
_PLACE: Final = "W1"
_OFF: Final = (_HOUR, -_HOUR)


async def erp_clocks(ours: Supply, *, records: int = 24) -> str:
    """So many records of a SKU at each pair of wrong clocks, in any order, the newest not last."""
    pairs = 0
    try:
        for loaders in (*_OFF, 0):
            ours.clock.shift(loaders)
            for erp in _OFF:
                await _by_version(ours, f"K{pairs}", erp, records)
                pairs += 1
        # What came when the clock was an hour fast is no reason to wait for an hour.
        for number, off in enumerate((_HOUR, 0)):
            ours.clock.shift(off)
            await _push(ours, {"sku": "K-late", "location": _PLACE, "quantity": number + 1})
        await _told(ours, "K-late", 2)
    finally:
        ours.clock.shift(0)
    return f"{pairs} pairs of clocks an hour off, {records} records each: ordered by version"


async def _by_version(ours: Supply, sku: str, off: int, records: int) -> None:
    """The newer a record is, the older its stamp: who went by stamps would be wrong each time."""
    now = datetime.now(UTC) + timedelta(seconds=off)
    versions = list(range(1, records + 1))
    ours.world.chance.shuffle(versions)
    if versions[-1] == records:
        versions.reverse()
    for version in versions:
        stamp = now - timedelta(seconds=version)
        await _push(
            ours,
            {
                "sku": sku,
                "location": _PLACE,
                "quantity": version,
                "version": version,
                "updated_at": stamp.isoformat(),
            },
        )
    ours.report.faults["clocks off by an hour"] += 1
    await _told(ours, sku, records)


async def _push(ours: Supply, record: dict[str, Any]) -> None:
    status, answer = await push(ours.world, "stock", json.dumps(record).encode())
    ours.require("pushed", status == 200 and not answer["quarantined"], answer)
    ours.report.requests += 1


async def _told(ours: Supply, sku: str, units: int) -> None:
    _, items = await ours.front().stock(sku)
    salable = items.get(sku, {}).get("salable")
    ours.require(f"{sku}: told", salable == units, f"{salable} instead of {units}")
