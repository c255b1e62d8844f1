"""Absorption: no order's units are counted twice or not at all, whatever comes first."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.absorption import Acknowledged, Taken, includes

BEFORE, MOMENT, AFTER = 99, 100, 101
IN_HAND, ORDERED = 10_000, 3_000


@pytest.mark.parametrize(
    ("figure_ms", "included"), [(BEFORE, False), (MOMENT, True), (AFTER, True)]
)
def test_a_figure_has_an_order_from_its_acknowledgement_on(figure_ms: int, included: bool) -> None:
    assert includes(figure_ms, MOMENT) is included


@pytest.mark.parametrize("events", list(permutations(["confirm", "acknowledge", "figure"])))
def test_at_every_point_of_every_order_of_events_the_units_are_counted_once(
    events: tuple[str, ...],
) -> None:
    confirmed = acknowledged = False
    quantity, figure_ms = IN_HAND, BEFORE
    for event in events:
        if event == "confirm":
            confirmed = True
        elif event == "acknowledge":
            acknowledged = True
        else:
            # The ERP's own figure: it took the order at MOMENT and leaves it out since.
            quantity, figure_ms = IN_HAND - ORDERED, AFTER
        if not confirmed:
            taken = Taken(ORDERED)  # still a hold of ours
        elif acknowledged:
            taken = Taken(0, [Acknowledged(MOMENT, ORDERED)])
        else:
            taken = Taken(ORDERED)
        there = quantity - taken.still(figure_ms)
        if confirmed and acknowledged:
            assert there == IN_HAND - ORDERED
        else:
            # Until we know that the ERP has it, it may be counted by both, never by neither.
            assert there <= IN_HAND - ORDERED


orders = st.lists(st.builds(Acknowledged, st.integers(0, 20), st.integers(1, 9)))


@given(st.integers(0, 50), orders, st.integers(0, 20))
def test_still_taken_is_each_unit_that_the_figure_has_not(
    units: int, acknowledged: list[Acknowledged], figure_ms: int
) -> None:
    one_by_one = [
        unit for order in acknowledged for unit in range(order.units) if figure_ms < order.from_ms
    ]
    assert Taken(units, acknowledged).still(figure_ms) == units + len(one_by_one)


@given(st.integers(0, 50), orders)
def test_a_later_figure_leaves_out_no_less(units: int, acknowledged: list[Acknowledged]) -> None:
    taken = Taken(units, acknowledged)
    over_time = [taken.still(figure_ms) for figure_ms in range(22)]
    assert over_time == sorted(over_time, reverse=True)
    assert over_time[-1] == units
    assert taken.still(-1) == units + sum(order.units for order in acknowledged)
