"""The delivery promise: cut-off, working days, the nearest place, supply, lead time; no guess."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.delivery import Place, Promise, ShippingTerms, WorkingCalendar, promise
from gateway.domain.quantities import Milli
from gateway.domain.spans import SpanPolicy
from gateway.domain.stock import Incoming, Location, Product, ProductStatus, StockLevel

FRIDAY_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 21, 20, tzinfo=UTC)
PLAIN = Product()
TERMS = ShippingTerms(cut_off=time(14))


def whole(figure: Milli) -> Milli:
    return figure


def place(
    name: str, salable: int, handling: int = 0, incoming: tuple[tuple[int, str], ...] = ()
) -> Place:
    coming = tuple(Incoming(size * 1000, date.fromisoformat(day)) for size, day in incoming)
    level = StockLevel(salable * 1000, incoming=coming)
    return Place(Location(name, handling_days=handling), level)


def arrives(
    quantity: int,
    *places: Place,
    product: Product = PLAIN,
    now: datetime = FRIDAY_NOON,
    terms: ShippingTerms = TERMS,
) -> str | None:
    found = promise(quantity * 1000, places, product, terms, now, whole)
    return None if found is None else str(found.earliest)


def test_from_stock_on_the_order_day_plus_handling() -> None:
    assert arrives(1, place("W1", 5)) == "2026-11-20"
    assert arrives(1, place("W1", 5, handling=1)) == "2026-11-23"


def test_after_the_cut_off_it_is_the_next_working_day() -> None:
    late = FRIDAY_NOON.replace(hour=14)
    assert arrives(1, place("W1", 5), now=late) == "2026-11-23"


def test_a_weekend_order_is_mondays_whatever_the_hour() -> None:
    assert arrives(1, place("W1", 5), now=SATURDAY) == "2026-11-23"


def test_holidays_are_no_working_days() -> None:
    terms = ShippingTerms(WorkingCalendar(holidays=frozenset({date(2026, 11, 23)})))
    assert arrives(1, place("W1", 5, handling=1), terms=terms) == "2026-11-24"


def test_the_first_place_that_covers_it_sets_the_day_not_the_quickest() -> None:
    first, second = place("W1", 5, handling=3), place("W2", 5)
    assert arrives(5, first, second) == "2026-11-25"
    assert arrives(6, first, second) == "2026-11-25"  # both are needed: the slower one counts


def test_supply_that_covers_it_plus_handling_when_stock_does_not() -> None:
    here = place("W1", 2, handling=1, incoming=((3, "2026-11-26"), (9, "2026-12-03")))
    assert arrives(5, here) == "2026-11-27"
    assert arrives(6, here) == "2026-12-04"
    assert arrives(15, here) is None


def test_supply_of_several_places_together() -> None:
    one = place("W1", 0, incoming=((3, "2026-11-26"),))
    other = place("W2", 0, handling=1, incoming=((3, "2026-11-30"),))
    assert arrives(6, one, other) == "2026-12-01"


def test_overdue_supply_is_no_promise() -> None:
    assert arrives(1, place("W1", 0, incoming=((5, "2026-11-19"),))) is None
    assert arrives(1, place("W1", 0, incoming=((5, "2026-11-20"),))) == "2026-11-20"


def test_lead_time_only_when_it_may_be_back_ordered() -> None:
    assert arrives(1, place("W1", 0), product=Product(lead_time_days=3)) is None
    waits = Product(lead_time_days=3, backorder=True)
    assert arrives(1, place("W1", 0), product=waits) == "2026-11-25"
    assert arrives(1, product=waits) == "2026-11-25"


def test_nothing_known_is_nothing_promised() -> None:
    assert arrives(1) is None
    assert arrives(1, product=Product(backorder=True)) is None


def test_a_preorder_product_does_not_leave_before_its_release() -> None:
    soon = Product(status=ProductStatus.PREORDER, available_from="2026-12-05")
    assert arrives(1, place("W1", 5), product=soon) == "2026-12-07"


def test_transit_is_added_to_both_ends() -> None:
    terms = ShippingTerms(transit_days=(1, 3))
    found = promise(1000, [place("W1", 5)], PLAIN, terms, FRIDAY_NOON, whole)
    assert found == Promise(date(2026, 11, 23), date(2026, 11, 25))


POLICY = SpanPolicy()
worlds = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), min_size=1, max_size=3)


def told_to_a_stranger(figures: list[int], handling: list[int], quantity: int) -> Promise | None:
    places = [place(f"W{i}", f, h) for i, (f, h) in enumerate(zip(figures, handling, strict=True))]
    return promise(quantity * 1000, places, PLAIN, TERMS, FRIDAY_NOON, lambda f: POLICY.span(f).low)


@given(worlds, st.data(), st.integers(1, 45))
def test_a_date_tells_no_more_than_the_spans(
    world: list[tuple[int, int]], data: st.DataObject, quantity: int
) -> None:
    figures = [figure for figure, _ in world]
    handling = [days for _, days in world]
    others = [data.draw(st.integers(0, 40).filter(_same_span(figure))) for figure in figures]
    if POLICY.span(sum(figures) * 1000) != POLICY.span(sum(others) * 1000):
        return  # the channel's own span tells them apart already
    told = told_to_a_stranger(figures, handling, quantity)
    assert told == told_to_a_stranger(others, handling, quantity)


def _same_span(figure: int) -> Callable[[int], bool]:
    return lambda other: POLICY.span(other * 1000) == POLICY.span(figure * 1000)


@pytest.mark.parametrize("quantity", [1, 5, 20, 21, 100])
def test_a_stranger_never_gets_an_earlier_day_than_the_truth(quantity: int) -> None:
    places = [place("W1", 7, handling=2), place("W2", 30, handling=4)]
    told = told_to_a_stranger([7, 30], [2, 4], quantity)
    true = promise(quantity * 1000, places, PLAIN, TERMS, FRIDAY_NOON, whole)
    assert told is None or (true is not None and told.earliest >= true.earliest)


@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-30", "9990-01-01"])
def test_a_day_at_the_end_of_the_calendar_is_no_promise_and_no_accident(day: str) -> None:
    terms = ShippingTerms(transit_days=(1, 2))
    supplied = place("W1", 0, handling=3650, incoming=((5, day),))
    assert arrives(1, supplied, terms=terms) is None
    for released in (day, "9999-12-31T23:59:59Z"):
        late = Product(status=ProductStatus.PREORDER, available_from=released)
        assert arrives(1, place("W1", 5, handling=3650), product=late, terms=terms) is None
