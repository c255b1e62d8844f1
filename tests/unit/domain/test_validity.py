"""Validity is half-open: `valid_from` counts, `valid_until` does not."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.validity import ALWAYS, Validity, earliest, steady_around

moments = st.integers(-5, 5)
edges = st.none() | moments
# An end is after its beginning: loaders take in nothing else.
validities = (
    st.tuples(edges, edges)
    .filter(lambda edge: edge[0] is None or edge[1] is None or edge[0] < edge[1])
    .map(lambda edge: Validity(*edge))
)


@pytest.mark.parametrize(
    ("validity", "held"),
    [
        (ALWAYS, [-1, 0, 1, 2]),
        (Validity(from_ms=0), [0, 1, 2]),
        (Validity(until_ms=1), [-1, 0]),
        (Validity(0, 1), [0]),
        (Validity(0, 2), [0, 1]),
    ],
)
def test_the_first_moment_counts_and_the_last_does_not(validity: Validity, held: list[int]) -> None:
    assert [moment for moment in range(-1, 3) if validity.covers(moment)] == held


def test_the_epoch_itself_is_an_edge_like_any_other() -> None:
    assert not Validity(from_ms=0).covers(-1)
    assert not Validity(until_ms=0).covers(0)
    assert earliest([5, 0]) == 0


@example(Validity(until_ms=0), Validity(from_ms=0))
@example(Validity(-1, 1), Validity(0))
@given(validities, validities)
def test_two_meet_where_a_moment_is_in_both(one: Validity, other: Validity) -> None:
    shared = any(one.covers(at) and other.covers(at) for at in range(-7, 8))
    assert one.meets(other) == other.meets(one) == shared


def test_the_earliest_end_is_the_first_that_comes() -> None:
    assert earliest([None, 7, 3]) == 3
    assert earliest([None, None]) is None
    assert earliest([]) is None


@given(st.lists(validities, max_size=4), moments)
def test_nothing_begins_or_ends_in_a_steady_time(held: list[Validity], at: int) -> None:
    steady = steady_around(held, at)
    assert steady.covers(at)

    def valid(moment: int) -> list[bool]:
        return [one.covers(moment) for one in held]

    inside = [moment for moment in range(-7, 8) if steady.covers(moment)]
    assert all(valid(moment) == valid(at) for moment in inside)
    # And it is as long as it can be: at either end something changes.
    if steady.from_ms is not None:
        assert valid(steady.from_ms - 1) != valid(at)
    if steady.until_ms is not None:
        assert valid(steady.until_ms) != valid(at)


def test_without_edges_it_is_steady_for_ever() -> None:
    assert steady_around([ALWAYS], 0) == ALWAYS
    assert steady_around([], 0) == ALWAYS
