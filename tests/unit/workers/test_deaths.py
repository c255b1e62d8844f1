"""A first death is followed at once; those in a row by pauses that grow, and end."""

from __future__ import annotations

from stockspan.workers.deaths import FAILING, STEADY, Deaths


def test_pauses_grow_to_a_limit_and_never_stop_it() -> None:
    deaths = Deaths()
    pauses = [deaths.died(1.0) for _ in range(2000)]
    assert pauses[:6] == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30.0


def test_one_that_lived_long_is_not_in_a_row_with_those_before() -> None:
    deaths = Deaths()
    for _ in range(10):
        deaths.died(0.1)
    assert deaths.died(STEADY) == 0.0
    assert not deaths.failing


def test_a_place_fails_until_a_worker_has_lived_there_for_long() -> None:
    deaths = Deaths()
    assert not deaths.lives(STEADY)
    for _ in range(FAILING):
        assert not deaths.failing
        deaths.died(0.1)
    assert deaths.failing
    assert not deaths.lives(STEADY - 1)
    assert deaths.lives(STEADY)
    assert not deaths.lives(STEADY)
    assert deaths.died(0.1) == 0.0
