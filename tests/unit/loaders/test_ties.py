"""Pairs of rows of which only the smaller list id says which one counts."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.customers import Customer
from gateway.domain.money import parse_percent, parse_price
from gateway.domain.price_lists import EVERYTHING, Layer, PriceList, PriceRow, Scope, Target
from gateway.domain.validity import Validity
from loaders.seen import KeySet
from loaders.ties import SHOWN, Buyers, Ties

A = Target(Scope.SKU, "A")


def head(name: str, layer: Layer = Layer.CAMPAIGN, **more: Any) -> PriceList:
    for key in ("customers", "groups", "channels"):
        more[key] = frozenset(more.get(key, ()))
    return PriceList(name, more.pop("currency", "SEK"), layer, **more)


def row(name: str, amount: float = 79, **more: Any) -> PriceRow:
    return PriceRow(name, more.pop("target", A), unit_price=parse_price(amount), **more)


def found(
    heads: Iterable[PriceList],
    rows: Iterable[PriceRow],
    customers: Iterable[Customer] = (),
    **more: Any,
) -> list[str]:
    ties = Ties({one.price_list: one for one in heads}, Buyers(customers), **more)
    rows = list(rows)
    ties.first_pass(rows)
    ties.second_pass(rows)
    return ties.lines()


def test_a_pair_is_one_line_that_says_where() -> None:
    rows = [row("P2", min_quantity=2500), row("P1", min_quantity=2500)]
    (line,) = found([head("P1"), head("P2")], rows)
    assert line == (
        "price lists P1 and P2 (campaign, SEK, priority 0) both say 79.00 for sku A from 2.5: "
        "only the smaller id decides"
    )
    percents = [
        PriceRow(name, EVERYTHING, discount_percent=parse_percent("12.5")) for name in ("P1", "P2")
    ]
    (line,) = found([head("P1"), head("P2")], percents)
    assert "both say 12.5 % off for all products" in line


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (row("P1"), row("P2", 78)),
        (row("P1"), row("P2", min_quantity=2000)),
        (row("P1"), row("P2", target=Target(Scope.PRODUCT_GROUP, "A"))),
        (row("P1"), row("P2", validity=Validity(None, 5))),
        (row("P1"), PriceRow("P2", A, discount_percent=790_000)),
        (row("P1"), row("P1", validity=Validity(9, None))),
        (row("P1"), row("other currency")),
        (row("P1"), row("other layer")),
        (row("P1"), row("other priority")),
        (row("P1"), row("other channel")),
        (row("P1"), row("long ago")),
        (row("P1"), row("no head")),
    ],
)
def test_what_something_else_decides_is_no_tie(one: PriceRow, other: PriceRow) -> None:
    heads = [
        head("P1", channels=["web"], validity=Validity(10)),
        head("P2"),
        head("other currency", currency="EUR"),
        head("other layer", Layer.BASE),
        head("other priority", priority=1),
        head("other channel", channels=["shop"]),
        head("long ago", validity=Validity(None, 10)),
    ]
    assert found(heads, [one, other]) == []
    assert found(heads, [row("P1"), row("P2")]) != []


CUSTOMERS = [
    Customer("c1", price_lists=frozenset({"N"}), groups=frozenset({"g1", "g2"})),
    Customer("c2", groups=frozenset({"g2"})),
    Customer("c3", groups=frozenset({"g3"})),
]


@pytest.mark.parametrize(
    ("one", "other", "tied"),
    [
        (head("X", customers=["c1"]), head("Y", customers=["c2"]), False),
        (head("X", customers=["c1"]), head("Y", customers=["c2", "c1"]), True),
        (head("X", customers=["c1"]), head("Y"), True),
        (head("X", customers=["c1"]), head("N", customers=["c2"]), True),
        (head("X", customers=["c3"]), head("N", customers=["c2"]), False),
        (head("X", groups=["g1"]), head("Y", groups=["g2"]), True),
        (head("X", groups=["g1"]), head("Y", groups=["g3"]), False),
        (head("X", groups=["g1"]), head("Y", customers=["c1"]), True),
        (head("X", groups=["g1"]), head("Y", customers=["c3"]), False),
        (head("X", groups=["g1"], customers=["c3"]), head("Y"), False),
        (head("X", Layer.CONTRACT), head("N", Layer.CONTRACT), False),
        (head("X", Layer.CONTRACT, customers=["c1"]), head("N", Layer.CONTRACT), True),
        (head("X", Layer.CHANNEL, channels=["w"]), head("Y", Layer.CHANNEL, channels="w"), True),
    ],
)
def test_who_may_meet_both(one: PriceList, other: PriceList, tied: bool) -> None:
    rows = [row(one.price_list), row(other.price_list)]
    assert bool(found([one, other], rows, CUSTOMERS)) is tied
    assert bool(found([other, one], reversed(rows), CUSTOMERS)) is tied


def test_ranks_decide_where_they_are_looked_at() -> None:
    heads = [head("P1"), head("P2")]
    rows = [row("P1", rank=1), row("P2", rank=2)]
    assert len(found(heads, rows)) == 1
    assert found(heads, rows, by_rank=True) == []


def test_at_most_a_hundred_are_told() -> None:
    heads = [head(f"P{number:02}") for number in range(20)]
    lines = found(heads, [row(one.price_list) for one in heads])
    assert (len(lines), lines[-1]) == (SHOWN + 1, "… and 90 more")


def test_a_row_that_a_scan_came_by_twice_is_one() -> None:
    assert len(found([head("P1"), head("P2")], [row("P1"), row("P1"), row("P2")])) == 1


WHO = st.frozensets(st.sampled_from(["c1", "c2", "c3"]))
GROUPS = st.frozensets(st.sampled_from(["g1", "g2", "g3"]), max_size=2)
CHANNELS = st.frozensets(st.sampled_from(["web", "shop"]))
HEADS = st.builds(
    PriceList,
    st.sampled_from(["L", "M", "N", "O"]),
    st.just("SEK"),
    st.sampled_from([Layer.CAMPAIGN, Layer.CONTRACT]),
    customers=WHO,
    groups=GROUPS,
    channels=CHANNELS,
)


@given(st.lists(HEADS, unique_by=lambda one: one.price_list))
def test_the_pairs_are_those_that_apply_together(heads: list[PriceList]) -> None:
    together = {
        frozenset({one.price_list, other.price_list})
        for one in heads
        for other in heads
        if one.price_list < other.price_list and one.layer is other.layer
        for customer in [*CUSTOMERS, None]
        for channel in ("web", "shop")
        if one.applies_to(customer, channel) and other.applies_to(customer, channel)
    }
    lines = found(heads, [row(one.price_list) for one in heads], CUSTOMERS)
    assert {frozenset({line.split()[2], line.split()[4]}) for line in lines} == together


def test_that_no_row_is_like_another_is_found_out_once() -> None:
    class Counted(KeySet):
        looked = 0

        def repeated(self) -> KeySet:
            self.looked += 1
            return super().repeated()

    ties = Ties({name: head(name) for name in ("P1", "P2")}, Buyers([]))
    once = ties._once = Counted()
    rows = [[row("P1", number)] for number in range(10)]
    for page in rows:
        ties.first_pass(page)
    for page in rows:
        ties.second_pass(page)
    assert once.looked == 1
    assert ties.lines() == []
