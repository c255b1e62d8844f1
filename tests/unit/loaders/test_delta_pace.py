"""When the next delta is due, by ticks that a test counts."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from loaders.delta_pace import DeltaPace


class Ticks:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def after_a_delta(
    clock: Ticks, *, took: float, told: bool = False, waits: bool = False
) -> DeltaPace:
    pace = DeltaPace(clock, Random(1))
    pace.begins()
    if told:
        pace.told()
    clock.now += took
    pace.ended(60.0, waits=waits)
    return pace


def test_without_a_word_it_is_due_by_its_rhythm() -> None:
    clock = Ticks()
    assert after_a_delta(clock, took=2.0).due == clock.now + 60.0


def test_a_change_makes_it_due_at_once_but_the_erp_rests_as_long_as_it_worked() -> None:
    clock = Ticks()
    pace = after_a_delta(clock, took=2.0)
    pace.told()
    assert pace.due == clock.now + 2.0
    clock.now += 10.0
    pace = after_a_delta(clock, took=0.0)
    clock.now += 5.0
    pace.told()
    assert pace.due == clock.now


def test_told_while_one_runs_there_is_one_more() -> None:
    clock = Ticks()
    assert after_a_delta(clock, took=2.0, told=True).due == clock.now + 2.0


def test_what_waits_is_looked_for_soon_then_less_and_less() -> None:
    clock = Ticks()
    pace = DeltaPace(clock, Random(1))
    waits = []
    for _ in range(20):
        pace.begins()
        pace.ended(60.0, waits=True)
        waits.append(round(pace.due - clock.now, 6))
        clock.now = pace.due
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.01, 60.0)
    pace.begins()
    pace.ended(60.0, waits=False)
    pace.begins()
    pace.ended(60.0, waits=True)
    assert round(pace.due - clock.now, 3) == 0.01


def test_a_source_that_always_needs_a_snapshot_is_read_less_and_less() -> None:
    clock = Ticks()
    pace = DeltaPace(clock, Random(1))
    waits = []
    for _ in range(15):
        waits.append(pace.whole_due() - clock.now)
        pace.told()
        assert pace.due == clock.now + waits[-1]
        clock.now = pace.due
    assert waits[0] <= 0.5
    assert 300.0 <= waits[-1] <= 600.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_at_most_half_of_the_time_is_spent_on_what_was_told(
    course: list[tuple[bool, int, int]],
) -> None:
    clock = Ticks()
    pace = DeltaPace(clock, Random(1))
    for told_early, took, later in course:
        pace.begins()
        if told_early:
            pace.told()
        clock.now += took
        ended = clock.now
        pace.ended(60.0, waits=False)
        clock.now += later
        pace.told()
        assert ended + took <= pace.due <= max(clock.now, ended + took)
        clock.now = max(clock.now, pace.due)
