"""Ages and durations as people say them."""

from __future__ import annotations

import pytest

from stockspan.ages import age_text, duration_text


@pytest.mark.parametrize(
    ("milliseconds", "duration", "age"),
    [
        (-5, "0 s", "now"),
        (999, "0 s", "now"),
        (1000, "1 s", "1 s ago"),
        (179_999, "2 m", "2 m ago"),
        (7_200_000, "2 h", "2 h ago"),
        (86_400_000 * 3, "3 d", "3 d ago"),
    ],
)
def test_the_largest_unit_that_fits(milliseconds: int, duration: str, age: str) -> None:
    assert (duration_text(milliseconds), age_text(milliseconds)) == (duration, age)
