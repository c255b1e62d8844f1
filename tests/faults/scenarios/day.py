"""Day: the ERP is away for more than a day, and goes on without us; then it is back.

The clock of loaders and gateways is shifted from hour to hour. The first gateway sells from expired
figures, as shipped; the second says that they are to be asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tests.faults.differences import differing
from tests.faults.storefront import Known, judged
from tests.faults.supply import STOCK, Supply
from tests.faults.world import Shape

MADE_OF: Final = Shape(gateways=2, env=({}, {"STOCKSPAN_FRESHNESS__WHEN_EXPIRED": "on_request"}))
"""The world that it needs; its clock is `passing`."""

HOURS: Final = (0.1, 1, 6, 12, 18, 23.9, 24.1, 30)
"""When all is looked at, in hours after the ERP went away."""

_FRESH_HOURS, _STALE_HOURS = 0.25, 24
"""As shipped."""
_HOUR: Final = 3600
_AT_A_TIME: Final = 100
_ROUNDED_SECONDS: Final = 0.05
_FEEDS: Final = (STOCK, "prices")
_NOW: Final = "version = version + 1, changed_at = clock_timestamp()"

_CHANGES: Final = {
    "sold": (
        0.70,
        f"""UPDATE bins SET quantity = floor(random() * 500) + 1, {_NOW} WHERE ctid IN
        (SELECT ctid FROM bins ORDER BY random() LIMIT $1)""",
    ),
    "new": (
        0.09,
        """INSERT INTO bins SELECT 'N-' || $2 || '-' || n, 'W1', n FROM
        generate_series(1, $1::int) n""",
    ),
    "gone": (
        0.06,
        """DELETE FROM bins WHERE $2::text <> '' AND ctid IN
        (SELECT ctid FROM bins ORDER BY random() LIMIT $1)""",
    ),
    "priced": (
        0.15,
        f"""UPDATE tags SET unit_price = round(unit_price * 1.03 + 0.01, 2), {_NOW}
        WHERE ctid IN (SELECT ctid FROM tags ORDER BY random() LIMIT $1)""",
    ),
}
"""What happens at the ERP: the share of all, and how. So many rows; the name of the hour."""


async def day(
    ours: Supply, *, changes: int = 500, hours: Sequence[float] = HOURS, share: float | None = None
) -> str:
    """So many changes meanwhile; caught up at this `share` of the first load's rate at least."""
    known = await ours.known()
    await ours.line.down()
    errors = 0
    done = 0
    for number, hour in enumerate(hours):
        ours.clock.shift(hour * _HOUR)
        errors += await _look(ours, known, hour)
        done += await _change(ours, changes / len(hours), str(number))
        ours.report.faults["hours away"] = int(hour)
    ours.require("errors", not errors, errors)
    return await _caught_up(ours, done, share)


async def _look(ours: Supply, known: Known, hour: float) -> int:
    """Ask every gateway for everything; how many answers were wrong."""
    wrong: list[str] = []
    age = "fresh" if hour < _FRESH_HOURS else "stale" if hour < _STALE_HOURS else "expired"
    for number, each in enumerate(ours.world.gateways):
        front = ours.front(number)
        skus = list(known.stock)
        for at in range(0, len(skus), _AT_A_TIME):
            some = skus[at : at + _AT_A_TIME]
            for asks in (front.stock, front.prices):
                status, items = await asks(*some)
                ours.report.requests += 1
                if status != 200 or len(items) != len(some):
                    wrong.append(f"{each.name}: {status}")
                    continue
                ages = {item.get("freshness") for item in items.values()}
                if ages != {age}:
                    wrong.append(f"{each.name} after {hour} h: {ages} instead of {age}")
                if asks == front.stock and number == 1 and age == "expired":
                    wrong += _not_on_request(items)
                else:
                    wrong += judged(known, items)
    ours.require(f"after {hour} h", not wrong, wrong[:3])
    return len(wrong)


def _not_on_request(items: Mapping[str, Any]) -> Iterator[str]:
    for sku, item in items.items():
        if item["status"] != "on_request" or item["span"] is not None:
            yield f"{sku}: {item}"


async def _change(ours: Supply, number: float, hour: str) -> int:
    """Let so much happen at the ERP; how much did."""
    done = 0
    async with ours.erp() as erp:
        for share, sql in _CHANGES.values():
            rows = max(1, round(share * number))
            told = await erp.execute(sql, *([rows, hour] if "$2" in sql else [rows]))
            done += int(told.split()[-1])
    return done


async def _caught_up(ours: Supply, done: int, share: float | None) -> str:
    """Let the ERP be back, and wait till the store has row for row what it has."""
    loop = asyncio.get_running_loop()
    first = _rate(ours, at=0)
    verified = {feed: await ours.feeds.verified_ms(feed) for feed in _FEEDS}
    await ours.line.up()
    began = loop.time()
    for feed, before in verified.items():
        await ours.feeds.until_verified(feed, after_ms=before)
    took = loop.time() - began
    ours.report.recoveries.append(took)
    odd = await _differences(ours)
    ours.require("after the catch-up", not odd, f"{len(odd)}: {odd[:3]}")
    again = _rate(ours, at=-1)
    if share is not None:
        ours.require("rate of the catch-up", again >= share * first, f"{again / first:.2f}")
    return (
        f"{done:,} changes caught up {took:.1f} s after the ERP was back, diff {len(odd)}, "
        f"at {again:,.0f} rows/s: {again / first:.2f} × the first load"
    )


async def _differences(ours: Supply) -> list[str]:
    """What is lost, doubled or otherwise not as it is at the ERP."""
    async with ours.erp() as erp:
        tags = await erp.fetch("SELECT price_list, sku, unit_price FROM tags")
    held = {
        sku: places
        for sku, places in (await ours.feeds.levels()).items()
        if sku.startswith(("A-", "N-"))
    }
    prices = {(row["price_list"], row["sku"]): str(row["unit_price"]) for row in tags}
    return [
        *differing("stock", await ours.stocked(), held),
        *differing("price", prices, await ours.feeds.prices()),
    ]


def _rate(ours: Supply, *, at: int) -> float:
    """Rows a second of the first or the last snapshot of each feed, by the loaders' own log."""
    rows, seconds = 0, 0.0
    for feed in _FEEDS:
        lines = [line for line in ours.world.loaders.lines() if '"feed.snapshot"' in line]
        told = [said for said in map(json.loads, lines) if said["feed"] == feed][at]
        rows += told["accepted"] + told["ignored"]
        seconds += max(told["seconds"], _ROUNDED_SECONDS)
    return rows / seconds
