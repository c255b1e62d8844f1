"""The checker on thousands of random histories: silent about a correct shop, not about a broken."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.faults.checker import check
from tests.faults.violations import Limits
from tests.unit.faults.broken_shops import FAULTS, Fault
from tests.unit.faults.random_histories import Weather, history_of

_SEEDS = examples(1000) // 10
"""Histories of each kind; thousands were run when the checker was written."""
_STRICT = Limits(orphans=False)
_CORRECT = {
    "as shipped": (Weather(), Limits()),
    "no faults behind the gateway": (Weather(orphans=False), _STRICT),
    "all goes well": (Weather(losses=0, orphans=False), _STRICT),
    "nothing goes well": (Weather(losses=0.6), Limits()),
    "plain": (Weather(plain=True, orphans=False), _STRICT),
    "back-order": (Weather(backorder=frozenset("B")), Limits()),
    "abandoned requests end": (Weather(seconds=12), Limits(lingering=2.5)),
    "after all holds": (Weather(wait_out=True), Limits()),
    "a hasty ERP": (Weather(erp_pause=0.1, erp_way=0.02, skus=("A",)), Limits()),
    "a slow ERP": (Weather(erp_pause=0.2, erp_way=1.5, skus=("A",)), Limits()),
}


@pytest.mark.parametrize("name", _CORRECT)
def test_a_correct_shop_breaks_nothing(name: str) -> None:
    weather, limits = _CORRECT[name]

    @settings(max_examples=_SEEDS, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, 2**40))
    def silent(seed: int) -> None:
        found = check(history_of(seed, weather=weather), limits)
        assert not found, "\n".join(map(str, found))

    silent()


@pytest.mark.parametrize(
    "fault", FAULTS, ids=[f"{one.shop.__name__}: {one.invariant}" for one in FAULTS]
)
def test_a_broken_shop_is_found(fault: Fault) -> None:
    limits = Limits(orphans=fault.weather.orphans)
    shown = (
        seed
        for seed in range(150)
        for one in check(history_of(seed, fault.shop, fault.weather), limits)
        if one.invariant is fault.invariant
    )
    # More than once, so that it is no accident of one seed.
    assert len(list(islice(shown, 3))) == 3


@pytest.mark.parametrize(
    ("weather", "limits"),
    [
        (Weather(), Limits(orphans=False)),
        (Weather(seconds=15), Limits(unknown_grace=0.0, lingering=0.5)),
        (Weather(losses=0, orphans=False), Limits(staleness=0.0)),
        (Weather(losses=0, orphans=False), Limits(grace=0.0)),
        (Weather(seconds=15, losses=0.6), Limits(unknown_grace=0.0, lingering=0.0)),
    ],
    ids=["orphans", "unknown_grace", "staleness", "grace", "lingering"],
)
def test_each_allowance_is_needed(weather: Weather, limits: Limits) -> None:
    """The correct shop makes use of what it is allowed: less would be crying wolf."""
    assert any(check(history_of(seed, weather=weather), limits) for seed in range(2000))
