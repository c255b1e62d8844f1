"""Allocation, against a judge that tries every set of locations, and by example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.allocation import Allocated, Demand, allocate
from gateway.domain.reservations import Allocation

LOCATIONS = ("W1", "W2", "W3", "W4", "W5")
COLLECT = "Store"
"""A location that does not ship: only lines that name it take from it."""

units = st.integers(0, 12)
salable = st.dictionaries(st.sampled_from((*LOCATIONS, COLLECT)), units)
named = st.dictionaries(st.sampled_from((*LOCATIONS, COLLECT)), st.integers(1, 12), max_size=3)
orders = st.lists(st.sampled_from(LOCATIONS), unique=True)
demands = st.builds(Demand, st.integers(0, 30), named)


def chosen(wanted: int, left: Mapping[str, int], order: Sequence[str]) -> dict[str, int]:
    """What the contract says is taken, found by trying every set of locations.

    Fewest locations; of those sets the first in priority order; each taken as far as it goes. Where
    all together have too little, all that there is.
    """
    wanted = min(wanted, sum(left.get(name, 0) for name in order))
    for size in range(len(order) + 1):
        for some in combinations(order, size):  # in the order of priority, whole sets too
            if sum(left.get(name, 0) for name in some) < wanted:
                continue
            found: dict[str, int] = {}
            for name in some:
                found[name] = min(left.get(name, 0), wanted - sum(found.values()))
            return found
    raise AssertionError


def judged(demand: Demand, there: Mapping[str, int], order: Sequence[str]) -> dict[str, int]:
    taken: dict[str, int] = {}
    for name, wanted in demand.named.items():
        taken[name] = min(wanted, there.get(name, 0))
    left = {name: units - taken.get(name, 0) for name, units in there.items()}
    for name, units in chosen(demand.anywhere, left, order).items():
        taken[name] = taken.get(name, 0) + units
    return {name: units for name, units in taken.items() if units}


def as_units(found: Sequence[Allocation]) -> dict[str, int]:
    assert len({one.location for one in found}) == len(found)
    assert all(one.quantity > 0 for one in found)
    return {one.location: one.quantity for one in found}


@given(demands, salable, orders)
def test_taken_is_what_the_judge_takes(
    demand: Demand, there: dict[str, int], order: list[str]
) -> None:
    assert as_units(allocate(demand, there, order).allocations) == judged(demand, there, order)


@given(demands, salable, orders)
def test_nothing_is_lost_and_no_location_gives_more_than_it_has(
    demand: Demand, there: dict[str, int], order: list[str]
) -> None:
    before = dict(there)
    found = allocate(demand, there, order)
    taken = as_units(found.allocations)
    assert demand.total == demand.anywhere + sum(demand.named.values())
    assert sum(taken.values()) + found.missing == demand.total
    assert all(units <= there.get(name, 0) for name, units in taken.items())
    assert set(taken) <= set(order) | set(demand.named)
    assert there == before


@given(demands, salable, orders)
def test_what_is_missing_is_awaited_where_it_was_looked_for(
    demand: Demand, there: dict[str, int], order: list[str]
) -> None:
    found = allocate(demand, there, order)
    awaited = as_units(found.waiting)
    short = {
        name: wanted - there.get(name, 0)
        for name, wanted in demand.named.items()
        if wanted > there.get(name, 0)
    }
    anywhere = found.missing - sum(short.values())
    assert anywhere >= 0
    if order and anywhere:
        short[order[0]] = short.get(order[0], 0) + anywhere
    assert awaited == short


@given(demands, salable, orders)
def test_allocations_are_told_in_order_of_priority(
    demand: Demand, there: dict[str, int], order: list[str]
) -> None:
    found = allocate(demand, there, order)
    for told in (found.allocations, found.waiting):
        ranks = [order.index(one.location) for one in told if one.location in order]
        assert ranks == sorted(ranks)
        # Those that do not ship come last.
        assert all(one.location in order for one in told[: len(ranks)])


def take(
    anywhere: int,
    there: Mapping[str, int],
    order: Sequence[str] = LOCATIONS,
    **named: int,
) -> Allocated:
    return allocate(Demand(anywhere, named), there, order)


def test_one_location_that_has_all_comes_before_two_of_higher_priority() -> None:
    found = take(10, {"W1": 9, "W2": 9, "W3": 10})
    assert found == Allocated((Allocation("W3", 10),))


def test_each_is_taken_as_far_as_it_goes() -> None:
    found = take(10, {"W1": 6, "W2": 5, "W3": 9})
    assert found == Allocated((Allocation("W1", 6), Allocation("W2", 4)))


def test_a_location_is_left_out_that_would_make_it_three() -> None:
    found = take(10, {"W1": 1, "W2": 5, "W3": 5})
    assert found == Allocated((Allocation("W2", 5), Allocation("W3", 5)))


def test_named_lines_are_served_first() -> None:
    found = take(4, {"W1": 5, "W2": 4}, W1=3)
    assert found == Allocated((Allocation("W1", 3), Allocation("W2", 4)))


def test_a_store_that_does_not_ship_serves_those_who_name_it() -> None:
    found = take(4, {"W1": 1, COLLECT: 9}, Store=2)
    assert found == Allocated(
        (Allocation("W1", 1), Allocation(COLLECT, 2)), 3, (Allocation("W1", 3),)
    )


def test_too_little_at_a_named_location_is_awaited_there() -> None:
    found = take(0, {"W1": 9, "W2": 1}, W2=5)
    assert found == Allocated((Allocation("W2", 1),), 4, (Allocation("W2", 4),))


def test_without_any_location_all_is_missing_and_awaited_nowhere() -> None:
    assert take(4, {"W1": 9}, ()) == Allocated((), 4)
