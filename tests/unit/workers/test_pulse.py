"""A worker is stuck after a spell of silence, counted in looks."""

from __future__ import annotations

import pytest

from stockspan.workers.pulse import Pulse


def looks_until_stuck(pulse: Pulse, most: int = 100_000) -> int | None:
    return next((look for look in range(1, most) if pulse.look()), None)


@pytest.mark.parametrize("stuck_after", [0.3, 1.0, 10.0, 45.0])
def test_silence_is_borne_for_as_long_as_was_said_and_a_look_more(stuck_after: float) -> None:
    pulse = Pulse(stuck_after, 60.0)
    pulse.heard()
    looks = looks_until_stuck(pulse)
    assert looks is not None
    assert stuck_after <= looks * pulse.every <= stuck_after + 1.01 * pulse.every


def test_a_start_may_take_longer() -> None:
    pulse = Pulse(1.0, 60.0)
    assert looks_until_stuck(pulse) == 601


def test_a_start_may_take_as_long_as_silence_at_least() -> None:
    pulse = Pulse(120.0, 60.0)
    assert looks_until_stuck(pulse) == 121


def test_a_word_begins_the_count_again() -> None:
    pulse = Pulse(1.0, 60.0)
    for _ in range(50):
        pulse.heard()
        assert not any(pulse.look() for _ in range(10))


def test_nobody_is_stuck_where_none_is_looked_for() -> None:
    pulse = Pulse(0.0, 60.0)
    assert looks_until_stuck(pulse, 1000) is None
    pulse.heard()
    assert looks_until_stuck(pulse, 1000) is None
