"""Guard: a snapshot that is empty, that would empty the shop, or reprice it, waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.observability.events import EventKind, Severity
from gateway.store.feed_requests import Act
from tests.faults.supply import SHELF, Supply

PRICES: Final = "prices"
_LOOKED_AT: Final = 20
_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02
_WRONG: Final[Mapping[str, tuple[str, str]]] = {
    "empty": (SHELF, "DELETE FROM shelf"),
    "zeroed": (SHELF, "UPDATE shelf SET quantity = 0, version = version + 1"),
    "repriced": (PRICES, "UPDATE tags SET unit_price = unit_price * 3, version = version + 1"),
}
"""By what is wrong: the feed that says so, and how that comes."""

Shown = dict[str, Any]


async def guard(ours: Supply, *, rounds: int = 1) -> str:
    """Each so often: held back, told of and not served, whether it is dropped or forgotten."""
    for number in range(rounds):
        for name, (feed, sql) in _WRONG.items():
            skus = await _shelf(ours)
            before = await _shown(ours, skus)
            async with ours.erp() as erp:
                await erp.execute("CREATE TABLE shelf_before AS SELECT * FROM shelf")
                await erp.execute("CREATE TABLE tags_before AS SELECT * FROM tags")
            await ours.do(sql)
            await _held_back(ours, name, feed)
            _same(ours, name, before, await _shown(ours, skus))
            if number % 2 == 0:
                await ours.feeds.ask(Act.DISCARD, feed)
            async with ours.erp() as erp, erp.transaction():
                for table in ("shelf", "tags"):
                    await erp.execute(f"DELETE FROM {table}")
                    await erp.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")
                    await erp.execute(f"UPDATE {table} SET version = version + 2")
                    await erp.execute(f"DROP TABLE {table}_before")
            await ours.feeds.synced(feed)
            _same(ours, f"after {name}", before, await _shown(ours, skus))
    await _let_through(ours)
    return f"{len(_WRONG) * rounds} held back: 0 SKUs zeroed, 0 prices moved; one let through"


async def _held_back(ours: Supply, name: str, feed: str) -> None:
    told = await _told(ours, feed)
    state = await ours.feeds.failed(feed)
    ours.report.faults[name] += 1
    ours.require(f"{name} is not held back", state.held_back, state)
    # It is written beside the work: maybe a moment after the state.
    async with asyncio.timeout(_SECONDS):
        while await _told(ours, feed) == told:  # noqa: ASYNC110 - elsewhere
            await asyncio.sleep(_POLL_SECONDS)


async def _told(ours: Supply, feed: str) -> int:
    """How often people were told that a snapshot of it is held back."""
    return sum(
        event.kind == EventKind.FEED_QUARANTINED
        and event.subject == feed
        and event.meaning.severity is Severity.ERROR
        for event in await ours.feeds.events()
    )


async def _let_through(ours: Supply) -> None:
    """What an operator releases is taken: the guard is no wall."""
    sql = _WRONG["zeroed"][1]
    await ours.do(sql)
    await ours.feeds.failed(SHELF)
    answer = await ours.feeds.ask(Act.RELEASE, SHELF)
    ours.require("released", answer.done, answer.text)
    skus = await _shelf(ours)
    _, items = await ours.front().stock(*skus)
    told = {item.get("salable") for item in items.values()}
    ours.require("let through", told == {0}, told)
    await ours.do("UPDATE shelf SET quantity = 30, version = version + 1")
    await ours.feeds.synced(SHELF)


async def _shown(ours: Supply, skus: Sequence[str]) -> Shown:
    """What the gateway tells of some stock and some prices, once it tells something of each."""
    front = ours.front()
    priced = list(await ours.priced())[:_LOOKED_AT]
    async with asyncio.timeout(_SECONDS):
        while True:
            found = await asyncio.gather(front.stock(*skus), front.prices(*priced))
            if all(status == 200 for status, _ in found):
                (_, stock), (_, prices) = found
                shown = {sku: item.get("salable") for sku, item in stock.items()}
                shown |= {f"price of {sku}": item.get("unit_price") for sku, item in prices.items()}
                if None not in shown.values():
                    return shown
            # A machine that is busy may have let a deadline pass, which is told as such.
            await asyncio.sleep(_POLL_SECONDS)


async def _shelf(ours: Supply) -> list[str]:
    async with ours.erp() as erp:
        rows = await erp.fetch("SELECT sku FROM shelf ORDER BY sku LIMIT $1", _LOOKED_AT)
    return [row["sku"] for row in rows]


def _same(ours: Supply, when: str, before: Shown, now: Shown) -> None:
    odd = {what: now.get(what) for what in before if now.get(what) != before[what]}
    ours.require(f"{when}: served", before and not odd, odd)
