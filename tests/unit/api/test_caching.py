from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.caching import Verified, entity_tag

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


class Item(msgspec.Struct):
    text: str
    as_of: datetime
    more: str


@given(st.lists(st.builds(Item, st.text(), st.datetimes(), st.text())), times, times)
def test_the_validator_covers_everything_but_as_of(items: list[Item], one: int, two: int) -> None:
    def tag(moment: int) -> str:
        as_of = datetime.fromtimestamp(moment // 1000, UTC)
        body = [msgspec.structs.replace(item, as_of=as_of) for item in items]
        return entity_tag(msgspec.json.encode(body))

    assert tag(one) == tag(two)
    for item in items:
        before = tag(one)
        item.more += "x"
        assert tag(one) != before
        item.text += '"as_of":"'
        assert tag(one) != before
