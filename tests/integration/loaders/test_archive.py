"""Archives on a real Valkey: what was saved is there again, as old as it was, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.orders import OrderAck
from gateway.domain.price_lists import PriceRow, Scope, Target
from gateway.domain.record_kinds import KINDS, Kind
from gateway.domain.stock import Product
from gateway.store.ack_codec import ack_payload
from gateway.store.acks import AckInbox
from gateway.store.bulk import BulkEncoder
from gateway.store.codec import decode_product_record
from gateway.store.entries import FORMAT, PRODUCT_NAME, Flag, Op, entries, pack_op
from gateway.store.feeds import unready
from gateway.store.price_codec import name_of_row, row_payload
from loaders.archive.restoring import Restored, Restoring
from loaders.archive.saving import Saved, Saving
from loaders.errors import ArchiveError
from loaders.feedbook import Feed
from loaders.progress import unmetered
from loaders.reading import Reading, proved_by_end

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

FEEDS: Final[Mapping[Kind, Feed]] = {kind: Feed(f"erp {kind}", kind) for kind in KINDS}
PUSHED: Final = Feed("push:stock", "stock", pushed=True)

Row = dict[str, Any]

STOCK: Final[Row] = {"sku": "A", "location": "W1", "quantity": 5, "version": 3}
SHOP: Final[Mapping[Kind, list[Row]]] = {
    "products": [{"sku": "A", "name": "Ärm"}, {"sku": "a}{b", "status": "discontinued"}],
    "locations": [{"location": "W1", "ships": False, "channels": ["web"]}],
    "stock": [STOCK, {"sku": "B", "location": "W1", "quantity": 0.125}],
    "price_lists": [
        {"price_list": "P", "currency": "SEK", "layer": "base"},
        {"price_list": "K", "currency": "SEK", "layer": "contract", "customers": ["C"]},
    ],
    "prices": [
        {"price_list": "P", "sku": "A", "unit_price": "999999999999.9999"},
        {"price_list": "K", "sku": "A", "unit_price": "79", "min_quantity": 2.5, "rank": 3},
        {"price_list": "K", "all": True, "discount_percent": "12.345678", "version": 9},
    ],
    "customers": [{"customer": "C", "price_lists": ["K"]}],
    "discounts": [
        {"discount_class": "D", "product_discount_class": "P", "discount_percent": "-7.5"}
    ],
    "order_acks": [{"order_ref": "O-1", "status": "cancelled"}],
}


async def fill(warehouse: Warehouse, shop: Mapping[Kind, list[Row]] = SHOP) -> None:
    await warehouse.register(*FEEDS.values())
    for kind, rows in shop.items():
        assert (await warehouse.snapshot(FEEDS[kind], rows)).applied


async def save(warehouse: Warehouse) -> tuple[bytes, Saved]:
    file = io.BytesIO()
    with unmetered("saving") as meter:
        saving = Saving(warehouse.client, warehouse.keys, warehouse.clock, meter)
        saved = await saving.save(file)
    return file.getvalue(), saved


async def restore(warehouse: Warehouse, archive: bytes, *, merge: bool = False) -> Restored:
    with unmetered("restoring") as meter:
        restoring = Restoring(warehouse.client, warehouse.keys, meter)
        return await restoring.restore(io.BytesIO(archive), merge=merge)


async def empty(warehouse: Warehouse) -> None:
    await warehouse.client.redis.flushall()


def plain(value: bytes, *, of_sku: bool) -> object:
    """Entries without their rounds, which say only which snapshot was the last to see them.

    A product is read: whether a default was spelt out makes no difference.
    """
    return [
        (replace(entry.head, round=0), decode_product_record(entry))
        if of_sku and entry.payload and entry.head.name == PRODUCT_NAME
        else (replace(entry.head, round=0), entry.payload)
        for entry in entries(value)
    ]


async def content(warehouse: Warehouse) -> dict[object, object]:
    """Whatever is held, by key and field; states of feeds by name."""
    redis = warehouse.client.redis
    held: dict[object, object] = {}
    held.update(await warehouse.ingest.register.all())
    for key in await redis.keys("*"):
        kind = await redis.type(key)
        if key in {warehouse.keys.feeds, warehouse.keys.epoch, warehouse.keys.price_places}:
            # Where rows lie is seen from their keys; of lists without any, nothing is saved.
            continue
        if key == warehouse.keys.feed_numbers:
            held[key] = await redis.hgetall(key)
        elif kind == b"hash":
            for field, value in (await redis.hgetall(key)).items():
                held[key, field] = plain(value, of_sku=False)
        else:
            held[key] = plain(await redis.get(key), of_sku=key.startswith(b"t:s:"))
    return held


async def test_a_restored_store_holds_what_was_saved(warehouse: Warehouse) -> None:
    await fill(warehouse)
    before = await content(warehouse)
    archive, saved = await save(warehouse)
    assert saved.counts == {kind: len(rows) for kind, rows in SHOP.items()}
    await empty(warehouse)
    warehouse.clock.now += 3_600_000
    restored = await restore(warehouse, archive)
    assert (restored.accepted, restored.ignored) == (sum(map(len, SHOP.values())), 0)
    assert await content(warehouse) == before
    # And once more changes nothing.
    again = await restore(warehouse, archive, merge=True)
    assert (again.accepted, again.ignored) == (0, restored.accepted)
    assert await content(warehouse) == before


IDS: Final = ("A", "b", "a}{b", "%7D", "Ärm*")
NUMBERS: Final = (0, 1, 5, 0.001, 12.5, 10**9)
VERSIONS: Final = (None, 1, 2, 3, 1 << 62)
MOMENTS: Final = (None, "2026-11-21", "2026-11-21T10:00:00.125Z")
NAMES: Final[tuple[list[str] | None, ...]] = (None, [], ["A"], ["b", "a}{b"], ["Ärm*", "%7D", "A"])
SWITCH: Final = (None, False, True)
FIELDS: Final[Mapping[Kind, Mapping[str, Sequence[object]]]] = {
    "products": {
        "sku": IDS,
        "name": (None, "", "Kaffe ☕"),
        "status": (None, "active", "discontinued"),
        "available_from": MOMENTS,
        "product_group": (None, "pumps"),
        "discount_class": (None, "P"),
        "stock_class": (None, "bulky"),
        "unit": (None, "EA", "MTR"),
        "min_order_quantity": NUMBERS,
        "order_multiple": NUMBERS,
        "max_order_quantity": (None, *NUMBERS),
        "tax_rate": (None, "0.25", 0.06, "0.0"),
        "lead_time_days": (None, 0, 7),
        "backorder": SWITCH,
        "assortments": NAMES,
    },
    "locations": {
        "location": IDS,
        "name": (None, "Lager"),
        "kind": (None, "warehouse", "store"),
        "handling_days": (None, 0, 3),
        "ships": SWITCH,
        "pickup": SWITCH,
        "channels": NAMES,
        "priority": (None, -1, 5),
    },
    "stock": {
        "sku": IDS,
        "location": IDS,
        "quantity": NUMBERS,
        "basis": (None, "available", "on_hand"),
        "allocated": NUMBERS,
        "safety_stock": NUMBERS,
        "incoming": (None, [], [{"quantity": 2.5, "date": "2026-12-01"}]),
        "version": VERSIONS,
        # Within thirty days: older tombstones are dropped by whatever is written beside them.
        "updated_at": (None, "2027-01-10T10:00:00.125Z"),
    },
    "price_lists": {
        "price_list": IDS,
        "currency": ("SEK", "JPY"),
        "layer": ("base", "channel", "group", "campaign", "contract"),
        "priority": (None, -1, 5),
        "tax_included": SWITCH,
        "valid_from": MOMENTS,
        "valid_until": (None, "2027-01-01T00:00:00Z"),
        "customers": NAMES,
        "groups": NAMES,
        "channels": NAMES,
    },
    "prices": {
        "price_list": IDS,
        "min_quantity": (None, 1, 2.5, 10),
        "rank": (None, 0, -3),
        "valid_from": MOMENTS,
        "valid_until": (None, "2027-01-01T00:00:00Z"),
        "version": VERSIONS,
        # A target and a figure, as a row has one of each.
        "": tuple(
            target | figure
            for target in ({"sku": "A"}, {"sku": "a}{b"}, {"product_group": "g"}, {"all": True})
            for figure in (
                {"unit_price": "0.0001"},
                {"unit_price": 79},
                {"unit_price": "999999999999.9999"},
                {"discount_percent": "-12.345678"},
                {"discount_percent": 100},
            )
        ),
    },
    "customers": {
        "customer": IDS,
        "name": (None, "Åsa"),
        "groups": NAMES,
        "price_lists": NAMES,
        "discount_class": (None, "D"),
        "currency": (None, "EUR"),
        "channel": (None, "web"),
        "assortments": NAMES,
        "status": (None, "active", "blocked", "credit_hold"),
    },
    "discounts": {
        "discount_class": IDS,
        "product_discount_class": IDS,
        "discount_percent": (100, "-100", "12.345678", 0),
        "valid_from": MOMENTS,
        "valid_until": (None, "2027-01-01T00:00:00Z"),
    },
    "order_acks": {
        "order_ref": IDS,
        "acknowledged_at": (None, "2026-11-21T10:00:00.125Z"),
        "status": (None, "accepted", "cancelled"),
    },
}


def some_rows(kind: Kind, most: int, chance: random.Random) -> list[Row]:
    rows: list[Row] = []
    for _ in range(chance.randint(1, most)):
        row: dict[str, Any] = {name: chance.choice(pool) for name, pool in FIELDS[kind].items()}
        rows.append(row | row.pop("", {}))
    return rows


def spoilt(kind: Kind, row: Row) -> Row:
    fields = {"stock": "quantity", "prices": "rank", "discounts": "discount_percent"}
    return row | {fields.get(kind, "delete"): {}}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 32))
async def test_any_shop_is_restored(warehouse: Warehouse, seed: int) -> None:
    """After a snapshot, a delta with deletions, and a snapshot with less and a wrong row."""
    chance = random.Random(seed)
    await empty(warehouse)
    await warehouse.register(*FEEDS.values())
    for kind, feed in FEEDS.items():
        await warehouse.snapshot(feed, some_rows(kind, 8, chance))
        warehouse.clock.now += 1
        changes = some_rows(kind, 4, chance)
        await warehouse.delta(feed, *(row | {"delete": chance.random() < 0.5} for row in changes))
        warehouse.clock.now += 1
        rows = some_rows(kind, 8, chance)
        await warehouse.snapshot(feed, [*rows[1:], spoilt(kind, rows[0])])
    before = await content(warehouse)
    archive, saved = await save(warehouse)
    assert not saved.unreadable
    await empty(warehouse)
    await restore(warehouse, archive)
    assert await content(warehouse) == before


def resealed(archive: bytes, change: Callable[[list[Any]], None]) -> bytes:
    """The archive with other lines, and a last line that is right for them."""
    lines = [msgspec.json.decode(line) for line in gzip.decompress(archive).splitlines()]
    change(lines)
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines[:-1])
    counts: dict[str, int] = {}
    for line in lines[1:-1]:
        counts[line["kind"]] = counts.get(line["kind"], 0) + 1
    end = {"end": True, "counts": counts, "sha256": hashlib.sha256(text).hexdigest()}
    return gzip.compress(text + msgspec.json.encode(end) + b"\n")


def _on_line(wrong: Mapping[str, object], kind: str = "stock") -> Callable[[list[Any]], None]:
    def change(lines: list[Any]) -> None:
        line = next(line for line in lines[1:] if line["kind"] == kind)
        line.update(wrong)

    return change


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"record": {"sku": "A", "location": "W1", "quantity": -1}}, "quantity must not be negat"),
        ({"record": {"sku": "A ", "location": "W1", "quantity": 1}}, "sku must be text"),
        ({"record": {"sku": "A", "location": "W1", "stock": 1}}, "unknown field `stock`"),
        ({"record": {"sku": "A", "location": "W1", "delete": True}}, "flags and record do not"),
        ({"flags": 1}, "flags and record do not agree"),
        ({"feed": 99}, "there is no feed 99"),
    ],
)
async def test_a_record_that_is_wrong_leaves_the_store_untouched(
    warehouse: Warehouse, wrong: Mapping[str, object], said: str
) -> None:
    await fill(warehouse)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    with pytest.raises(ArchiveError, match=r"line \d+: ") as caught:
        await restore(warehouse, resealed(archive, _on_line(wrong)))
    assert said in str(caught.value)
    assert await warehouse.client.redis.dbsize() == 0


async def test_a_cut_file_leaves_the_store_untouched(warehouse: Warehouse) -> None:
    await fill(warehouse)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    for size in (0, len(archive) // 2, len(archive) - 1):
        with pytest.raises(ArchiveError):
            await restore(warehouse, archive[:size])
    assert await warehouse.client.redis.dbsize() == 0


async def test_a_store_that_holds_something_is_left_alone(warehouse: Warehouse) -> None:
    await fill(warehouse)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    await warehouse.register(FEEDS["stock"])
    await warehouse.snapshot(FEEDS["stock"], [STOCK])
    before = await content(warehouse)
    with pytest.raises(ArchiveError, match="the store holds stock already; --merge"):
        await restore(warehouse, archive)
    assert await content(warehouse) == before


async def test_what_is_newer_stays(warehouse: Warehouse) -> None:
    await fill(warehouse)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    await warehouse.register(*FEEDS.values())
    warehouse.clock.now += 1
    await warehouse.snapshot(FEEDS["stock"], [STOCK | {"quantity": 7, "version": 4}])
    await warehouse.snapshot(FEEDS["products"], [{"sku": "A", "name": "newer"}])
    restored = await restore(warehouse, archive, merge=True)
    assert restored.ignored == 2
    assert await warehouse.quantity("A") == 7
    assert (await warehouse.product("A")) == Product(name="newer")
    assert (await warehouse.product("a}{b")) is not None


async def test_what_is_merged_is_no_younger_than_itself(warehouse: Warehouse) -> None:
    """The feed was verified again since: of what only the archive has it says nothing."""
    await fill(warehouse)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    await warehouse.register(FEEDS["stock"])
    warehouse.clock.now += 1
    await warehouse.snapshot(FEEDS["stock"], [STOCK])
    verified = await warehouse.state(FEEDS["stock"])
    await restore(warehouse, archive, merge=True)
    assert await warehouse.state(FEEDS["stock"]) == verified
    level = await warehouse.level("B")
    assert level is not None
    assert (level.feed, level.stamp_ms) == (0, warehouse.clock.now - 1)
    # Products were not verified in this store: they are as old as they were.
    assert (await warehouse.state(FEEDS["products"])).verified_through_ms == level.stamp_ms


async def test_feeds_go_on_from_where_they_were(warehouse: Warehouse) -> None:
    """In a store of which running loaders have taken possession already, by other numbers."""
    await fill(warehouse)
    feed = FEEDS["stock"]
    state = replace(await warehouse.state(feed), watermark="2026-11-21 10:00:00+00")
    await warehouse.ingest.register.save(feed.name, state)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    await warehouse.register(*reversed(list(FEEDS.values())))
    failing = replace(await warehouse.state(feed), failing_since_ms=5, error="away")
    await warehouse.ingest.register.save(feed.name, failing)
    assert unready(await warehouse.ingest.register.all()) is not None
    await restore(warehouse, archive)
    assert unready(await warehouse.ingest.register.all()) is None
    number = failing.number
    assert number != state.number
    assert await warehouse.state(feed) == replace(
        state, number=number, failing_since_ms=5, error="away", round=state.round
    )
    assert {head.feed for name, head in (await warehouse.heads("A")).items() if name} == {number}
    # The ERP is back: what its snapshot lacks goes, what a delta has is newer.
    assert (await warehouse.delta(feed, STOCK | {"version": 4, "quantity": 6})).accepted == 1
    outcome = await warehouse.snapshot(feed, [STOCK | {"version": 5}])
    assert (outcome.accepted, outcome.removed) == (1, 1)
    assert await warehouse.level("B") is None


async def test_a_snapshot_under_way_sweeps_what_it_does_not_see(warehouse: Warehouse) -> None:
    await fill(warehouse)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    await warehouse.register(*FEEDS.values())

    async def lines() -> AsyncIterator[bytes]:
        yield msgspec.json.encode(STOCK)
        await restore(warehouse, archive)

    outcome = await warehouse.ingest.snapshot(FEEDS["stock"], Reading(lines(), proved_by_end))
    assert (outcome.applied, outcome.removed) == (True, 1)
    assert await warehouse.level("B") is None


async def test_what_was_pushed_since_is_waited_for(warehouse: Warehouse) -> None:
    """No delta can tell what was pushed and lost: only a snapshot makes the feed younger."""
    await warehouse.snapshot(PUSHED, [STOCK])
    verified = (await warehouse.state(PUSHED)).verified_through_ms
    archive, _ = await save(warehouse)
    await empty(warehouse)
    await restore(warehouse, archive)
    warehouse.clock.now += 1000
    await warehouse.delta(PUSHED, STOCK | {"version": 4})
    assert (await warehouse.state(PUSHED)).verified_through_ms == verified
    assert unready(await warehouse.ingest.register.all()) is None
    await warehouse.snapshot(PUSHED, [STOCK | {"version": 5}])
    assert (await warehouse.state(PUSHED)).verified_through_ms == warehouse.clock.now


class Stumbling:
    """A meter that stops the work, as an operator would, after something was written."""

    def read(self, rows: int) -> None:
        del rows

    def to_write(self, commands: int) -> None:
        del commands

    def written(self, commands: int) -> None:
        raise KeyboardInterrupt


async def test_half_a_store_is_not_ready(warehouse: Warehouse) -> None:
    await fill(warehouse)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    restoring = Restoring(warehouse.client, warehouse.keys, Stumbling())
    with pytest.raises(KeyboardInterrupt):
        await restoring.restore(io.BytesIO(archive))
    assert await warehouse.product("A") is not None
    assert unready(await warehouse.ingest.register.all()) is not None
    # And is made whole by doing it again.
    await restore(warehouse, archive, merge=True)
    assert unready(await warehouse.ingest.register.all()) is None
    assert await warehouse.quantity("A") == 5


@pytest.mark.parametrize("missing", [None, "products", "prices"])
async def test_a_cold_store_is_not_saved(warehouse: Warehouse, missing: Kind | None) -> None:
    """Over a good file of yesterday it would be the worst thing to do."""
    if missing is not None:
        await fill(warehouse, {kind: rows for kind, rows in SHOP.items() if kind != missing})
    with pytest.raises(ArchiveError, match="the store is not ready") as caught:
        await save(warehouse)
    assert missing is None or FEEDS[missing].name in str(caught.value)


async def test_what_nobody_can_read_is_left_out(warehouse: Warehouse) -> None:
    await fill(warehouse)
    redis, keys = warehouse.client.redis, warehouse.keys
    await redis.set(keys.sku("bad"), b"not ours")
    await redis.set(keys.customer("bad"), entry_of(b"\xc1"))
    archive, saved = await save(warehouse)
    assert saved.unreadable == 3  # a SKU is looked at for its product and for its levels
    await empty(warehouse)
    await restore(warehouse, archive)
    assert await warehouse.quantity("A") == 5


async def test_rows_at_the_wrong_side_are_left_out(warehouse: Warehouse) -> None:
    """They are seen by no reader, and must not rise where one would see them."""
    await fill(warehouse)
    place = BulkEncoder(warehouse.keys).place_of_prices("K", Target(Scope.SKU, "A"), with_skus=True)
    name = name_of_row("K", 1000, None)
    await warehouse.client.redis.set(place.key, entry_of(row_payload(CHEAP), name))
    archive, saved = await save(warehouse)
    assert saved.counts["prices"] == len(SHOP["prices"]) - 1  # that key was written over
    await empty(warehouse)
    await restore(warehouse, archive)
    assert "K" not in {row.price_list for row in await warehouse.rows() if row.unit_price == 0}


async def test_a_withdrawn_cancellation_takes_no_other_word_along(warehouse: Warehouse) -> None:
    await fill(warehouse)
    place = BulkEncoder(warehouse.keys).place_of_ack("O-1")
    accepted = entry_of(ack_payload(OrderAck("O-1", 5)))
    withdrawn = pack_op(Op.PUT, Flag.TOMB, 1, 1, 7, 9, b"cancelled", b"")[1:]
    await warehouse.client.redis.hset(place.key, place.field, accepted + withdrawn)
    archive, _ = await save(warehouse)
    await empty(warehouse)
    await restore(warehouse, archive)
    waiting = await AckInbox(warehouse.client, warehouse.keys).waiting()
    assert [one.ack for one in waiting] == [OrderAck("O-1", 5)]


CHEAP: Final = PriceRow("K", Target(Scope.SKU, "A"), unit_price=0)


def entry_of(payload: bytes, name: str = "") -> bytes:
    """A value of one entry, written by nobody."""
    return FORMAT + pack_op(Op.PUT, 0, 1, 1, None, 1, name.encode(), payload)[1:]
