"""Deltas and snapshots against a real Valkey: CONTRACT 1, order, removal, guard, failure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.rate_of_sale import NO_SALES
from gateway.store.changes import ChangeListener
from gateway.store.feeds import FeedState, unready
from gateway.store.keys import Change
from loaders.errors import FeedVanishedError, SourceError, SpoolError
from loaders.feedbook import Feed
from loaders.guard import Limits
from loaders.ingest import Ingest
from loaders.reading import Reading

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")
SHOPS = Feed("shops", "stock")
PRODUCTS = Feed("products", "products")
LOCATIONS = Feed("locations", "locations")
PUSHED = Feed("push:stock", "stock", pushed=True)


def row(sku: str, quantity: float | None = 1, **more: object) -> dict[str, Any]:
    return {"sku": sku, "location": "W1", "quantity": quantity, **more}


def shelf(count: int, quantity: int = 1) -> list[dict[str, Any]]:
    return [row(f"S{number:03}", quantity) for number in range(count)]


async def test_a_delta_writes_newer_and_ignores_older(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    first = await warehouse.delta(STOCK, row("A", 5, version=2), row("B", 1, version=1))
    assert (first.accepted, first.ignored, first.quarantined) == (2, 0, 0)
    second = await warehouse.delta(
        STOCK, row("A", 9, version=1), row("A", 9, version=2), row("B", 2, version=2)
    )
    assert (second.accepted, second.ignored) == (1, 2)
    assert await warehouse.quantity("A") == 5
    assert await warehouse.quantity("B") == 2


async def test_updated_at_serves_as_version(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.delta(STOCK, row("A", 5, updated_at="2026-01-01T00:00:01Z"))
    await warehouse.delta(STOCK, row("A", 6, updated_at="2026-01-01T00:00:00.999Z"))
    assert await warehouse.quantity("A") == 5


async def test_without_either_the_last_to_come_counts(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.delta(STOCK, row("A", 5, version=7))
    await warehouse.delta(STOCK, row("A", 6))
    assert await warehouse.quantity("A") == 6
    await warehouse.delta(STOCK, row("A", 7, version=7))
    assert await warehouse.quantity("A") == 6
    level = await warehouse.level("A")
    assert level is not None
    assert level.stamp_ms == warehouse.clock.now


async def test_a_deleted_level_does_not_rise_from_the_dead(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.delta(STOCK, row("A", 5, version=1))
    gone = {"sku": "A", "location": "W1", "delete": True, "version": 3}
    assert (await warehouse.delta(STOCK, gone)).accepted == 1
    assert await warehouse.level("A") is None
    await warehouse.delta(STOCK, row("A", 9, version=2))
    assert await warehouse.level("A") is None
    await warehouse.delta(STOCK, row("A", 4, version=4))
    assert await warehouse.quantity("A") == 4


async def test_rates_of_sale_are_learnt_where_they_are_wanted(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("A", 9), row("B", 4)])
    first = await warehouse.level("A")
    assert first is not None
    assert first.rate is NO_SALES
    warehouse.ingest.learning = True
    warehouse.clock.now += 3_600_000
    await warehouse.delta(STOCK, row("A", 7))
    warehouse.clock.now += 3_600_000
    await warehouse.snapshot(STOCK, [row("A", 8), row("B", 4)])
    await warehouse.delta(STOCK, row("A", 5))
    level = await warehouse.level("A")
    assert level is not None
    assert level.rate.sold == pytest.approx(5, rel=0.01)


async def test_products_and_locations_are_written_and_deleted(warehouse: Warehouse) -> None:
    await warehouse.register(PRODUCTS, LOCATIONS)
    await warehouse.delta(PRODUCTS, {"sku": "A", "name": "Axe", "unit": "M"})
    await warehouse.delta(LOCATIONS, {"location": "W1", "priority": 3}, {"location": "W2"})
    product = await warehouse.product("A")
    assert product is not None
    assert (product.name, product.unit) == ("Axe", "M")
    assert [place.location for place in await warehouse.locations()] == ["W1", "W2"]
    await warehouse.delta(PRODUCTS, {"sku": "A", "delete": True})
    await warehouse.delta(LOCATIONS, {"location": "W1", "delete": True})
    assert await warehouse.product("A") is None
    assert [place.location for place in await warehouse.locations()] == ["W2"]


async def test_a_snapshot_removes_what_it_lacks_of_its_own_feed_alone(
    warehouse: Warehouse,
) -> None:
    await warehouse.register(STOCK, SHOPS, PRODUCTS)
    await warehouse.snapshot(PRODUCTS, [{"sku": "A"}, {"sku": "B"}])
    await warehouse.snapshot(SHOPS, [row("A", 3, location="S1"), row("B", 4, location="S1")])
    await warehouse.snapshot(STOCK, [row("A", 1), row("B", 2), row("C", 5)])
    outcome = await warehouse.snapshot(STOCK, [row("A", 1)])
    assert (outcome.accepted, outcome.removed, outcome.reason) == (1, 2, None)
    assert await warehouse.quantity("A") == 1
    assert await warehouse.level("B") is None
    assert await warehouse.sku("C") is None
    assert await warehouse.quantity("B", "S1") == 4
    assert await warehouse.product("B") is not None


async def test_products_and_locations_that_are_gone_are_removed(warehouse: Warehouse) -> None:
    await warehouse.register(PRODUCTS, LOCATIONS)
    await warehouse.snapshot(PRODUCTS, [{"sku": "A"}, {"sku": "B"}])
    await warehouse.snapshot(LOCATIONS, [{"location": "W1"}, {"location": "W2"}])
    assert (await warehouse.snapshot(PRODUCTS, [{"sku": "A"}])).removed == 1
    assert (await warehouse.snapshot(LOCATIONS, [{"location": "W2"}])).removed == 1
    assert await warehouse.product("B") is None
    assert [place.location for place in await warehouse.locations()] == ["W2"]


async def test_a_snapshot_may_bring_back_what_an_earlier_one_lacked(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("A", 1, version=5), row("B", 1, version=5)])
    await warehouse.snapshot(STOCK, [row("B", 1, version=5)])
    assert await warehouse.level("A") is None
    await warehouse.delta(STOCK, row("A", 1, version=5))
    assert await warehouse.level("A") is None
    await warehouse.snapshot(STOCK, [row("A", 1, version=5), row("B", 1, version=5)])
    assert await warehouse.quantity("A") == 1


async def test_loading_again_changes_nothing(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    rows = [row(f"S{n}", n, version=1) for n in range(30)]
    await warehouse.snapshot(STOCK, rows)
    before = await warehouse.everything()
    heard: list[Change | None] = []
    listens = asyncio.Event()

    def hear(change: Change | None) -> None:
        heard.append(change)
        listens.set()

    listener = ChangeListener(warehouse.client, warehouse.keys, hear)
    listening = asyncio.create_task(listener.run())
    await asyncio.wait_for(listens.wait(), 10)
    outcome = await warehouse.snapshot(STOCK, rows)
    listening.cancel()
    assert (outcome.accepted, outcome.ignored, outcome.removed) == (0, 30, 0)
    assert await warehouse.everything() == before
    assert not [change for change in heard if change and change.kind.name == "SKU"]


async def test_a_rejected_row_keeps_the_last_good_record(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK, PRODUCTS, LOCATIONS)
    await warehouse.snapshot(STOCK, [row("A", 5), row("B", 6), row("C", 7)])
    outcome = await warehouse.snapshot(STOCK, [row("A", -5), row("B", 7)])
    assert (outcome.quarantined, outcome.removed) == (1, 1)
    assert await warehouse.quantity("A") == 5
    assert await warehouse.quantity("B") == 7
    await warehouse.snapshot(PRODUCTS, [{"sku": "A", "name": "x"}, {"sku": "B"}])
    await warehouse.snapshot(PRODUCTS, [{"sku": "A", "name": 5}, {"sku": "B"}])
    assert await warehouse.product("A") is not None
    await warehouse.snapshot(LOCATIONS, [{"location": "W1"}, {"location": "W2"}])
    await warehouse.snapshot(LOCATIONS, [{"location": "W1", "kind": "?"}, {"location": "W2"}])
    assert len(await warehouse.locations()) == 2


async def test_a_row_without_a_key_stops_all_removal(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("A", 5), row("B", 6)])
    outcome = await warehouse.snapshot(STOCK, [row("A", 7), b'{"sku":"B'])
    assert (outcome.accepted, outcome.removed, outcome.quarantined) == (1, 0, 1)
    assert outcome.reason is not None
    assert "nothing was removed" in outcome.reason
    assert await warehouse.quantity("A") == 7
    assert await warehouse.quantity("B") == 6
    assert (await warehouse.snapshot(STOCK, [row("A", 7)])).removed == 1


async def test_an_unproved_snapshot_has_no_effect(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("A", 5), row("B", 6)])
    warehouse.clock.now += 1000
    outcome = await warehouse.snapshot(STOCK, [row("A", 1)], lambda rows: f"cut after {rows}")
    assert (outcome.accepted, outcome.quarantined, outcome.reason) == (0, 1, "cut after 1")
    assert await warehouse.quantity("A") == 5
    assert await warehouse.quantity("B") == 6
    state = await warehouse.state(STOCK)
    assert (state.error, state.failing_since_ms) == ("cut after 1", warehouse.clock.now)
    assert state.verified_through_ms == warehouse.clock.now - 1000


async def failing(rows: int, error: Exception) -> AsyncIterator[bytes]:
    for number in range(rows):
        yield b'{"sku":"S%d","location":"W1","quantity":0}' % number
    raise error


async def test_a_source_that_fails_on_the_way_changes_nothing(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("S0", 5)])
    for _ in range(2):
        warehouse.clock.now += 1000
        with pytest.raises(SourceError):
            await warehouse.ingest.snapshot(
                STOCK, Reading(failing(5, SourceError("the link broke")))
            )
    assert await warehouse.quantity("S0") == 5
    assert await warehouse.level("S1") is None
    state = await warehouse.state(STOCK)
    assert state.error == "the link broke"
    assert state.failing_since_ms == warehouse.clock.now - 1000
    await warehouse.snapshot(STOCK, [row("S0", 6)])
    state = await warehouse.state(STOCK)
    assert (state.error, state.failing_since_ms) == (None, None)


async def test_no_place_to_stage_changes_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    await warehouse.register(STOCK)
    (tmp_path / "file").touch()
    ingest = Ingest(warehouse.client, warehouse.keys, tmp_path / "file", warehouse.clock)
    with pytest.raises(SpoolError):
        await ingest.snapshot(STOCK, Reading())
    assert "cannot be staged" in ((await warehouse.state(STOCK)).error or "")


async def test_a_mass_zeroing_is_held_back_whole(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, shelf(60))
    worse = [*shelf(60)[:47], *[row(f"S{n:03}", 0) for n in range(47, 60)]]
    outcome = await warehouse.snapshot(STOCK, worse)
    assert (outcome.accepted, outcome.removed, outcome.quarantined) == (0, 0, 60)
    assert outcome.reason is not None
    assert "13 of 60 SKUs in stock would fall to zero or vanish" in outcome.reason
    assert (await warehouse.state(STOCK)).held_back == outcome.reason
    assert await warehouse.quantity("S059") == 1
    # Deltas go on, and say nothing of what is held back.
    await warehouse.delta(STOCK, row("S000", 8))
    assert await warehouse.quantity("S000") == 8
    assert (await warehouse.state(STOCK)).held_back == outcome.reason
    # A good one clears it.
    await warehouse.snapshot(STOCK, shelf(60))
    assert (await warehouse.state(STOCK)).held_back is None


async def test_vanishing_counts_like_falling_to_zero(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK, PRODUCTS)
    await warehouse.snapshot(STOCK, shelf(60))
    assert (await warehouse.snapshot(STOCK, shelf(47))).reason is not None
    assert (await warehouse.snapshot(STOCK, shelf(48))).removed == 12
    await warehouse.snapshot(PRODUCTS, [{"sku": f"P{n}"} for n in range(60)])
    assert (await warehouse.snapshot(PRODUCTS, [{"sku": f"P{n}"} for n in range(47)])).reason
    assert (await warehouse.snapshot(PRODUCTS, [{"sku": f"P{n}"} for n in range(48)])).removed == 12


async def test_what_is_rejected_does_not_count_as_fallen(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, shelf(60))
    outcome = await warehouse.snapshot(
        STOCK, [*shelf(30), *[row(f"S{n:03}", -1) for n in range(30, 60)]]
    )
    assert (outcome.reason, outcome.quarantined) == (None, 30)
    assert await warehouse.quantity("S059") == 1


async def test_other_locations_of_a_sku_are_not_forgotten_by_the_guard(
    warehouse: Warehouse,
) -> None:
    await warehouse.register(STOCK)
    both = [*shelf(60), *[row(f"S{n:03}", 2, location="W2") for n in range(60)]]
    await warehouse.snapshot(STOCK, both)
    outcome = await warehouse.snapshot(STOCK, [r for r in both if r["location"] == "W2"])
    assert (outcome.reason, outcome.removed) == (None, 60)


async def test_an_empty_snapshot_is_always_refused(warehouse: Warehouse) -> None:
    lenient = Feed("stock", "stock", Limits(share=1.0, judged_from=0))
    await warehouse.register(lenient)
    assert "empty" in ((await warehouse.snapshot(lenient, [])).reason or "")
    assert "empty" in ((await warehouse.snapshot(lenient, [b"", b"  "])).reason or "")
    await warehouse.snapshot(lenient, [row("A")])
    outcome = await warehouse.snapshot(lenient, [])
    assert (outcome.applied, outcome.removed) == (False, 0)
    assert "rows (2)" in ((await warehouse.snapshot(lenient, [b"x", b"y"])).reason or "")
    assert await warehouse.quantity("A") == 1


async def test_few_rows_are_not_judged(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, shelf(49))
    assert (await warehouse.snapshot(STOCK, shelf(1))).removed == 48


async def test_verified_through_is_when_the_reading_began(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    began = warehouse.clock.now

    async def slow() -> AsyncIterator[bytes]:
        warehouse.clock.now += 60_000
        yield b'{"sku":"A","location":"W1","quantity":1}'

    await warehouse.delta(STOCK, row("A"))
    assert (await warehouse.state(STOCK)).verified_through_ms is None
    await warehouse.ingest.snapshot(STOCK, Reading(slow(), watermark="17"))
    state = await warehouse.state(STOCK)
    assert (state.verified_through_ms, state.watermark) == (began, "17")
    await warehouse.ingest.delta(STOCK, Reading(slow(), watermark="18"))
    state = await warehouse.state(STOCK)
    assert (state.verified_through_ms, state.watermark) == (began + 60_000, "18")
    # What was read once and is older than it seems is not called newer.
    await warehouse.ingest.snapshot(STOCK, Reading(slow(), as_of_ms=began + 70_000))
    assert (await warehouse.state(STOCK)).verified_through_ms == began + 70_000


async def test_what_deltas_add_during_a_snapshot_is_not_swept_away(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("A", 1, version=1), row("OLD", 1, version=1)])

    async def meanwhile() -> AsyncIterator[bytes]:
        await warehouse.delta(STOCK, row("NEW", 3, version=1), row("A", 9, version=2))
        yield b'{"sku":"A","location":"W1","quantity":1,"version":1}'

    outcome = await warehouse.ingest.snapshot(STOCK, Reading(meanwhile()))
    assert outcome.removed == 1
    assert await warehouse.quantity("NEW") == 3
    assert await warehouse.quantity("A") == 9
    assert await warehouse.level("OLD") is None


async def test_a_long_delta_joins_the_round_of_a_snapshot_that_begins_meanwhile(
    warehouse: Warehouse,
) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("A", 1, version=1)])
    staged, written = asyncio.Event(), asyncio.Event()

    async def snapshot_lines() -> AsyncIterator[bytes]:
        staged.set()
        await written.wait()
        yield b'{"sku":"A","location":"W1","quantity":1,"version":1}'

    async def delta_lines() -> AsyncIterator[bytes]:
        yield b'{"sku":"B","location":"W1","quantity":1,"version":1}'
        await staged.wait()
        yield b'{"sku":"C","location":"W1","quantity":1,"version":1}'

    delta = asyncio.create_task(warehouse.ingest.delta(STOCK, Reading(delta_lines())))
    snapshot = asyncio.create_task(warehouse.ingest.snapshot(STOCK, Reading(snapshot_lines())))
    await delta
    written.set()
    await snapshot
    assert await warehouse.quantity("C") == 1


async def test_a_feed_the_store_forgot_is_not_written_to(warehouse: Warehouse) -> None:
    with pytest.raises(FeedVanishedError):
        await warehouse.delta(STOCK, row("A"))
    await warehouse.register(STOCK)

    async def wiped() -> AsyncIterator[bytes]:
        yield b'{"sku":"A","location":"W1","quantity":1}'
        await warehouse.client.redis.flushall()

    with pytest.raises(FeedVanishedError):
        await warehouse.ingest.snapshot(STOCK, Reading(wiped()))
    assert await warehouse.ingest.register.all() == {}


async def test_a_store_emptied_while_its_feed_is_recorded_is_not_called_verified(
    warehouse: Warehouse,
) -> None:
    await warehouse.register(STOCK)
    opened = await warehouse.ingest.book.open(STOCK)
    register, save = warehouse.ingest.register, warehouse.ingest.register.save

    async def late(name: str, state: FeedState) -> None:
        await warehouse.client.redis.flushall()
        await save(name, state)

    register.save = late  # type: ignore[method-assign] # emptied between the look and the write
    with pytest.raises(FeedVanishedError):
        await warehouse.ingest.book.update(opened, lambda state: state)
    assert await register.all() == {}


async def test_a_feed_that_was_forgotten_and_comes_back_still_removes_its_own(
    warehouse: Warehouse,
) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("A"), row("B")])
    await warehouse.ingest.register.retire(STOCK.name)
    warehouse.clock.now += 5_000
    await warehouse.register(STOCK)
    assert (await warehouse.snapshot(STOCK, [row("A")])).removed == 1


async def test_a_pushed_feed_is_registered_by_its_first_success(warehouse: Warehouse) -> None:
    refused = await warehouse.snapshot(PUSHED, [row("A")], lambda _: "not proved")
    assert not refused.applied
    assert await warehouse.ingest.register.all() == {}
    await warehouse.delta(PUSHED, row("A", 4))
    states = await warehouse.ingest.register.all()
    assert states["push:stock"].verified_through_ms == warehouse.clock.now
    assert unready(states) is None
    assert await warehouse.ingest.register.epoch() is not None
    assert (await warehouse.snapshot(PUSHED, [row("B", 1)])).removed == 1


async def test_counts_start_anew_with_each_snapshot(warehouse: Warehouse) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row("A", 1, version=1), row("B", -1)])
    await warehouse.delta(STOCK, row("A", 1, version=1), row("A", 1, version=2))
    state = await warehouse.state(STOCK)
    assert (state.accepted, state.ignored, state.quarantined) == (2, 1, 1)
    await warehouse.snapshot(STOCK, [row("A", 1, version=2)])
    state = await warehouse.state(STOCK)
    assert (state.accepted, state.ignored, state.quarantined) == (0, 1, 0)


@pytest.mark.parametrize(
    "sku", ["a}{b", "*", "%7D", "{}", "Ärm-42", "A/12", "x" * 64, "'; --", "ß" * 64]
)
async def test_an_id_touches_its_own_keys_alone(warehouse: Warehouse, sku: str) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, [row(sku, 5, location=sku), row("other", 1)])
    assert await warehouse.quantity(sku, sku) == 5
    outcome = await warehouse.snapshot(STOCK, [row("other", 1)])
    assert outcome.removed == 1
    assert await warehouse.sku(sku) is None


CHANGES = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from(["W1", "W2"]),
        st.integers(1, 30),
        st.booleans(),
    ),
    max_size=25,
    unique_by=lambda change: change[:3],
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=CHANGES, chance=st.randoms(use_true_random=False))
async def test_shuffled_and_repeated_deltas_end_as_in_order(
    warehouse: Warehouse, changes: list[tuple[str, str, int, bool]], chance: random.Random
) -> None:
    def deltas(order: list[tuple[str, str, int, bool]]) -> list[dict[str, Any]]:
        return [
            {"sku": s, "location": w, "version": v, **({"delete": True} if d else {"quantity": v})}
            for s, w, v, d in order
        ]

    async def ends(order: list[tuple[str, str, int, bool]]) -> Any:
        await warehouse.client.redis.flushall()
        await warehouse.register(STOCK)
        for at in range(0, len(order), 4):
            await warehouse.delta(STOCK, *deltas(order[at : at + 4]))
        return {
            sku: {
                name: (head.flags, head.version)
                for name, head in (await warehouse.heads(sku)).items()
            }
            for sku in "AB"
        }, await warehouse.everything()

    in_order = sorted(changes, key=lambda change: change[2])
    shuffled = [*changes, *chance.choices(changes, k=len(changes) // 3)] if changes else []
    chance.shuffle(shuffled)
    assert await ends(shuffled) == await ends(in_order)
