"""Age in words."""

from __future__ import annotations

import pytest

from gateway.domain.freshness import Freshness, FreshnessPolicy, WhenExpired

POLICY = FreshnessPolicy(fresh_for_ms=1000, stale_for_ms=5000)


@pytest.mark.parametrize(
    ("age_ms", "word"),
    [
        (-1, "fresh"),
        (0, "fresh"),
        (1000, "fresh"),
        (1001, "stale"),
        (5000, "stale"),
        (5001, "expired"),
    ],
)
def test_the_limits_belong_to_the_better_side(age_ms: int, word: str) -> None:
    assert POLICY.judge(10_000 - age_ms, 10_000) == word


def test_only_an_expired_figure_is_withheld_and_only_when_so_decided() -> None:
    careful = FreshnessPolicy(1000, 5000, WhenExpired.ON_REQUEST)
    assert careful.withholds(Freshness.EXPIRED)
    assert not careful.refuses(Freshness.EXPIRED)
    assert not careful.withholds(Freshness.STALE)
    assert not POLICY.withholds(Freshness.EXPIRED)


def test_only_an_expired_figure_is_refused_and_only_when_so_decided() -> None:
    strict = FreshnessPolicy(1000, 5000, WhenExpired.REFUSE)
    assert strict.refuses(Freshness.EXPIRED)
    assert not strict.withholds(Freshness.EXPIRED)
    assert not strict.refuses(Freshness.STALE)
    assert not POLICY.refuses(Freshness.EXPIRED)
