"""What a sample says of all: the share, and Wilson's interval about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.accuracy import Accuracy


@pytest.mark.parametrize(
    ("asked", "right", "low", "high"),
    [
        # Newcombe (1998), table I: Wilson's score without continuity correction.
        (263, 81, 0.2553, 0.3662),
        (148, 15, 0.0624, 0.1605),
        (20, 0, 0.0, 0.1611),
        (29, 1, 0.0061, 0.1718),
        (1000, 1000, 0.9962, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_wilsons(asked: int, right: int, low: float, high: float) -> None:
    assert Accuracy(asked, right, 0).bounds() == pytest.approx((low, high), abs=0.0001)


@given(st.integers(1, 1000).flatmap(lambda asked: st.tuples(st.just(asked), st.integers(0, asked))))
def test_the_share_lies_within(sample: tuple[int, int]) -> None:
    accuracy = Accuracy(*sample, 0)
    low, high = accuracy.bounds()
    assert 0 <= low <= accuracy.share <= high <= 1
