"""`put.lua` learns how fast a level sells, on a real Valkey, against the rule in plain Python."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.quantities import UNIT
from gateway.domain.rate_of_sale import NO_SALES, RateOfSale
from gateway.domain.stock import Basis, StockLevel
from gateway.store.bulk import Written
from gateway.store.codec import decode_sku
from gateway.store.entries import Flag, Op
from gateway.store.level_codec import level_payload
from tests.examples import examples
from tests.integration.store.test_put_script import NOW, Bench, Operation, bench

__all__ = ["bench"]

HOUR = 3_600_000
LEVELS = st.builds(
    StockLevel,
    st.integers(0, 10_000).map(lambda units: units * UNIT // 4),
    st.sampled_from(Basis),
    st.integers(0, 40).map(lambda units: units * UNIT),
    st.integers(0, 5).map(lambda units: units * UNIT),
)


def put(level: StockLevel, version: int, stamp_ms: int, **more: int) -> Operation:
    payload = level_payload(level, learning=True)
    return Operation(more.get("op", Op.PUT), 0, 1, 1, version, "W1", payload, stamp_ms)


def rate(bench: Bench) -> RateOfSale:
    stock = decode_sku(bench.value() or b"")
    assert stock is not None
    return stock.levels["W1"].rate


def free(level: StockLevel) -> float:
    allocated = level.allocated if level.basis is Basis.ON_HAND else 0
    return (level.quantity - allocated) / UNIT


@settings(max_examples=examples(80), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(LEVELS, st.integers(-HOUR, 90 * HOUR)), min_size=1, max_size=8))
def test_the_script_learns_as_the_rule_says(
    bench: Bench, history: Sequence[tuple[StockLevel, int]]
) -> None:
    bench.clear()
    expected, before, stamp_ms = NO_SALES, None, NOW
    for version, (level, elapsed) in enumerate(history):
        stamp_ms += elapsed
        assert bench.write([put(level, version, stamp_ms)]).accepted == 1
        if before is not None:
            expected = expected.after(elapsed, free(before) - free(level))
        before = level
        learnt = rate(bench)
        if learnt is NO_SALES:
            assert expected.watched == pytest.approx(0, abs=1e-6)
        else:
            assert learnt.sold == pytest.approx(expected.sold, rel=1e-5, abs=1e-5)
            assert learnt.watched == pytest.approx(expected.watched, rel=1e-5, abs=1e-6)


def test_a_figure_that_stays_is_no_change_though_the_rate_moves_on(bench: Bench) -> None:
    bench.clear()
    ten, nine = StockLevel(10 * UNIT), StockLevel(9 * UNIT)
    assert bench.write([put(ten, 1, NOW)]) == Written(1, 1, 0)
    assert bench.write([put(nine, 2, NOW + HOUR)]) == Written(1, 1, 0)
    learnt = rate(bench)
    assert learnt.sold == 1
    assert bench.write([put(nine, 3, NOW + 2 * HOUR)]) == Written(1, 0, 0)
    assert rate(bench).watched > learnt.watched
    assert 0.99 < rate(bench).sold < 1


def test_what_is_older_or_brought_back_teaches_nothing(bench: Bench) -> None:
    bench.clear()
    ten, two = StockLevel(10 * UNIT), StockLevel(2 * UNIT)
    bench.write([put(ten, 5, NOW)])
    assert bench.write([put(two, 4, NOW + HOUR)]) == Written(0, 0, 0)
    assert rate(bench) is NO_SALES
    assert bench.write([put(two, 6, NOW + HOUR, op=Op.RESTORED)]) == Written(1, 1, 0)
    assert rate(bench) is NO_SALES


def test_a_level_that_was_deleted_begins_anew(bench: Bench) -> None:
    bench.clear()
    bench.write([put(StockLevel(10 * UNIT), 1, NOW)])
    bench.write([Operation(Op.PUT, Flag.TOMB, 1, 1, 2, "W1", b"", NOW + HOUR)])
    bench.write([put(StockLevel(3 * UNIT), 3, NOW + 2 * HOUR)])
    assert rate(bench) is NO_SALES


def test_learning_begins_with_what_is_held_already(bench: Bench) -> None:
    bench.clear()
    held = Operation(Op.PUT, 0, 1, 1, 1, "W1", level_payload(StockLevel(10 * UNIT)), NOW)
    bench.write([held])
    bench.write([put(StockLevel(7 * UNIT), 2, NOW + HOUR)])
    assert rate(bench).sold == 3


@pytest.mark.parametrize("junk", [b"x", b"\x97", b"\x97\xc0", b"\xc1", b"\x81\xa1n\x02"])
def test_what_cannot_be_read_teaches_nothing(bench: Bench, junk: bytes) -> None:
    bench.clear()
    bench.write([Operation(Op.PUT, 0, 1, 1, 1, "W1", junk, NOW)])
    assert bench.write([put(StockLevel(7 * UNIT), 2, NOW + HOUR)]) == Written(1, 1, 0)
    assert rate(bench) is NO_SALES
