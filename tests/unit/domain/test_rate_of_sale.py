"""Rates of sale: what was learnt of a level, and what is probably left of an old figure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.settings import Settings
from gateway.domain.quantities import UNIT
from gateway.domain.rate_of_sale import LEARNT_OVER_MS, NO_SALES, RateOfSale
from gateway.domain.stock import StockLevel

HOUR = 3_600_000
DAY = 24 * HOUR


def sells(an_hour: float, days: float = 30) -> RateOfSale:
    """A level that sold so much every hour, for so long."""
    rate = NO_SALES
    for _ in range(int(days * 24)):
        rate = rate.after(HOUR, an_hour)
    return rate


@pytest.mark.parametrize("an_hour", [0.5, 3, 40])
@pytest.mark.parametrize("days", [2, 7, 60])
def test_a_steady_sale_is_learnt_as_it_is(an_hour: float, days: int) -> None:
    assert sells(an_hour, days).per_hour() == pytest.approx(an_hour, rel=0.01)


def test_two_sales_in_the_first_minute_are_no_rate() -> None:
    rate = NO_SALES.after(60_000, 1).after(60_000, 1)
    assert rate.per_hour() == pytest.approx(2 / 24, rel=0.1)


def test_what_no_longer_sells_is_forgotten() -> None:
    rate = sells(10)
    assert rate.after(LEARNT_OVER_MS).per_hour() == pytest.approx(10 / 2.718, rel=0.01)
    assert rate.expected(10 * LEARNT_OVER_MS, HOUR) < 0.001


def test_a_clock_that_goes_back_makes_no_time() -> None:
    assert sells(1).after(-DAY, 2) == RateOfSale(sells(1).sold + 2, sells(1).watched)


def test_what_came_in_was_not_sold() -> None:
    assert sells(1).after(0, -50) == sells(1)


@given(
    st.lists(st.tuples(st.integers(0, 30 * DAY), st.floats(0, 1e9)), max_size=20),
    st.integers(0, 400 * DAY),
    st.integers(-DAY, 400 * DAY),
)
def test_a_rate_is_never_below_nothing_nor_watched_more_than_whole(
    steps: list[tuple[int, float]], quiet_ms: int, age_ms: int
) -> None:
    rate = NO_SALES
    for elapsed, sold in steps:
        rate = rate.after(elapsed, sold)
    assert 0 <= rate.watched <= 1
    assert 0 <= rate.expected(quiet_ms, age_ms) < float("inf")


@given(
    st.integers(0, 10**6 * UNIT),
    st.integers(0, 10**5 * UNIT),
    st.integers(0, 30 * DAY),
    st.integers(0, 30 * DAY),
)
def test_a_figure_only_falls_as_it_grows_old(
    quantity: int, taken: int, age_ms: int, more_ms: int
) -> None:
    level = StockLevel(quantity, taken=taken, rate=sells(2.5, days=3))
    young, old = (level.less_sold(0, age, 1.0).salable() for age in (age_ms, age_ms + more_ms))
    assert level.salable() >= young >= old >= 0


def test_a_young_figure_is_whole() -> None:
    level = StockLevel(5 * UNIT, rate=sells(3))
    assert level.less_sold(0, HOUR // 4, 1.0).salable() == 5 * UNIT
    assert level.less_sold(0, HOUR // 2, 1.0).salable() == 4 * UNIT
    assert level.less_sold(0, 30 * DAY, 1.0).salable() == 0


def test_what_we_took_is_part_of_what_was_sold() -> None:
    level = StockLevel(20 * UNIT, taken=5 * UNIT, rate=sells(1))
    assert level.less_sold(0, 4 * HOUR + 1, 1.0).salable() == 15 * UNIT
    assert level.less_sold(0, 8 * HOUR + HOUR // 2, 1.0).salable() == 12 * UNIT
    assert level.less_sold(0, 4 * HOUR + HOUR // 2, 2.0).salable() == 11 * UNIT


def test_nothing_is_taken_off_where_nothing_was_learnt() -> None:
    level = StockLevel(5 * UNIT)
    assert level.less_sold(0, 30 * DAY, 10.0) is level


@pytest.mark.parametrize(
    ("freshness", "learns"),
    [
        ({}, False),
        ({"classes": {"fish": {"fresh_for": 60}}}, False),
        ({"buffer": 0.5}, True),
        ({"classes": {"fish": {"buffer": 1}}}, True),
        ({"buffer": 1, "classes": {"nails": {"buffer": 0}}}, True),
    ],
)
def test_rates_are_learnt_where_any_figure_is_shown_with_a_buffer(
    freshness: dict[str, object], *, learns: bool
) -> None:
    settings = Settings.model_validate({"freshness": freshness})
    assert settings.freshness.buffers is learns
