from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.caching import Verified

MINUTE = 60_000
times = st.integers(0, 4_000_000_000_000)


@given(as_of=times, later=st.integers(0, 10**9))
def test_the_age_told_is_never_below_the_true_one_nor_a_second_above_that_of_the_time_shown(
    as_of: int, later: int
) -> None:
    now = as_of + later
    age = Verified(as_of, now, MINUTE).age
    assert age * 1000 >= now - as_of
    assert 0 <= age * 1000 - (now - as_of // 1000 * 1000) < 1000


@pytest.mark.parametrize(
    ("age_ms", "status"),
    [
        (0, "stockspan; hit"),
        (MINUTE, "stockspan; hit"),
        (MINUTE + 1, "stockspan; hit; ttl=-1; detail=erp-down"),
        (MINUTE + 412_000, "stockspan; hit; ttl=-412; detail=erp-down"),
    ],
)
def test_the_status_tells_how_long_past_its_freshness(age_ms: int, status: str) -> None:
    assert Verified(0, age_ms, MINUTE).status(erp_down=True) == status
    assert Verified(0, age_ms, MINUTE).status(erp_down=False) == status.removesuffix(
        "; detail=erp-down"
    )
