"""Levels and what may be sold of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.stock import (
    Basis,
    Location,
    Product,
    ProductStatus,
    StockLevel,
    in_priority_order,
)

figures = st.integers(0, 10**9)


@given(figures, figures, figures, figures, st.sampled_from(Basis))
def test_salable_takes_off_what_is_spoken_for(
    quantity: int, allocated: int, safety: int, taken: int, basis: Basis
) -> None:
    level = StockLevel(quantity, basis, allocated, safety, taken=taken)
    left = quantity - safety - taken - (allocated if basis is Basis.ON_HAND else 0)
    assert level.salable() == max(0, left)


def test_available_is_not_reduced_by_orders_the_erp_took_off_already() -> None:
    assert StockLevel(10_000, Basis.AVAILABLE, allocated=4_000).salable() == 10_000
    assert StockLevel(10_000, Basis.ON_HAND, allocated=4_000).salable() == 6_000


@pytest.mark.parametrize(
    ("available_from", "waits"),
    [
        ("2026-12-01", True),
        ("2026-11-22", True),
        ("2026-11-21", False),
        ("2026-11-21T12:00:00Z", False),
        ("2026-11-21T12:00:01Z", True),
        (None, False),
    ],
)
def test_preorder_ends_with_the_channels_own_day(available_from: str | None, waits: bool) -> None:
    product = Product(status=ProductStatus.PREORDER, available_from=available_from)
    assert product.awaits_release(datetime(2026, 11, 21, 12, tzinfo=UTC)) is waits


def test_the_release_day_is_the_channels_not_londons() -> None:
    product = Product(status=ProductStatus.PREORDER, available_from="2026-11-21T23:00:00Z")
    east = timezone(timedelta(hours=2))
    assert str(product.release_day(datetime(2026, 11, 1, tzinfo=east))) == "2026-11-22"


def test_an_active_product_waits_for_nothing() -> None:
    assert not Product(available_from="2999-01-01").awaits_release(datetime(2026, 1, 1, tzinfo=UTC))


def test_priority_comes_first_and_ties_are_settled_by_id() -> None:
    places = [Location("B"), Location("A"), Location("C", priority=9)]
    assert [place.location for place in in_priority_order(places)] == ["C", "A", "B"]


def test_a_location_without_channels_serves_all_and_one_that_names_some_serves_those() -> None:
    assert Location("W").serves("se")
    assert Location("W", channels=("se",)).serves("se")
    assert not Location("W", channels=("ghost",)).serves("se")
