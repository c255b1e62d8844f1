"""What happens beside a sync: the store is emptied, others write, lists get their place."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from gateway.store.entries import Flag
from gateway.store.price_places import PricePlaces
from gateway.store.prices import PriceStore
from loaders.errors import FeedVanishedError, WriteRefusedError
from loaders.feedbook import Feed
from loaders.reading import Reading, proved_by_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from loaders.outcome import Outcome
    from tests.integration.loaders.conftest import Warehouse

LISTS = Feed("push:price_lists", "price_lists", pushed=True)
PRICES = Feed("push:prices", "prices", pushed=True)
OTHERS = Feed("push:others", "prices", pushed=True)
CUSTOMERS = Feed("push:customers", "customers", pushed=True)
DAY = 86_400_000


def head(name: str = "P", **more: Any) -> dict[str, Any]:
    return {"price_list": name, "currency": "SEK", "layer": "base", **more}


def row(sku: str, amount: float = 10, name: str = "P", **more: Any) -> dict[str, Any]:
    return {"price_list": name, "sku": sku, "unit_price": amount, **more}


def interrupted(
    meanwhile: Callable[[], Awaitable[object]], *rows: dict[str, Any]
) -> AsyncIterator[bytes]:
    """The first row, then something else, then the others."""

    async def each() -> AsyncIterator[bytes]:
        yield json.dumps(rows[0]).encode() + b"\n"
        await meanwhile()
        for one in rows[1:]:
            yield json.dumps(one).encode() + b"\n"

    return each()


async def snapshot(
    warehouse: Warehouse,
    feed: Feed,
    meanwhile: Callable[[], Awaitable[object]],
    *rows: dict[str, Any],
) -> Outcome:
    lines = interrupted(meanwhile, *rows)
    return await warehouse.ingest.snapshot(feed, Reading(lines, proved_by_end))


@pytest.mark.parametrize("mode", ["delta", "snapshot"])
async def test_a_sync_does_not_go_on_into_a_store_that_was_emptied(
    warehouse: Warehouse, mode: str
) -> None:
    await warehouse.snapshot(LISTS, [head()])
    await warehouse.snapshot(PRICES, [row("A", 100)])

    async def start_anew() -> None:
        await warehouse.client.redis.flushall()
        # Prices before heads: other numbers of feeds, and another place for the list.
        await warehouse.snapshot(OTHERS, [row("B", 5)])
        if mode == "delta":
            await warehouse.snapshot(PRICES, [row("A", 200)])
        await warehouse.snapshot(LISTS, [head()])

    lines = interrupted(start_anew, row("A", 110), row("A", 120))
    reading = Reading(lines, proved_by_end)
    with pytest.raises(FeedVanishedError):
        await getattr(warehouse.ingest, mode)(PRICES, reading)
    expected = {("P", "B", 1): 5} | ({("P", "A", 1): 200} if mode == "delta" else {})
    assert await warehouse.prices() == expected
    # What was recorded anew meanwhile is not forgotten for it, and nothing else is called right.
    verified = (await warehouse.state(PRICES)).verified_through_ms is not None
    assert verified == (mode == "delta")


async def test_a_store_emptied_between_two_blocks_gets_no_more_of_them(
    warehouse: Warehouse,
) -> None:
    await warehouse.snapshot(LISTS, [head()])
    await warehouse.snapshot(PRICES, [row("A", 100)])
    require, looks, lost = warehouse.ingest.book.require, 0, 0

    async def emptied_late(opened: Any) -> None:
        nonlocal looks, lost
        looks += 1
        if looks == 5:
            lost = len(await warehouse.rows())
            await warehouse.client.redis.flushall()
        await require(opened)

    # Before the round, after it, and before each block: the list has its place already.
    warehouse.ingest.book.require = emptied_late  # type: ignore[method-assign] # emptied first
    rows = [row(f"S{number}", 5, rank=number) for number in range(2000)]
    with pytest.raises(FeedVanishedError):
        await warehouse.snapshot(PRICES, rows)
    assert lost < 2000
    assert await warehouse.rows() == []


async def test_rows_at_the_wrong_side_go_whoever_wrote_them(warehouse: Warehouse) -> None:
    await warehouse.snapshot(LISTS, [head("P"), head("K", customers=["C"])])
    both = [row("A", 10), row("B", 11), row("A", 12, "K")]
    await warehouse.snapshot(OTHERS, [*both, {"price_list": "P", "all": True, "unit_price": 1}])
    places = warehouse.keys.price_places
    await warehouse.client.redis.hset(places, mapping={"P": "l", "K": "s"})
    outcome = await warehouse.snapshot(PRICES, [row("B", 20), row("C", 21, "K")])
    assert (outcome.accepted, outcome.removed) == (2, 3)
    assert await warehouse.prices() == {("P", "B", 1): 20, ("K", "C", 1): 21, ("P", "", 1): 1}
    assert await warehouse.with_skus() == {"C"}


async def test_a_row_of_a_list_that_has_no_place_is_left_alone(warehouse: Warehouse) -> None:
    await warehouse.snapshot(LISTS, [head("P")])
    await warehouse.snapshot(OTHERS, [row("A", 10)])
    await warehouse.client.redis.delete(warehouse.keys.price_places)
    assert (await warehouse.snapshot(PRICES, [row("A", 12, "K")])).removed == 0
    assert await warehouse.prices() == {("P", "A", 1): 10, ("K", "A", 1): 12}


async def test_a_pushed_snapshot_is_older_than_a_delta_that_came_beside_it(
    warehouse: Warehouse,
) -> None:
    both = [{"customer": "C"}, {"customer": "D"}]
    await warehouse.snapshot(CUSTOMERS, both)

    async def blocked() -> None:
        warehouse.clock.now += 5000
        changed = {"customer": "C", "status": "blocked"}
        await warehouse.delta(CUSTOMERS, changed, {"customer": "D", "delete": True})

    store = PriceStore(warehouse.client, warehouse.keys)
    assert (await snapshot(warehouse, CUSTOMERS, blocked, *both)).removed == 0
    held, gone = (await store.read([], ["C", "D"])).customers
    assert held is not None
    assert held.status == "blocked"
    assert gone is None
    # The next one is younger again, and brings both back.
    warehouse.clock.now += 5000
    assert (await warehouse.snapshot(CUSTOMERS, both)).accepted == 2
    held, back = (await store.read([], ["C", "D"])).customers
    assert held is not None
    assert held.status == "active"
    assert back is not None


async def test_a_delta_that_began_before_a_snapshot_goes_on_after_it(warehouse: Warehouse) -> None:
    await warehouse.snapshot(CUSTOMERS, [{"customer": "C"}])
    staged, written = asyncio.Event(), asyncio.Event()

    async def begun() -> None:
        staged.set()
        await written.wait()

    taking: asyncio.Task[Outcome] | None = None

    async def meanwhile() -> None:
        nonlocal taking
        warehouse.clock.now += 1000
        taking = asyncio.create_task(snapshot(warehouse, CUSTOMERS, begun, {"customer": "C"}))
        await staged.wait()
        warehouse.clock.now += 1000

    lines = interrupted(meanwhile, {"customer": "X"}, {"customer": "C", "status": "blocked"})
    await warehouse.ingest.delta(CUSTOMERS, Reading(lines))
    written.set()
    assert taking is not None
    await taking
    (held,) = (await PriceStore(warehouse.client, warehouse.keys).read([], ["C"])).customers
    assert held is not None
    assert held.status == "blocked"


async def test_what_is_not_written_does_not_decide_where_a_list_lies(warehouse: Warehouse) -> None:
    places = PricePlaces(warehouse.client, warehouse.keys)
    await warehouse.snapshot(PRICES, [row("A", 1, "elsewhere")])

    async def none_placed() -> bool:
        return await places.held(["P"]) == {}

    outcome = await warehouse.snapshot(PRICES, [row("A")], lambda _: "cut short")
    assert not outcome.applied
    assert await none_placed()
    await warehouse.delta(PRICES, row("A", -1), {"price_list": "P", "sku": "A", "delete": True})
    assert await none_placed()
    await warehouse.snapshot(PRICES, [row("A", -1), row("A", 1, "elsewhere")])
    assert await none_placed()
    await warehouse.delta(PRICES, {"price_list": "P", "all": True, "unit_price": 1})
    assert await none_placed()
    await warehouse.snapshot(LISTS, [head()])
    await warehouse.snapshot(PRICES, [row("A"), row("A", 1, "elsewhere")])
    assert await places.held(["P"]) == {"P": True}
    assert await warehouse.with_skus() == {"A"}


@pytest.mark.parametrize("mode", ["delta", "snapshot"])
async def test_a_list_that_others_placed_meanwhile_is_tried_again(
    warehouse: Warehouse, mode: str
) -> None:
    await warehouse.snapshot(OTHERS, [row("B", 1, "elsewhere")])
    places = PricePlaces(warehouse.client, warehouse.keys)
    settled = places.decide

    async def placed() -> None:
        await settled({"Q": True})

    # The first row of Q is encoded, and its place is decided by another before it is written.
    lines = interrupted(placed, row("A", 1, "Q"), row("B", 1, "Q"))
    if mode == "snapshot":
        with pytest.raises(WriteRefusedError, match="price list Q"):
            await warehouse.ingest.snapshot(OTHERS, Reading(lines, proved_by_end))
        assert await warehouse.prices() == {("elsewhere", "B", 1): 1}
    else:
        # A delta has decided by then.
        await warehouse.ingest.delta(OTHERS, Reading(lines))
        assert await places.held(["Q"]) == {"Q": False}
    rows = [row("A", 1, "Q"), row("B", 1, "elsewhere")]
    assert (await warehouse.snapshot(OTHERS, rows)).applied
    assert await warehouse.with_skus() == ({"A"} if mode == "snapshot" else set())


async def test_every_price_with_a_new_beginning_is_judged_all_the_same(
    warehouse: Warehouse,
) -> None:
    def day(number: int, amount: float) -> list[dict[str, Any]]:
        valid_from = f"2026-11-{number}"
        return [row(f"S{n:03}", amount, valid_from=valid_from) for n in range(100)]

    await warehouse.snapshot(PRICES, day(24, 100))
    outcome = await warehouse.snapshot(PRICES, day(25, 1))
    assert outcome.reason == "100 of 100 prices would move by more than 50% (100%; allowed: 10%)"
    # Of several the latest counts, in whatever order they come.
    rows = [*day(27, 110), *day(25, 1), *day(26, 1000)]
    assert (await warehouse.snapshot(PRICES, rows)).applied
    # One that is followed by another which was there before has ended, as one with no other has.
    kept = [*day(26, 1000)[50:], row("S099", 1, "other")]
    assert (await warehouse.snapshot(PRICES, [*day(27, 110)[50:], *kept])).applied


async def test_tombstones_of_a_list_go_with_time(warehouse: Warehouse) -> None:
    skus = [f"S{number}" for number in range(20)]
    await warehouse.delta(PRICES, *[row(sku, 1, "neg", version=1) for sku in skus])
    gone = [{"price_list": "neg", "sku": sku, "delete": True, "version": 2} for sku in skus[1:]]
    await warehouse.delta(PRICES, *gone)
    key = warehouse.keys.list_prices("neg")
    kept = row("S0", 1, "neg", version=3)
    await warehouse.snapshot(PRICES, [kept])
    assert await warehouse.client.redis.hlen(key) == 20
    warehouse.clock.now += 31 * DAY
    outcome = await warehouse.snapshot(PRICES, [kept])
    assert outcome.removed == 0
    assert await warehouse.client.redis.hkeys(key) == [b"sS0"]


async def test_a_row_deleted_beside_a_snapshot_leaves_nothing_for_long(
    warehouse: Warehouse,
) -> None:
    rows = [row("A", 1, "neg"), row("B", 1, "neg")]
    await warehouse.snapshot(PRICES, rows)

    async def delete() -> None:
        warehouse.clock.now += 1000
        await warehouse.delta(PRICES, {"price_list": "neg", "sku": "A", "delete": True})

    await snapshot(warehouse, PRICES, delete, *rows)
    assert set(await warehouse.prices()) == {("neg", "B", 1)}
    key = warehouse.keys.list_prices("neg")
    value = await warehouse.client.redis.hget(key, "sA")
    assert value[1] == Flag.TOMB | Flag.RECENT
    warehouse.clock.now += 1000
    await warehouse.snapshot(PRICES, rows[1:])
    assert await warehouse.client.redis.hkeys(key) == [b"sB"]
