"""Prices read back from real stores: in one round trip, in both places where rows may lie."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from gateway.domain.customers import Customer, CustomerStatus
from gateway.domain.errors import StoreUnavailableError
from gateway.domain.price_lists import (
    EVERYTHING,
    Discount,
    Layer,
    PriceList,
    PriceRow,
    Scope,
    Target,
)
from gateway.domain.stock import Product
from gateway.domain.validity import Validity
from gateway.store.bulk import Block, BulkEncoder, BulkWriter
from gateway.store.client import StoreClient
from gateway.store.entries import FORMAT, Flag, Op, entries, pack_op
from gateway.store.keys import Keyspace
from gateway.store.list_rows import SMALL_LIST
from gateway.store.price_codec import decode_row
from gateway.store.price_places import PricePlaces
from gateway.store.prices import ListRows, PriceStore, SkuPrices
from tests.stocked_store import StockedStore

KEYS = Keyspace("ss")
ODD = "a}{b%7D"
BASE = PriceList("base", "SEK", Layer.BASE)
CONTRACT = PriceList("contract-42", "SEK", Layer.CONTRACT, customers=frozenset({"C-1"}))
BOLT = Target(Scope.SKU, ODD)
GROUP = Target(Scope.PRODUCT_GROUP, "bolts")


@pytest.fixture
def stocked(client: StoreClient) -> StockedStore:
    return StockedStore(client)


@pytest.fixture
def store(client: StoreClient) -> PriceStore:
    return PriceStore(client, KEYS)


async def test_all_of_an_answer_is_read_at_once(stocked: StockedStore, store: PriceStore) -> None:
    product = Product(name="Bolt", product_group="bolts", discount_class="metal")
    await stocked.stock(ODD, {"W1": 3}, product)
    await stocked.stock("plain", {"W1": 3})
    await stocked.head(BASE)
    await stocked.prices(
        PriceRow("base", BOLT, unit_price=10_000),
        PriceRow("base", BOLT, 500, unit_price=9_000, validity=Validity(5, 9)),
        PriceRow("base", Target(Scope.SKU, "only rows"), unit_price=1),
    )
    await stocked.customer(
        Customer("C-1", "Ärm", frozenset({"b", "a"}), status=CustomerStatus.CREDIT_HOLD)
    )
    await stocked.discount(
        Discount("gold", "metal", 5_000_000), Discount("gold", "metal", 6_000_000, Validity(7, 8))
    )
    reading = await store.read(
        [ODD, "plain", "only rows", "nope"], ["C-1", "C-2"], ["gold", "silver"]
    )
    assert reading.epoch is not None
    bolt, plain, only_rows, nope = reading.skus
    assert bolt is not None
    assert bolt.product == product
    assert [(r.min_quantity, r.unit_price, r.validity) for r in bolt.rows] == [
        (1000, 10_000, Validity()),
        (500, 9_000, Validity(5, 9)),
    ]
    assert {(r.price_list, r.target, r.stamp_ms) for r in bolt.rows} == {("base", BOLT, 1)}
    assert plain == SkuPrices(None, ())
    assert only_rows is not None
    assert only_rows.product is None
    assert nope is None
    customer, unknown = reading.customers
    assert customer == Customer(
        "C-1", "Ärm", frozenset({"a", "b"}), status=CustomerStatus.CREDIT_HOLD
    )
    assert unknown is None
    gold, silver = reading.discounts
    assert [(c.product_discount_class, c.discount_percent, c.validity) for c in gold] == [
        ("metal", 5_000_000, Validity()),
        ("metal", 6_000_000, Validity(7, 8)),
    ]
    assert silver == ()
    assert store.corrupt == 0


async def test_a_deleted_product_has_no_prices(
    client: StoreClient, stocked: StockedStore, store: PriceStore
) -> None:
    await stocked.head(BASE)
    await stocked.prices(PriceRow("base", BOLT, unit_price=1))
    await stocked.stock(ODD, {"W1": 3}, Product())
    place = BulkEncoder(KEYS).place_of_product(ODD)
    deletion = pack_op(Op.UNVERSIONED, Flag.TOMB, 1, 0, None, 1, b"", b"")
    await write(client, BulkEncoder(KEYS).put(place, [deletion]))
    assert (await store.read([ODD])).skus == [None]


async def test_rows_lie_where_their_list_was_placed_first(
    client: StoreClient, stocked: StockedStore, store: PriceStore
) -> None:
    places = PricePlaces(client, KEYS)
    await stocked.head(BASE, CONTRACT)
    assert await places.place(["base", "contract-42", "unheard"]) == {
        "base": True,
        "contract-42": False,
        "unheard": False,
    }
    # A head that comes or changes later moves nothing.
    await stocked.head(PriceList("unheard", "SEK", Layer.BASE))
    await stocked.head(PriceList("base", "SEK", Layer.CONTRACT))
    assert await places.place(["unheard", "base"]) == {"unheard": False, "base": True}
    assert await places.place([]) == {}
    # Whoever decides first is right.
    assert await places.decide({"base": False, "new": True}) == {"base": True, "new": True}
    assert await places.held(["new", "base", "nope"]) == {"new": True, "base": True}
    assert await places.decide({}) == {}
    await stocked.prices(
        PriceRow("base", BOLT, unit_price=1),
        PriceRow("base", GROUP, unit_price=2),
        PriceRow("unheard", BOLT, unit_price=3),
    )
    (bolt,) = (await store.read([ODD])).skus
    assert bolt is not None
    assert [r.price_list for r in bolt.rows] == ["base"]
    base, unheard = (await store.list_rows([("base", [BOLT, GROUP]), ("unheard", [BOLT])])).lists
    assert set(base.rows) == {GROUP}
    assert set(unheard.rows) == {BOLT}


async def test_places_that_are_of_another_type_are_decided_anew(
    client: StoreClient, stocked: StockedStore
) -> None:
    await stocked.head(BASE)
    await client.redis.set(KEYS.price_places, b"junk")
    places = PricePlaces(client, KEYS)
    assert await places.held(["base"]) == {}
    assert await places.place(["base", "unheard"]) == {"base": True, "unheard": False}
    assert await places.held(["base", "unheard"]) == {"base": True, "unheard": False}


async def test_a_small_list_is_read_whole_and_of_a_large_one_what_was_asked(
    client: StoreClient, stocked: StockedStore, store: PriceStore
) -> None:
    await stocked.prices(
        PriceRow("small", BOLT, unit_price=1),
        PriceRow("small", GROUP, unit_price=2),
        PriceRow("small", EVERYTHING, discount_percent=3, rank=7),
    )
    await fill(client, "large", SMALL_LIST + 1)
    asked = [BOLT, Target(Scope.SKU, "S-7"), GROUP, EVERYTHING]
    reading = await store.list_rows([("small", [BOLT]), ("large", asked), ("nope", asked)])
    assert reading.epoch == (await store.read([])).epoch
    small, large, none = reading.lists
    assert small.complete
    assert {target: rows[0].unit_price for target, rows in small.rows.items()} == {
        BOLT: 1,
        GROUP: 2,
        EVERYTHING: None,
    }
    assert small.rows[EVERYTHING][0].rank == 7
    assert not large.complete
    assert list(large.rows) == [Target(Scope.SKU, "S-7")]
    assert large.rows[Target(Scope.SKU, "S-7")][0].price_list == "large"
    assert none == ListRows(True, {})
    assert (await store.list_rows([("large", [])])).lists == [ListRows(False, {})]
    assert (await store.list_rows([])).lists == []


async def test_many_lists_share_what_is_read_as_a_whole(
    client: StoreClient, store: PriceStore
) -> None:
    for number in range(20):
        await fill(client, f"L-{number}", 60)
    await fill(client, "short", 32)
    asked = [Target(Scope.SKU, "S-7"), BOLT]
    names = ["short", *(f"L-{number}" for number in range(20))]
    few = await store.list_rows([(name, asked) for name in names[:10]])
    assert [one.complete for one in few.lists] == [True] * 10
    short, *others = (await store.list_rows([(name, asked) for name in names])).lists
    assert (short.complete, len(short.rows)) == (True, 32)
    for one in others:
        assert (one.complete, set(one.rows)) == (False, {asked[0]})
    # Each list is asked for its own.
    own = [(name, [Target(Scope.SKU, f"S-{at}")]) for at, name in enumerate(names)]
    for at, one in enumerate((await store.list_rows(own)).lists[1:], 1):
        assert set(one.rows) == {Target(Scope.SKU, f"S-{at}")}


async def test_more_lists_and_more_targets_than_one_step_takes(
    client: StoreClient, store: PriceStore
) -> None:
    await fill(client, "large", 2500)
    asked = [Target(Scope.SKU, f"S-{number}") for number in range(0, 2500, 2)]
    await fill(client, "last", 1)
    lists = [("large", asked), *((f"no-{number}", [BOLT]) for number in range(600)), ("last", [])]
    reading = await store.list_rows(lists)
    assert reading.epoch == (await store.read([])).epoch
    assert len(reading.lists) == 602
    assert set(reading.lists[0].rows) == set(asked)
    assert {len(one.rows) for one in reading.lists[1:-1]} == {0}
    assert reading.lists[-1].complete


async def test_large_heads_and_customers_come_in_small_pages(
    single_client: StoreClient, redis_url: str
) -> None:
    stocked = StockedStore(single_client)
    names = frozenset(f"customer-{number:05}" for number in range(3000))
    await stocked.head(PriceList("L", "SEK", Layer.CONTRACT, customers=names))
    await stocked.customer(Customer("C"))
    (head,) = await single_client.get_fields(KEYS.price_lists, ["L"])
    (customer,) = await single_client.get_many([KEYS.customer("C")])
    redis = single_client.redis
    await redis.hset(KEYS.price_lists, mapping={f"L-{number}": head for number in range(300)})
    await redis.mset({KEYS.customer(f"C-{number}"): customer for number in range(1500)})
    # What a request may take does not bound a page.
    client = StoreClient.connect(redis_url, deadline=0.1)
    store = PriceStore(client, KEYS)
    assert max([len(page) async for page in store.scan_price_lists()]) < 200
    assert max([len(page) async for page in store.scan_customers()]) <= 100
    _, heads = await store.epoch_and_lists()
    assert len(heads) == 301
    await client.close()


async def test_heads_are_read_by_name_and_all_together(
    client: StoreClient, stocked: StockedStore, store: PriceStore
) -> None:
    assert await store.epoch_and_lists() == ((await store.read([])).epoch, {})
    await stocked.head(CONTRACT, PriceList("open", "JPY", Layer.CAMPAIGN, 3, True, Validity(5, 6)))
    (value,) = await client.get_fields(KEYS.price_lists, ["open"])
    # More than one page of them.
    await client.redis.hset(KEYS.price_lists, mapping={f"L-{n}": value for n in range(1100)})
    epoch, held = await store.epoch_and_lists()
    assert epoch is not None
    assert len(held) == 1102
    assert held["open"] == PriceList("open", "JPY", Layer.CAMPAIGN, 3, True, Validity(5, 6))
    assert held["contract-42"].customers == {"C-1"}
    assert set(await store.lists(["open", "gone", "contract-42"])) == {"open", "contract-42"}
    assert await store.lists([]) == {}


async def test_everything_is_found_by_scans(
    client: StoreClient, stocked: StockedStore, store: PriceStore
) -> None:
    await stocked.head(BASE)
    await stocked.prices(
        PriceRow("base", BOLT, unit_price=1), PriceRow("base", EVERYTHING, discount_percent=2)
    )
    await stocked.customer(Customer(ODD))
    await stocked.discount(Discount(ODD, "metal", 1))
    await fill(client, "large", 1500)
    assert {name async for page in store.scan_sku_prices() for name, _ in page} == {ODD}
    assert {name async for page in store.scan_customers() for name, _ in page} == {ODD}
    assert {name async for page in store.scan_discounts() for name, _ in page} == {ODD}
    assert {name async for page in store.scan_price_lists() for name, _ in page} == {"base"}
    rows = [
        decode_row(entry, price_list, target)
        async for page in store.scan_list_prices()
        for price_list, target, value in page
        for entry in entries(value)
    ]
    assert {(r.price_list, r.target) for r in rows} == {
        ("base", EVERYTHING),
        *(("large", Target(Scope.SKU, f"S-{n}")) for n in range(1500)),
    }
    # The epoch's, and every other key, is none of them.
    assert store.corrupt == 0


async def test_what_is_not_ours_is_a_miss(client: StoreClient, store: PriceStore) -> None:
    redis = client.redis
    await redis.set(KEYS.sku_prices("A"), b"junk")
    await redis.set(KEYS.sku("B"), b"junk")
    await redis.set(KEYS.customer("C"), FORMAT + pack_op(0, 0, 1, 1, 1, 1, b"", b"junk")[1:])
    await redis.set(KEYS.discounts("D"), FORMAT + pack_op(0, 0, 1, 1, 1, 1, b"x", b"\x91\x01")[1:])
    await redis.rpush(KEYS.sku_prices("F"), b"junk")
    reading = await store.read(["A", "B", "F"], ["C"], ["D"])
    assert reading.skus == [None, None, None]
    assert reading.customers == [None]
    assert reading.discounts == [()]
    assert store.corrupt == 4

    await redis.set(KEYS.list_prices("string"), b"junk")
    await redis.hset(KEYS.list_prices("fields"), mapping={b"?": b"junk", b"s1": b"junk"})
    assert (await store.list_rows([("string", [BOLT]), ("fields", [BOLT])])).lists == [
        ListRows(True, {}),
        ListRows(True, {}),
    ]
    assert store.corrupt == 7
    pages = [page async for page in store.scan_list_prices()]
    assert [name for page in pages for name, _, _ in page] == ["fields"]

    await redis.hset(KEYS.price_lists, "L", b"junk")
    assert await store.lists(["L"]) == {}
    await redis.delete(KEYS.price_lists)
    await redis.set(KEYS.price_lists, b"junk")
    assert await store.lists(["L"]) == {}
    assert (await store.epoch_and_lists())[1] == {}


async def test_a_store_that_forgot_the_script_is_told_it_again(
    single_client: StoreClient,
) -> None:
    store = PriceStore(single_client, KEYS)
    await StockedStore(single_client).prices(PriceRow("small", BOLT, unit_price=1))
    for _ in range(2):
        await single_client.redis.script_flush()
        (rows,) = (await store.list_rows([("small", [BOLT])])).lists
        assert set(rows.rows) == {BOLT}


async def test_cancelled_readings_mix_no_replies(
    single_client: StoreClient,
) -> None:
    stocked = StockedStore(single_client)
    store = PriceStore(single_client, KEYS)
    names = [f"L-{n}" for n in range(20)]
    for name in names:
        await stocked.prices(PriceRow(name, BOLT, unit_price=int(name[2:])))
    chance = random.Random(7)
    answered = 0

    async def call() -> None:
        nonlocal answered
        asked = chance.sample(names, 3)
        found = (await store.list_rows([(name, [BOLT]) for name in asked])).lists
        assert [rows.rows[BOLT][0].price_list for rows in found] == asked
        assert [rows.rows[BOLT][0].unit_price for rows in found] == [int(n[2:]) for n in asked]
        answered += 1

    for _ in range(60):
        calls = [asyncio.create_task(call()) for _ in range(20)]
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        for task in chance.sample(calls, 10):
            task.cancel()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
    assert answered > 300


async def test_a_store_that_is_away_is_said_to_be() -> None:
    client = StoreClient.connect("redis://127.0.0.1:1/0", deadline=1.0)
    store = PriceStore(client, KEYS)
    with pytest.raises(StoreUnavailableError):
        await store.read(["A"])
    with pytest.raises(StoreUnavailableError):
        await store.list_rows([("L", [BOLT])])
    with pytest.raises(StoreUnavailableError):
        await store.epoch_and_lists()
    with pytest.raises(StoreUnavailableError):
        await PricePlaces(client, KEYS).place(["L"])
    await client.close()


async def fill(client: StoreClient, price_list: str, count: int) -> None:
    """A list with that many SKUs, written by the script."""
    encoder = BulkEncoder(KEYS)
    operation = pack_op(Op.UNVERSIONED, 0, 1, 1, None, 1, b"\x1f", b"\x91\x01")
    places = [
        encoder.place_of_prices(price_list, Target(Scope.SKU, f"S-{n}"), with_skus=False)
        for n in range(count)
    ]
    await write(client, *(encoder.put(place, [operation]) for place in places))


async def write(client: StoreClient, *commands: bytes) -> None:
    async def blocks() -> AsyncIterator[Block]:
        yield Block(len(commands), b"".join(commands))

    written = await BulkWriter(client).write(blocks())
    assert written.accepted == len(commands)
