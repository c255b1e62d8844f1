"""Prices, their lists, customers and discounts against a real Valkey: place, order, removal."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.price_lists import Layer
from gateway.store.prices import PriceStore
from loaders.feedbook import Feed
from loaders.guard import Limits

if TYPE_CHECKING:
    from tests.integration.loaders.conftest import Warehouse

LISTS = Feed("lists", "price_lists")
PRICES = Feed("prices", "prices")
OTHERS = Feed("others", "prices")
CUSTOMERS = Feed("customers", "customers")
DISCOUNTS = Feed("discounts", "discounts")


def head(name: str, layer: str = "base", **more: Any) -> dict[str, Any]:
    return {"price_list": name, "currency": "SEK", "layer": layer, **more}


def row(sku: str, amount: float | str | None = 10, name: str = "P", **more: Any) -> dict[str, Any]:
    return {"price_list": name, "sku": sku, "unit_price": amount, **more}


def book(count: int, amount: float = 10, name: str = "P") -> list[dict[str, Any]]:
    return [row(f"S{number:03}", amount, name) for number in range(count)]


def store(warehouse: Warehouse) -> PriceStore:
    return PriceStore(warehouse.client, warehouse.keys)


@pytest.fixture
async def priced(warehouse: Warehouse) -> Warehouse:
    """A store with the heads of P (open) and K (a contract)."""
    await warehouse.register(LISTS, PRICES, OTHERS, CUSTOMERS, DISCOUNTS)
    await warehouse.snapshot(LISTS, [head("P"), head("K", "contract", customers=["C"])])
    return warehouse


async def test_heads_are_written_and_removed(priced: Warehouse) -> None:
    heads = await store(priced).lists(["P", "K"])
    assert (heads["P"].layer, *heads["K"].customers) == (Layer.BASE, "C")
    assert (await priced.snapshot(LISTS, [head("P", priority=2)])).removed == 1
    _, lists = await store(priced).epoch_and_lists()
    assert {name: one.priority for name, one in lists.items()} == {"P": 2}
    assert (await priced.delta(LISTS, {"price_list": "P", "delete": True})).accepted == 1
    assert await store(priced).lists(["P"]) == {}


async def test_customers_are_written_and_removed(priced: Warehouse) -> None:
    rows = [{"customer": "C", "groups": ["g"]}, {"customer": "D"}]
    assert (await priced.snapshot(CUSTOMERS, rows)).accepted == 2
    await priced.delta(CUSTOMERS, {"customer": "C", "status": "blocked"})
    (held,) = (await store(priced).read([], ["C"])).customers
    assert held is not None
    assert (held.status, len(held.groups)) == ("blocked", 0)
    assert (await priced.snapshot(CUSTOMERS, rows[:1])).removed == 1
    assert (await store(priced).read([], ["D"])).customers == [None]


async def test_cells_are_written_and_removed_one_by_one(priced: Warehouse) -> None:
    def cell(products: str, percent: float, **more: Any) -> dict[str, Any]:
        names = {"discount_class": "gold", "product_discount_class": products}
        return {**names, "discount_percent": percent, **more}

    cells = [cell("a", 5), cell("a", 6, valid_from="2027-01-01"), cell("b", 7)]
    assert (await priced.snapshot(DISCOUNTS, cells)).accepted == 3
    outcome = await priced.snapshot(DISCOUNTS, [*cells[:1], cell("b", 700)])
    assert (outcome.removed, outcome.quarantined) == (1, 1)
    (held,) = (await store(priced).read([], [], ["gold"])).discounts
    kept = {(one.product_discount_class, one.discount_percent): one.feed for one in held}
    # What was rejected is held, and no longer vouched for.
    assert kept == {("a", 5_000_000): kept["a", 5_000_000], ("b", 7_000_000): 0}
    assert kept["a", 5_000_000] > 0
    gone = {"discount_class": "gold", "product_discount_class": "a", "delete": True}
    assert (await priced.delta(DISCOUNTS, gone)).accepted == 1
    (held,) = (await store(priced).read([], [], ["gold"])).discounts
    assert [one.product_discount_class for one in held] == ["b"]


async def test_rows_of_open_lists_lie_with_skus_others_with_their_list(priced: Warehouse) -> None:
    rows = [
        row("A", 10),
        row("A", 9, min_quantity=10),
        row("A", 8, name="K"),
        {"price_list": "P", "product_group": "G", "discount_percent": -5},
        {"price_list": "P", "all": True, "unit_price": 7},
    ]
    outcome = await priced.snapshot(PRICES, rows)
    # A percentage is taken off base prices: it has no place among them.
    assert (outcome.accepted, outcome.quarantined) == (4, 1)
    assert "layer base" in outcome.rejections[0].reason
    assert await priced.prices() == {
        ("P", "A", 1): 10,
        ("P", "A", 10): 9,
        ("K", "A", 1): 8,
        ("P", "", 1): 7,
    }
    (held,) = (await store(priced).read(["A"])).skus
    assert held is not None
    assert [one.price_list for one in held.rows] == ["P", "P"]


async def test_rows_that_come_before_their_head_stay_where_they_are(warehouse: Warehouse) -> None:
    await warehouse.register(LISTS, PRICES)
    await warehouse.snapshot(PRICES, [row("A", 10)])
    assert await warehouse.with_skus() == set()
    await warehouse.snapshot(LISTS, [head("P")])
    await warehouse.snapshot(PRICES, [row("A", 11), row("B", 12)])
    await warehouse.delta(PRICES, row("A", 13), row("C", 14))
    assert await warehouse.with_skus() == set()
    assert len(await warehouse.rows()) == 3
    assert (await warehouse.prices())["P", "A", 1] == 13


async def test_a_list_that_turns_personal_keeps_its_rows_together(priced: Warehouse) -> None:
    await priced.snapshot(PRICES, [row("A", 10)])
    await priced.snapshot(LISTS, [head("P", customers=["C"]), head("K", "contract")])
    await priced.snapshot(PRICES, [row("A", 11), row("B", 12)])
    assert await priced.with_skus() == {"A", "B"}
    assert len(await priced.rows()) == 2


async def test_a_row_at_a_wrong_place_vanishes_with_the_next_snapshot(priced: Warehouse) -> None:
    await priced.snapshot(PRICES, [row("A", 10), row("B", 11)])
    # As after a store that was emptied while its prices were being written.
    await priced.client.redis.hset(priced.keys.price_places, "P", "l")
    outcome = await priced.snapshot(PRICES, [row("A", 10), row("B", 11)])
    assert (outcome.accepted, outcome.removed) == (2, 2)
    assert await priced.with_skus() == set()
    assert len(await priced.rows()) == 2


async def test_a_snapshot_removes_what_it_lacks_of_its_own_feed_alone(priced: Warehouse) -> None:
    rows = [row("A"), row("A", 9, min_quantity=5), row("B", name="K"), row("C", name="K")]
    await priced.snapshot(PRICES, rows)
    await priced.snapshot(OTHERS, [row("A", 3, min_quantity=100), row("D", name="K")])
    assert (await priced.snapshot(PRICES, [rows[0], rows[2]])).removed == 2
    assert set(await priced.prices()) == {
        ("P", "A", 1),
        ("K", "B", 1),
        ("P", "A", 100),
        ("K", "D", 1),
    }


async def test_validity_is_part_of_the_key(priced: Warehouse) -> None:
    rows = [
        row("A", 10, valid_until="2026-12-01"),
        row("A", 11, valid_from="2026-12-01"),
        row("A", 12, valid_from="2026-12-01T01:00:00+01:00"),
    ]
    assert (await priced.delta(PRICES, *rows)).accepted == 3
    assert sorted((one.unit_price or 0) // 10_000 for one in await priced.rows()) == [10, 12]


async def test_newer_wins_and_deletes_stay(priced: Warehouse) -> None:
    await priced.delta(PRICES, row("A", 10, version=5), row("A", 9, name="K", version=5))
    older = [row("A", 7, version=5), row("A", 7, name="K", version=4)]
    assert (await priced.delta(PRICES, *older)).ignored == 2
    gone = {"price_list": "P", "sku": "A", "version": 6, "delete": True}
    assert (await priced.delta(PRICES, gone)).accepted == 1
    await priced.delta(PRICES, row("A", 8, version=5))
    assert await priced.prices() == {("K", "A", 1): 9}
    await priced.delta(PRICES, row("A", 8, version=7))
    assert (await priced.prices())["P", "A", 1] == 8


async def test_a_rejected_row_keeps_the_last_good_one_doubted(priced: Warehouse) -> None:
    await priced.snapshot(PRICES, [row("A", 10), row("B", 11, name="K"), row("C", 12)])
    wrong = [row("A", -1), row("B", "7,00", name="K"), row("C", 12)]
    outcome = await priced.snapshot(PRICES, wrong)
    assert (outcome.quarantined, outcome.removed) == (2, 0)
    assert await priced.prices() == {("P", "A", 1): 10, ("K", "B", 1): 11, ("P", "C", 1): 12}
    assert {one.target.name: one.feed > 0 for one in await priced.rows()} == {
        "A": False,
        "B": False,
        "C": True,
    }
    await priced.snapshot(PRICES, [row("A", 10), row("B", 11, name="K"), row("C", 12)])
    assert all(one.feed for one in await priced.rows())


async def test_a_row_without_a_key_stops_all_removal(priced: Warehouse) -> None:
    await priced.snapshot(PRICES, [row("A", 10), row("B", 11)])
    outcome = await priced.snapshot(PRICES, [row("A", 10), row("B", 11, min_quantity=0)])
    assert (outcome.removed, outcome.quarantined) == (0, 1)
    assert "nothing was removed" in (outcome.reason or "")


async def test_prices_that_move_far_are_held_back_whole(priced: Warehouse) -> None:
    await priced.snapshot(PRICES, [*book(50), *book(50, name="K")])
    wrong = [*book(45), *book(5, 151, "P2"), *book(44, name="K")]
    moved = [*wrong, *[row(f"S{n:03}", 16, "K") for n in range(44, 50)]]
    moved += [row(f"S{n:03}", 4, "P") for n in range(45, 50)]
    outcome = await priced.snapshot(PRICES, moved)
    assert (outcome.applied, outcome.accepted, outcome.removed) == (False, 0, 0)
    assert outcome.reason == ("11 of 100 prices would move by more than 50% (11%; allowed: 10%)")
    assert (await priced.state(PRICES)).held_back == outcome.reason
    assert set((await priced.prices()).values()) == {10}
    # One less is let through, and so is any number of rows that end or begin.
    outcome = await priced.snapshot(PRICES, [*moved[:-1], row("S049", 15, "P")])
    assert (outcome.applied, outcome.reason) == (True, None)
    assert (await priced.snapshot(PRICES, [row("S000", 10)])).removed == 104


async def test_a_price_that_becomes_a_percentage_has_moved(priced: Warehouse) -> None:
    await priced.snapshot(PRICES, book(50, name="K"))
    percents = [{"price_list": "K", "sku": f"S{n:03}", "discount_percent": 1} for n in range(6)]
    outcome = await priced.snapshot(PRICES, [*book(50, name="K")[6:], *percents])
    assert "6 of 50 prices would move" in (outcome.reason or "")
    outcome = await priced.snapshot(PRICES, [*book(50, name="K")[5:], *percents[:5]])
    assert outcome.reason is None


async def test_what_is_rejected_has_not_moved(priced: Warehouse) -> None:
    await priced.snapshot(PRICES, book(60))
    outcome = await priced.snapshot(PRICES, [*book(30), *book(60, -1)[30:]])
    assert (outcome.reason, outcome.quarantined) == (None, 30)


async def test_few_prices_are_not_judged_but_none_are_refused(priced: Warehouse) -> None:
    await priced.snapshot(PRICES, book(49))
    assert (await priced.snapshot(PRICES, book(49, 1000))).accepted == 49
    lenient = Feed("prices", "prices", Limits(judged_from=0, moved_share=1.0))
    assert "empty" in ((await priced.snapshot(lenient, [])).reason or "")


async def test_customers_and_lists_must_not_vanish_in_numbers(priced: Warehouse) -> None:
    customers = [{"customer": f"C{n}"} for n in range(60)]
    await priced.snapshot(CUSTOMERS, customers)
    outcome = await priced.snapshot(CUSTOMERS, customers[:47])
    assert "13 of 60 customers would vanish" in (outcome.reason or "")
    lists = [head(f"L{n}") for n in range(60)]
    await priced.snapshot(LISTS, lists)
    outcome = await priced.snapshot(LISTS, lists[:47])
    assert "13 of 60 price_lists would vanish" in (outcome.reason or "")
    cells = [
        {"discount_class": f"d{n}", "product_discount_class": "p", "discount_percent": 1}
        for n in range(60)
    ]
    await priced.snapshot(DISCOUNTS, cells)
    assert (await priced.snapshot(DISCOUNTS, cells[:1])).removed == 59


@pytest.mark.parametrize("name", ["a}{b", "*", "%7D", "{}", "Ärm-42", "A/12", "ß" * 64])
async def test_an_id_touches_its_own_keys_alone(warehouse: Warehouse, name: str) -> None:
    await warehouse.register(LISTS, PRICES, CUSTOMERS, DISCOUNTS)
    await warehouse.snapshot(LISTS, [head(name), head("other", "contract")])
    rows = [row(name, 5, name), row("x", 6, name), row(name, 7, "other"), row("x", 8, "other")]
    await warehouse.snapshot(PRICES, rows)
    assert await warehouse.prices() == {
        (name, name, 1): 5,
        (name, "x", 1): 6,
        ("other", name, 1): 7,
        ("other", "x", 1): 8,
    }
    assert (await warehouse.snapshot(PRICES, rows[3:])).removed == 3
    await warehouse.snapshot(CUSTOMERS, [{"customer": name}, {"customer": "other"}])
    assert (await warehouse.snapshot(CUSTOMERS, [{"customer": "other"}])).removed == 1
    cell = {"product_discount_class": name, "discount_percent": 5}
    cells = [{"discount_class": name, **cell}, {"discount_class": "other", **cell}]
    await warehouse.snapshot(DISCOUNTS, cells)
    assert (await warehouse.snapshot(DISCOUNTS, cells[1:])).removed == 1
    assert (await warehouse.snapshot(LISTS, [head("other", "contract")])).removed == 1


async def test_loading_again_changes_nothing(priced: Warehouse) -> None:
    rows = [
        row("A", "7.1250", version=1),
        row("A", 9, name="K", min_quantity=2.5, version=1),
        {"price_list": "K", "product_group": "G", "discount_percent": "5", "version": 1},
    ]
    await priced.snapshot(PRICES, rows)
    before = await priced.rows()
    outcome = await priced.snapshot(PRICES, rows)
    assert (outcome.accepted, outcome.ignored, outcome.removed) == (0, 3, 0)
    assert await priced.rows() == before


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["P", "K"]),
        st.sampled_from([{"sku": "A"}, {"sku": "B"}, {"product_group": "A"}, {"all": True}]),
        st.sampled_from([1, 10]),
        st.integers(1, 30),
        st.booleans(),
    ),
    max_size=25,
    unique_by=lambda change: (change[0], str(change[1]), change[2], change[3]),
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=CHANGES, chance=st.randoms(use_true_random=False))
async def test_shuffled_and_repeated_deltas_end_as_in_order(
    warehouse: Warehouse, changes: list[Any], chance: random.Random
) -> None:
    def deltas(order: list[Any]) -> list[dict[str, Any]]:
        return [
            {"price_list": name, **target, "min_quantity": minimum, "version": version}
            | ({"delete": True} if gone else {"unit_price": version})
            for name, target, minimum, version, gone in order
        ]

    async def ends(order: list[Any]) -> Any:
        await warehouse.client.redis.flushall()
        await warehouse.register(LISTS, PRICES)
        await warehouse.delta(LISTS, head("P"), head("K", "contract"))
        for at in range(0, len(order), 4):
            await warehouse.delta(PRICES, *deltas(order[at : at + 4]))
        return await warehouse.rows()

    in_order = sorted(changes, key=lambda change: change[3])
    shuffled = [*changes, *chance.choices(changes, k=len(changes) // 3)] if changes else []
    chance.shuffle(shuffled)
    assert await ends(shuffled) == await ends(in_order)
