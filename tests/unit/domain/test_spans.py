"""Spans: the table of CONTRACT 2, and what every policy keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.spans import Color, Level, Span, SpanPolicy, StockStatus

POLICY = SpanPolicy()

policies = st.builds(
    lambda bounds, few: SpanPolicy(tuple(sorted(bounds)), few),
    st.sets(st.integers(1, 200_000), min_size=1, max_size=6),
    st.integers(0, 200_000),
)
salables = st.integers(0, 300_000)


@pytest.mark.parametrize(
    ("salable", "status", "level", "color", "span"),
    [
        (20_000, "in_stock", "many", "green", Span(20_000, None)),
        (10**12, "in_stock", "many", "green", Span(20_000, None)),
        (19_000, "in_stock", "many", "green", Span(5_000, 19_000)),
        (5_000, "in_stock", "many", "green", Span(5_000, 19_000)),
        (4_000, "limited_availability", "few", "yellow", Span(1_000, 4_000)),
        (1_000, "limited_availability", "few", "yellow", Span(1_000, 4_000)),
        (4_500, "limited_availability", "few", "yellow", Span(1_000, 5_000, exclusive=True)),
        (500, "limited_availability", "few", "yellow", Span(0, 1_000, exclusive=True)),
        (0, "out_of_stock", "none", "red", Span(0, 0)),
    ],
)
def test_the_shipped_policy(salable: int, status: str, level: str, color: str, span: Span) -> None:
    view = POLICY.view(salable, discontinued=False, backorder=False)
    assert (view.status, view.level, view.color, view.span) == (status, level, color, span)


def test_discontinued_wins_over_backorder_and_neither_matters_while_there_is_stock() -> None:
    assert POLICY.view(0, discontinued=True, backorder=True).status is StockStatus.DISCONTINUED
    assert POLICY.view(0, discontinued=False, backorder=True).status is StockStatus.BACKORDER
    assert POLICY.view(9_000, discontinued=True, backorder=True).status is StockStatus.IN_STOCK


def test_whole_figures_below_the_first_bound_are_limited_from_zero() -> None:
    view = SpanPolicy((10_000, 50_000)).view(3_000, discontinued=False, backorder=False)
    assert (view.status, view.level, view.color) == (StockStatus.LIMITED, Level.FEW, Color.YELLOW)
    assert view.span == Span(0, 9_000)


@given(policies, salables)
def test_a_figure_lies_within_its_span(policy: SpanPolicy, salable: int) -> None:
    span = policy.span(salable)
    assert policy.lower_bound(salable) == span.low
    assert span.low <= salable
    if span.high is not None:
        assert salable < span.high if span.exclusive else salable <= span.high


@given(policies, salables, salables)
def test_two_figures_of_one_span_look_the_same(policy: SpanPolicy, one: int, other: int) -> None:
    if policy.span(one) == policy.span(other) and (one > 0) == (other > 0):
        views = [policy.view(f, discontinued=False, backorder=False) for f in (one, other)]
        assert views[0] == views[1]


@given(policies, salables, salables)
def test_more_stock_never_shows_less(policy: SpanPolicy, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert policy.span(low).low <= policy.span(high).low


@given(policies, salables, st.integers(0, 400_000))
def test_what_the_span_says_of_a_quantity_is_true(
    policy: SpanPolicy, salable: int, quantity: int
) -> None:
    said = policy.span(salable).covers(quantity)
    if said is not None:
        assert said == (quantity <= salable)


def test_the_exclusive_end_itself_is_not_there() -> None:
    assert Span(1_000, 5_000, exclusive=True).covers(5_000) is False
    assert Span(1_000, 5_000, exclusive=True).covers(4_999) is None
    assert Span(1_000, 4_000).covers(4_000) is None
    assert Span(20_000, None).covers(10**9) is None
