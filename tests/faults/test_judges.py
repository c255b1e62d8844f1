"""What is judged wrong: answers, differences, versions that fall, a row of the matrix."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.differences import differing
from tests.faults.matrix import ROWS, passed, played_by
from tests.faults.repertoire import ACTS, SCENARIOS
from tests.faults.reports import Report
from tests.faults.scenarios.shuffled import expected, fallen
from tests.faults.storefront import Known, judged

KNOWN = Known({"A": {"W1": 3, "W2": 4}}, {"A": "50.00"})
EUR = {"amount": "50.00", "currency": "EUR"}


def test_what_is_known_is_right() -> None:
    assert judged(KNOWN, {"A": {"salable": 7}}) == []
    assert judged(KNOWN, {"A": {"unit_price": EUR}}) == []


@pytest.mark.parametrize(
    "item",
    [
        {"salable": 0},
        {"unit_price": {**EUR, "amount": "100.00"}},
        {"unit_price": {**EUR, "currency": "SEK"}},
        {"error": {"type": "/problems/unknown-sku"}},
        {},
    ],
    ids=["a zero", "the list's price", "another currency", "an error", "nothing"],
)
def test_what_is_not_as_it_is_known_is_wrong(item: Any) -> None:
    assert len(judged(KNOWN, {"A": item})) == 1


def test_what_is_lost_doubled_or_other_differs() -> None:
    assert differing("level", {"A": 1, "B": 2}, {"A": 1, "B": 2}) == []
    assert len(differing("level", {"A": 1, "B": 2, "C": 3}, {"A": 1, "B": 5, "D": 3})) == 3


def test_versions_that_fall_are_seen() -> None:
    seen: dict[tuple[str, str], int] = {}
    assert fallen(seen, {("A", "W1"): 5}) == []
    assert fallen(seen, {}) == []
    assert fallen(seen, {("A", "W1"): 5}) == []
    assert fallen(seen, {("A", "W1"): 4}) == ["('A', 'W1'): 5, then 4"]


def test_the_newest_counts_in_whatever_order() -> None:
    place = {"sku": "A", "location": "W1"}
    deltas = [
        {**place, "quantity": 1, "version": 3},
        {**place, "quantity": 2, "version": 4},
        {**place, "quantity": 3, "version": 2},
    ]
    assert expected(deltas) == {("A", "W1"): (2, 4)}
    assert expected([*deltas, {"delete": True, **place, "version": 9}]) == {}


def test_a_row_passes_if_all_that_shows_it_is_clean() -> None:
    row = next(row for row in ROWS if len(row.played) == 2)
    first, second = row.played
    clean = {name: Report(name) for name in row.played}
    assert passed(row, clean)
    assert not passed(row, {**clean, second: Report(second, findings=["one"])})
    assert not passed(row, {first: clean[first]})


def test_the_matrix_has_all_that_can_be_played() -> None:
    assert set(played_by()) == {*SCENARIOS, *ACTS}
    assert all(bool(row.played) != bool(row.left_out) for row in ROWS)
