"""Snapshots that the guard holds back: kept, released as they were judged, dropped, outdated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.store.client import DeposedError
from gateway.store.leadership import Leadership, Term
from loaders.errors import ReleaseError, SourceError
from loaders.feedbook import Feed
from loaders.guard import Limits
from loaders.ingest import Ingest
from loaders.kept import Shelf
from loaders.reading import Reading
from loaders.release import discard, release

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

STOCK = Feed("stock", "stock")
PRODUCTS = Feed("products", "products")
PLACES = Feed("places", "locations", Limits(judged_from=0))
LISTS = Feed("lists", "price_lists")
PRICES = Feed("prices", "prices")
MANY = 60


def levels(quantity: int, version: int, count: int = MANY) -> list[dict[str, Any]]:
    return [
        {"sku": f"S{n}", "location": "W1", "quantity": quantity, "version": version}
        for n in range(count)
    ]


def kept_files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "spool").iterdir())


async def held_back(warehouse: Warehouse) -> None:
    """Sixty SKUs in stock, and a snapshot that lacks twenty of them and has one more."""
    await warehouse.register(STOCK)
    assert (await warehouse.snapshot(STOCK, levels(5, 1))).applied
    warehouse.clock.now += 1000
    rows = [*levels(7, 2, MANY - 20), {"sku": "N", "location": "W1", "quantity": 1, "version": 2}]
    assert not (await warehouse.snapshot(STOCK, rows)).applied


async def test_it_takes_effect_as_it_was_judged(warehouse: Warehouse, tmp_path: Path) -> None:
    await held_back(warehouse)
    state = await warehouse.state(STOCK)
    assert state.held is not None
    assert (state.held.rows, state.held.rejected, state.held.removals) == (41, 0, 20)
    assert state.held.since_ms == state.held.arrival_ms == warehouse.clock.now
    (file,) = kept_files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert await warehouse.quantity("S0") == 5
    warehouse.clock.now += 60_000
    with capture_logs() as logs:
        outcome = await release(warehouse.ingest, "stock")
    assert (outcome.accepted, outcome.removed, outcome.ignored) == (41, 20, 0)
    assert [await warehouse.quantity(sku) for sku in ("S0", "N", "S59")] == [7, 1, None]
    state = await warehouse.state(STOCK)
    assert (state.held, state.held_back) == (None, None)
    # It is as old as its reading, not as its release.
    assert state.verified_through_ms == warehouse.clock.now - 60_000
    assert (state.accepted, state.quarantined) == (41, 0)
    assert kept_files(tmp_path) == []
    assert [log["action"] for log in logs] == ["feed.released"]
    with pytest.raises(ReleaseError, match="nothing is held back of the feed stock"):
        await release(warehouse.ingest, "stock")
    # The next snapshot goes on as after any other.
    assert (await warehouse.snapshot(STOCK, levels(8, 3, MANY - 20))).removed == 1


async def test_it_can_be_dropped(warehouse: Warehouse, tmp_path: Path) -> None:
    await held_back(warehouse)
    with capture_logs() as logs:
        await discard(warehouse.ingest, "stock")
    assert [log["action"] for log in logs] == ["feed.discarded"]
    assert kept_files(tmp_path) == []
    state = await warehouse.state(STOCK)
    assert (state.held, state.held_back) == (None, None)
    assert await warehouse.quantity("S0") == 5
    for act in (release, discard):
        with pytest.raises(ReleaseError, match="nothing is held back"):
            await act(warehouse.ingest, "stock")


async def test_the_latest_is_kept_and_a_good_one_ends_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    await held_back(warehouse)
    since = warehouse.clock.now
    warehouse.clock.now += 1000
    assert not (await warehouse.snapshot(STOCK, levels(9, 3, 10))).applied
    assert len(kept_files(tmp_path)) == 1
    held = (await warehouse.state(STOCK)).held
    assert held is not None
    assert (held.since_ms, held.arrival_ms, held.removals) == (since, since + 1000, 50)
    assert (await warehouse.snapshot(STOCK, levels(6, 4))).applied
    assert kept_files(tmp_path) == []
    with pytest.raises(ReleaseError, match="nothing is held back"):
        await release(warehouse.ingest, "stock")
    assert await warehouse.quantity("S59") == 6


async def test_what_deltas_brought_since_stays(warehouse: Warehouse) -> None:
    await held_back(warehouse)
    await warehouse.delta(
        STOCK,
        {"sku": "S0", "location": "W1", "quantity": 70, "version": 3},
        {"sku": "S58", "location": "W1", "quantity": 71, "version": 3},
        {"sku": "S1", "location": "W1", "delete": True, "version": 3},
    )
    outcome = await release(warehouse.ingest, "stock")
    assert (outcome.accepted, outcome.removed) == (39, 19)
    found = [await warehouse.quantity(f"S{n}") for n in (0, 58, 1, 2, 59)]
    assert found == [70, 71, None, 7, None]


names = st.sampled_from(["A", "B", "C", "D", "E"])
tables = st.dictionaries(names, st.integers(0, 9), min_size=1)
deltas = st.lists(st.tuples(names, st.one_of(st.none(), st.integers(10, 19))), max_size=6)


@given(before=tables, held=tables, since=deltas, terms=st.booleans())
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_without_versions_it_is_as_if_it_had_come_in_time(
    redis_url: str,
    tmp_path: Path,
    before: dict[str, int],
    held: dict[str, int],
    since: list[tuple[str, int | None]],
    terms: bool,
) -> None:
    from tests.integration.loaders.conftest import opened  # noqa: PLC0415 - a module of fixtures

    async def released() -> dict[str, int]:
        async with opened(redis_url, tmp_path) as warehouse:
            await warehouse.client.redis.flushall()
            await warehouse.register(PLACES)
            await warehouse.snapshot(PLACES, places(before))
            warehouse.clock.now += 1000
            judged = Feed("places", "locations", Limits(share=-1.0, judged_from=0))
            assert not (await warehouse.snapshot(judged, places(held))).applied
            for name, days in since:
                warehouse.clock.now += 1000
                row = {"location": name, "delete": True} if days is None else place(name, days)
                await warehouse.delta(PLACES, row)
            if terms:
                # Another process of the same folder, in another term.
                lease = Leadership(warehouse.client, warehouse.keys, "next", 600_000)
                term = await lease.take()
                assert isinstance(term, Term)
                again = ingest(warehouse, tmp_path / "spool")
                warehouse.ingest = again.under(await lease.fence(term))
            await release(warehouse.ingest, "places")
            found = await warehouse.locations()
            return {location.name: location.handling_days for location in found}

    expected: dict[str, int] = dict(held)
    for name, days in since:
        expected.pop(name, None)
        if days is not None:
            expected[name] = days
    assert asyncio.run(released()) == expected


def place(name: str, days: int) -> dict[str, Any]:
    return {"location": name, "name": name, "handling_days": days}


def places(table: dict[str, int]) -> list[dict[str, Any]]:
    return [place(name, days) for name, days in table.items()]


@pytest.mark.parametrize(("since", "then"), [("12", "12"), (None, "9")])
async def test_deltas_go_on_where_they_are(
    warehouse: Warehouse, since: str | None, then: str
) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, levels(5, 1))
    held = Reading(as_lines(levels(7, 2, 20)), watermark="9")
    assert not (await warehouse.ingest.snapshot(STOCK, held)).applied
    if since is not None:
        row = {"sku": "S0", "location": "W1", "quantity": 1, "version": 3}
        await warehouse.ingest.delta(STOCK, Reading(as_lines([row]), watermark=since))
    await release(warehouse.ingest, "stock")
    assert (await warehouse.state(STOCK)).watermark == then


async def test_places_of_lists_are_decided_then(warehouse: Warehouse) -> None:
    await warehouse.register(LISTS, PRICES)
    heads = [{"price_list": name, "currency": "SEK", "layer": "base"} for name in ("P", "Q")]
    await warehouse.snapshot(LISTS, heads)

    def rows(price: int, lists: str) -> list[dict[str, Any]]:
        return [
            {"price_list": name, "sku": f"S{n}", "unit_price": price}
            for n in range(MANY)
            for name in lists
        ]

    assert (await warehouse.snapshot(PRICES, rows(10, "P"))).applied
    assert not (await warehouse.snapshot(PRICES, rows(90, "PQ"))).applied
    await release(warehouse.ingest, "prices")
    prices = await warehouse.prices()
    assert set(prices.values()) == {90}
    assert len(prices) == 2 * MANY
    assert await warehouse.with_skus() == {f"S{n}" for n in range(MANY)}


async def test_what_was_refused_is_not_held_back(warehouse: Warehouse, tmp_path: Path) -> None:
    await warehouse.register(STOCK)
    await warehouse.snapshot(STOCK, levels(5, 1))
    wrong = [{"sku": "S0", "location": "W1", "quantity": -1}] * 3
    for rows, reason in (([], "is empty"), (wrong, r"none of the snapshot's rows \(3\)")):
        assert not (await warehouse.snapshot(STOCK, rows)).applied
        with pytest.raises(ReleaseError, match=rf"stock cannot take effect: .*{reason}"):
            await release(warehouse.ingest, "stock")
        assert kept_files(tmp_path) == []
        await discard(warehouse.ingest, "stock")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("another folder", "it is not kept here"),
        ("removed", "it is not kept here"),
        ("not ours", "it is not kept here"),
        ("too large", "it is not kept here"),
        ("another began", "another snapshot has begun since"),
        ("held back elsewhere", "a later one was held back elsewhere"),
    ],
)
async def test_what_cannot_take_effect_any_more_must_be_read_again(
    warehouse: Warehouse, tmp_path: Path, how: str, reason: str
) -> None:
    if how == "too large":
        warehouse.ingest = ingest(warehouse, tmp_path / "spool", keep_up_to=100)
    await held_back(warehouse)
    by = warehouse.ingest
    match how:
        case "another folder":
            by = ingest(warehouse, tmp_path / "other")
        case "removed":
            kept_files(tmp_path)[0].unlink()
        case "not ours":
            kept_files(tmp_path)[0].write_bytes(b"something else")
        case "another began":
            with pytest.raises(SourceError):
                await warehouse.ingest.snapshot(STOCK, Reading(broken()))
        case "held back elsewhere":
            warehouse.clock.now += 1
            elsewhere = ingest(warehouse, tmp_path / "other")
            rows = Reading(as_lines(levels(9, 3, 10)))
            assert not (await elsewhere.snapshot(STOCK, rows)).applied
        case _:
            pass
    with pytest.raises(ReleaseError, match=rf"again \(stockspan feed sync stock\): {reason}"):
        await release(by, "stock")
    assert await warehouse.quantity("S0") == 5
    await discard(by, "stock")


def ingest(warehouse: Warehouse, folder: Path, keep_up_to: int = 1 << 30) -> Ingest:
    made = Ingest(warehouse.client, warehouse.keys, folder, warehouse.clock)
    made.shelf = Shelf(folder, warehouse.keys.prefix, keep_up_to)
    return made


async def broken() -> AsyncIterator[bytes]:
    yield b'{"sku": "S0", "location": "W1", "quantity": 1, "version": 9}'
    raise SourceError("the ERP went away")


def as_lines(rows: Iterable[object]) -> AsyncIterator[bytes]:
    from tests.integration.loaders.conftest import lines  # noqa: PLC0415 - a module of fixtures

    return lines(rows)


async def test_a_snapshot_under_way_is_not_waited_for(warehouse: Warehouse) -> None:
    await held_back(warehouse)
    reads, goes_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        reads.set()
        await goes_on.wait()
        async for some in as_lines(levels(9, 3)):
            yield some

    taking = asyncio.create_task(warehouse.ingest.snapshot(STOCK, Reading(slow())))
    await reads.wait()
    for act in (release, discard):
        with pytest.raises(ReleaseError, match="a snapshot of stock is being taken"):
            await act(warehouse.ingest, "stock")
    goes_on.set()
    assert (await taking).applied
    assert await warehouse.quantity("S59") == 9


async def test_in_a_store_that_was_emptied_nothing_is_released(warehouse: Warehouse) -> None:
    await held_back(warehouse)
    await warehouse.client.redis.flushall()
    with pytest.raises(ReleaseError, match="there is no feed stock; known: none yet"):
        await release(warehouse.ingest, "stock")
    await warehouse.register(STOCK, PRODUCTS)
    with pytest.raises(ReleaseError, match="there is no feed stork; known: products, stock"):
        await release(warehouse.ingest, "stork")
    with pytest.raises(ReleaseError, match="nothing is held back"):
        await release(warehouse.ingest, "stock")


@pytest.mark.parametrize("cut", [1, 30])
async def test_a_file_cut_short_is_damaged(warehouse: Warehouse, tmp_path: Path, cut: int) -> None:
    await held_back(warehouse)
    (file,) = kept_files(tmp_path)
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(Exception, match="the kept snapshot of stock is damaged"):
        await release(warehouse.ingest, "stock")
    assert (await warehouse.state(STOCK)).held is not None


async def test_a_deposed_loader_releases_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    await held_back(warehouse)
    lease = Leadership(warehouse.client, warehouse.keys, "first", 600_000)
    term = await lease.take()
    assert isinstance(term, Term)
    old = warehouse.ingest.under(await lease.fence(term))
    await lease.take()
    with pytest.raises(DeposedError):
        await release(old, "stock")
    with pytest.raises(DeposedError):
        await discard(old, "stock")
    assert await warehouse.quantity("S0") == 5
    assert len(kept_files(tmp_path)) == 1
    assert (await release(warehouse.ingest, "stock")).accepted == 41
