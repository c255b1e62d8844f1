"""How long requests are gathered: a moment for few, a while for a crowd, never too long for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loaders.refresh_pace import RefreshPace

LONG = 60.0


def test_a_crowd_is_gathered_for_longer_until_it_thins() -> None:
    pace = RefreshPace()
    moment = pace.seconds(LONG, 0)
    pace.called(7, 0)
    assert pace.seconds(LONG, 0) == moment < 0.01
    pace.called(8, 0)
    assert pace.seconds(LONG, 0) > 10 * moment
    pace.called(40, 0.2)
    assert pace.seconds(LONG, 0.3) > 10 * moment
    pace.called(39, 0.4)
    assert pace.seconds(LONG, 0.4) == moment


def test_a_crowd_that_went_is_forgotten() -> None:
    pace = RefreshPace()
    moment = pace.seconds(LONG, 0)
    pace.called(1_000, 0)
    assert pace.seconds(LONG, 1) == moment


@given(st.floats(-10, 10), st.lists(st.integers(1, 100), max_size=5))
def test_half_of_the_time_left_is_left_for_the_call(patience: float, crowds: list[int]) -> None:
    pace = RefreshPace()
    for callers in crowds:
        pace.called(callers, 0)
    assert 0 <= pace.seconds(patience, 0) <= max(0, patience) / 2
