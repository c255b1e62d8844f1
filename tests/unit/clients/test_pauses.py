"""How long to wait before asking again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockspan_client.pauses import pause, seconds_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@given(st.integers(1, 10_000), st.floats(0, 100), st.floats(0, 1))
def test_never_sooner_than_told_and_never_much_later(
    failures: int, told: float, chance: float
) -> None:
    assert told <= pause(failures, told, chance) <= told + 2.0


def test_it_grows_and_is_spread() -> None:
    assert [pause(failures, None, 1.0) for failures in (1, 2, 3, 6)] == [0.1, 0.2, 0.4, 2.0]
    assert pause(3, None, 0.5) == 0.2
    assert pause(3, None, 0.0) == 0.0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 -0000", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("²", None),
        ("", None),
    ],
)
def test_what_retry_after_says(said: str | None, seconds: float | None) -> None:
    assert seconds_of(said, NOON) == seconds
