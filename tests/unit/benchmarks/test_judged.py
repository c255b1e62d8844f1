"""Figures with a bound, and the table of them in the README."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import judged, readme
from benchmarks.figures import brief
from benchmarks.judged import Row
from benchmarks.scales import scale
from tests.measured import RESULTS


def _row(text: str) -> Row:
    (row,) = [row for row in judged.rows(RESULTS) if text in row.text]
    return row


def test_a_figure_is_held_by_its_median_against_the_bound_beside_it() -> None:
    assert (_row("a hot badge ÷ aiohttp").held, _row("a cold badge").held) == (True, False)
    assert (_row("change seen").held, _row("memory of a worker").held) == (True, False)


def test_bounds_are_found_by_their_own_names_too() -> None:
    assert (_row("bytes of Valkey a SKU").bound, _row("customer prices").bound) == (250, 0.12)
    calls = _row("calls of the ERP")
    assert (calls.median, calls.least, calls.greatest, calls.bound) == (3, 2, 5, 5)


def test_what_was_not_measured_is_named() -> None:
    assert "a hot badge ÷ webdis, GET" in [one.text for one in judged.unmeasured(RESULTS)]
    assert len(judged.rows(RESULTS)) + len(judged.unmeasured(RESULTS)) == len(judged.FIGURES)


@pytest.mark.parametrize("result", [{}, {"hot_to_peer": "?"}, {"hot_to_peer": {"median": 1}}])
def test_a_result_that_says_nothing_of_it_is_no_figure(result: dict[str, object]) -> None:
    assert judged.rows({"badges": result}) == []


def test_the_table_stands_in_columns() -> None:
    head, marks, *lines = judged.table(judged.rows(RESULTS)).splitlines()
    assert len(lines) == len(judged.rows(RESULTS))
    assert {len(line) for line in (head, marks, *lines)} == {len(head)}
    assert "|  ≥ 1.3 |   1.40 |   1.26 to 1.54 | held" in lines[0]
    assert "**not held**" in lines[3]


def test_the_readme_says_what_was_recorded() -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert text == readme.with_figures(text, readme.read())


def test_results_go_into_the_readme_and_nothing_else_changes() -> None:
    text = readme.README.read_text(encoding="utf-8")
    recorded = readme.recorded_of(RESULTS)
    told = readme.with_figures(text, recorded)
    assert judged.table(recorded.rows) in told
    assert "2026-11-30" in told
    assert readme.with_figures(told, readme.read()) == text


def test_a_readme_without_a_place_for_them_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no place for the figures"):
        readme.with_figures("# Benchmarks", readme.recorded_of(RESULTS))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (1_234_567.8, "1,234,568"),
        (12.34, "12.3"),
        (1.0, "1"),
        (1.004, "1.00"),
        (0.7, "0.70"),
        (0.0471, "0.047"),
        (0.0, "0"),
    ],
)
def test_numbers_have_as_many_digits_as_mean_something(value: float, text: str) -> None:
    assert brief(value) == text


_SIZES = st.lists(st.just(0.0) | st.floats(1e-3, 1e9), min_size=1, max_size=8)


@given(_SIZES, st.booleans(), st.booleans())
def test_every_value_has_a_place_on_its_axis(
    values: list[float], logarithmic: bool, from_zero: bool
) -> None:
    axis = scale(values, logarithmic=logarithmic, from_zero=from_zero)
    assert all(-1e-6 <= axis.at(value) <= 1 + 1e-6 for value in values)
    assert 2 <= len(axis.marks) <= 40
    assert list(axis.marks) == sorted(set(axis.marks))
    assert (axis.marks[0], axis.marks[-1]) == (axis.first, axis.last)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_what_cannot_be_drawn_is_said(value: float) -> None:
    with pytest.raises(ValueError, match="not to be drawn"):
        scale([1.0, value], logarithmic=True)
