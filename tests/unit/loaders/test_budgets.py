"""The ERP's budget of calls: never more than it allows, and no less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.budgets import CallBudget


@given(
    st.floats(0.1, 100),
    st.integers(1, 20),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_in_no_stretch_of_time_are_there_more_calls(
    rate: float, burst: int, pauses: list[float]
) -> None:
    budget, now = CallBudget(rate, burst), 0.0
    made: list[float] = []
    for pause in pauses:
        now = budget.free_at(now + pause)
        budget.take(now)
        made.append(now)
    for first, begun in enumerate(made):
        for last, ended in enumerate(made[first:], first):
            assert last - first + 1 <= burst + rate * (ended - begun) + 1e-6


def test_a_rested_budget_has_its_burst_at_once_and_then_its_rate() -> None:
    budget = CallBudget(rate=10, burst=3)
    for _ in range(3):
        assert budget.free_at(100.0) == 100.0
        budget.take(100.0)
    assert budget.free_at(100.0) == pytest.approx(100.1)
    assert budget.free_at(100.5) == 100.5
