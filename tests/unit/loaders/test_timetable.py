"""Times of the day as moments: over years, over changes to summer time and back, and by chance."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.timetable import Daily, Timetable

DAY_MS = 86_400_000


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def text(moment_ms: int, zone: str = "UTC") -> str:
    return datetime.fromtimestamp(moment_ms / 1000, ZoneInfo(zone)).strftime("%m-%d %H:%M")


def moments(table: Timetable, begin_ms: int, end_ms: int) -> list[int]:
    found: list[int] = []
    moment_ms = begin_ms
    while (moment_ms := table.after(moment_ms)) < end_ms:
        found.append(moment_ms)
    return found


@pytest.mark.parametrize("zone", ["UTC", "Europe/Stockholm", "America/St_Johns"])
def test_a_year_has_each_time_of_each_day(zone: str) -> None:
    begin, end = ms("2026-01-01T00:00:00Z"), ms("2027-01-01T00:00:00Z")
    found = moments(Timetable((time(0, 1), time(12, 30)), zone), begin, end)
    assert len(found) == 2 * 365
    assert {text(moment, zone)[6:] for moment in found} == {"00:01", "12:30"}


@pytest.mark.parametrize(
    ("begin", "times"),
    [
        # Summer time begins: half past two does not exist, and comes at half past three.
        ("2026-03-28T12:00:00+01:00", ["03-29 03:30", "03-30 02:30"]),
        # It ends: half past two comes twice, and counts once.
        ("2026-10-24T12:00:00+02:00", ["10-25 02:30", "10-26 02:30"]),
        # Its moment itself is over.
        ("2026-06-01T02:30:00+02:00", ["06-02 02:30", "06-03 02:30"]),
    ],
)
def test_a_change_of_the_clocks_neither_skips_nor_doubles(begin: str, times: list[str]) -> None:
    table = Timetable((time(2, 30),), "Europe/Stockholm")
    found = moments(table, ms(begin), ms(begin) + 2 * DAY_MS + 1)
    assert [text(moment, "Europe/Stockholm") for moment in found] == times


def test_a_day_that_was_left_out_is_no_other_day_twice() -> None:
    # Samoa went from the 29th of December 2011 to the 31st.
    found = moments(
        Timetable((time(0, 5),), "Pacific/Apia"),
        ms("2011-12-28T00:00:00-10:00"),
        ms("2012-01-02T00:00:00+14:00"),
    )
    days = [text(moment, "Pacific/Apia") for moment in found]
    assert days == ["12-28 00:05", "12-29 00:05", "12-31 00:05", "01-01 00:05"]


@given(
    st.sampled_from(sorted(available_timezones())),
    st.lists(st.times().map(lambda at: at.replace(microsecond=0, fold=0)), min_size=1, max_size=3),
    st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001 - Hypothesis adds none
)
def test_the_next_moment_is_later_and_never_far(
    zone: str, times: list[time], begin: datetime
) -> None:
    table = Timetable(tuple(times), zone)
    begin_ms = int(begin.replace(tzinfo=UTC).timestamp() * 1000)
    found = moments(table, begin_ms, begin_ms + 10 * DAY_MS)
    for earlier, later in pairwise([begin_ms, *found]):
        assert 0 < later - earlier <= 2 * DAY_MS + 7_200_000
    assert len(found) >= 8


class Clock:
    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def test_each_night_of_a_year_comes_once_within_its_minute() -> None:
    clock, end = Clock(ms("2026-01-01T12:00:00Z")), ms("2027-01-01T12:00:00Z")
    daily = Daily(Timetable((time(0, 1),), "Europe/Stockholm"), clock, Random(1))
    taken: list[str] = []
    while clock.now_ms < end:
        if daily.has_come():
            taken.append(text(clock.now_ms, "Europe/Stockholm"))
            daily.taken()
            assert not daily.has_come()
        # As the keeper does, but not always at once.
        clock.now_ms += min(int(daily.seconds_left() * 1000), 6 * 3_600_000)
    assert len(set(taken)) == len(taken) == 365
    assert {night[6:] for night in taken} <= {"00:01", "00:02"}


def test_a_clock_that_is_set_back_repeats_nothing() -> None:
    clock = Clock(ms("2026-06-01T00:00:00Z"))
    daily = Daily(Timetable((time(1, 0),), "UTC"), clock, Random(1))
    clock.now_ms = ms("2026-06-01T01:01:00Z")
    assert daily.has_come()
    daily.taken()
    clock.now_ms = ms("2026-06-01T00:59:00Z")
    assert not daily.has_come()
    clock.now_ms = ms("2026-06-01T01:30:00Z")
    assert not daily.has_come()
    clock.now_ms = ms("2026-06-02T01:01:00Z")
    assert daily.has_come()


def test_a_clock_that_was_years_ahead_costs_no_night() -> None:
    clock = Clock(ms("2036-06-01T00:00:00Z"))
    daily = Daily(Timetable((time(1, 0),), "UTC"), clock, Random(1))
    clock.now_ms = ms("2026-06-01T00:00:00Z")
    assert not daily.has_come()
    clock.now_ms += int(timedelta(hours=2).total_seconds() * 1000)
    assert daily.has_come()
