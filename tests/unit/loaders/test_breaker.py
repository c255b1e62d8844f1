"""The circuit breaker: its table, and that it lets no more through than it says."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from loaders.breaker import MOST_FAILURES, PAUSE, PROBE_EVERY, Breaker, Sign, State, after
from tests.examples import examples


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("sign", Sign)
def test_the_table_is_complete_and_knows_one_way_each(state: State, sign: Sign) -> None:
    following = after(state, sign)
    # Open is left by time alone, and closed by nothing but too many failures.
    if state is State.OPEN:
        assert following is (State.HALF_OPEN if sign is Sign.PAUSE_OVER else State.OPEN)
    if state is State.CLOSED:
        assert following is (State.OPEN if sign is Sign.TOO_MANY_FAILURES else State.CLOSED)
    if state is State.HALF_OPEN and sign in {Sign.FAILURE, Sign.TOO_MANY_FAILURES}:
        assert following is State.OPEN


def state_of(breaker: Breaker) -> State:
    return breaker.state


def opened(at: float) -> Breaker:
    breaker = Breaker()
    for _ in range(MOST_FAILURES):
        assert breaker.allows(at)
        breaker.failed()
    assert breaker.state is State.OPEN
    return breaker


def test_it_opens_waits_tries_and_closes() -> None:
    breaker = opened(100.0)
    assert not breaker.allows(100.0 + PAUSE - 0.01)
    assert breaker.allows(100.0 + PAUSE)
    assert state_of(breaker) is State.HALF_OPEN
    assert not breaker.allows(100.0 + PAUSE + PROBE_EVERY - 0.01)
    breaker.failed()
    assert not breaker.allows(100.0 + PAUSE + PROBE_EVERY)
    assert breaker.allows(100.0 + 2 * PAUSE)
    breaker.succeeded()
    assert state_of(breaker) is State.CLOSED
    assert all(breaker.allows(100.0 + 2 * PAUSE) for _ in range(9))


def test_failures_count_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(5):
        for _ in range(MOST_FAILURES - 1):
            breaker.failed()
        breaker.succeeded()
    assert breaker.state is State.CLOSED


def test_a_success_from_before_does_not_close_it() -> None:
    breaker = opened(0.0)
    breaker.succeeded()
    assert breaker.state is State.OPEN
    assert not breaker.allows(PAUSE / 2)


class Asking(RuleBasedStateMachine):
    """Many ask at any time, and some answers come late."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 0.0
        self.probes: list[float] = []
        self.under_way = 0
        self.failures = 0

    @rule(seconds=st.sampled_from([0.0, 0.3, 0.5, 1.0, 2.5, 5.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        was_closed = self.breaker.state is State.CLOSED
        allowed = self.breaker.allows(self.now)
        assert allowed or not was_closed
        if allowed:
            self.under_way += 1
            if was_closed:
                self.probes.clear()
            self.probes.append(self.now)

    @rule(well=st.booleans())
    def answer(self, well: bool) -> None:
        if not self.under_way:
            return
        self.under_way -= 1
        before = self.breaker.state
        if well:
            self.failures = 0
            self.breaker.succeeded()
        else:
            self.failures += 1
            self.breaker.failed()
        if before is State.CLOSED:
            is_open = self.breaker.state is State.OPEN
            assert is_open == (self.failures >= MOST_FAILURES)

    @invariant()
    def while_it_is_not_closed_one_a_second_asks(self) -> None:
        # Those that were allowed since it opened, with the last one before.
        for earlier, later in zip(self.probes, self.probes[1:], strict=False):
            assert later - earlier >= PROBE_EVERY

    @invariant()
    def who_waits_long_enough_may_ask(self) -> None:
        if self.breaker.state is not State.CLOSED and self.probes:
            # Nobody is shut out for good: asked of a copy, so that nothing moves.
            copy = Breaker()
            copy.__dict__.update(self.breaker.__dict__)
            assert copy.allows(self.probes[-1] + PAUSE)


Asking.TestCase.settings = settings(max_examples=examples(150), stateful_step_count=40)
TestAsking = Asking.TestCase
