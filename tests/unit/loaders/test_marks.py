"""Watermarks: what may be one, which is greater, and from where to ask again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.sources.marks import Mark, Marks, read_mark

PRESENT = datetime(2026, 11, 21, 10, tzinfo=UTC)


def known(value: object) -> Mark:
    mark = read_mark(value)
    assert mark is not None
    return mark


@pytest.mark.parametrize(
    ("value", "since"),
    [
        ("2026-11-21T10:00:00Z", "2026-11-21T09:59:50Z"),
        ("2026-11-21T11:00:00.5+01:00", "2026-11-21T09:59:50.500000Z"),
        ("2026-11-21 10:00:00", "2026-11-21 09:59:50"),
        ("2026-11-21T00:00:05", "2026-11-20T23:59:55"),
        ("2026-11-21", "2026-11-20"),
        ("2026-11-21T10:00:00.1234567Z", "2026-11-21T09:59:50.123456Z"),
        (17, "17"),
        ("17", "17"),
        (Decimal("17.0"), "17"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_it_is_asked_from_a_little_earlier_in_the_form_in_which_it_came(
    value: object, since: str
) -> None:
    assert known(value).since(10.0) == since
    assert known(value).since(0.0) == str(value).removesuffix(".0")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "soon",
        "2026-13-01",
        1.5,
        Decimal("1.5"),
        [],
        {},
        10**30,
        "9999-12-31T24:00Z",
    ],
)
def test_what_can_be_none(value: object) -> None:
    assert read_mark(value) is None


def test_the_future_is_cut_off_at_the_present() -> None:
    marks = Marks()
    marks.see("2999-01-01T00:00:00Z", PRESENT)
    assert marks.greatest is not None
    assert marks.greatest.text == "2026-11-21T10:00:00Z"
    marks = Marks()
    marks.see("2999-01-01 00:00:00", PRESENT)
    assert marks.greatest is not None
    assert marks.greatest.text == "2026-11-22 00:00:00"
    marks = Marks()
    marks.see("2999-01-01", PRESENT)
    assert marks.greatest is not None
    assert marks.greatest.text == "2026-11-22"


def test_forms_are_not_mixed() -> None:
    marks = Marks(read_mark("2026-01-01T00:00:00Z"))
    for value in (99, "2026-05-01", "2026-05-01T00:00:00", None):
        marks.see(value, PRESENT)
    assert marks.greatest == read_mark("2026-01-01T00:00:00Z")


_moments = st.datetimes(datetime(2000, 1, 1), datetime(2026, 11, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants its bounds without a zone


@given(st.lists(_moments, min_size=1), st.floats(0, 3600))
def test_the_greatest_counts_and_nothing_is_asked_from_later(
    moments: list[datetime], overlap: float
) -> None:
    marks = Marks()
    for moment in moments:
        marks.see(moment.isoformat(), PRESENT)
    assert marks.greatest is not None
    assert marks.greatest.time == max(moments)
    since = datetime.fromisoformat(marks.greatest.since(overlap))
    assert since <= max(moments)
    assert max(moments) - since <= timedelta(seconds=overlap + 1e-5)


@given(st.lists(st.integers(-(10**9), 10**18), min_size=1))
def test_numbers_are_ordered_as_numbers(numbers: list[int]) -> None:
    marks = Marks()
    for number in numbers:
        marks.see(str(number), PRESENT)
    assert marks.greatest is not None
    assert marks.greatest.since(10.0) == str(max(numbers))
