"""The pace of calls, on a clock of its own."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from loaders.sources.http_pace import Pace


class Ticks:
    """A clock that goes on where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_a_burst_goes_at_once_and_the_rest_one_by_one() -> None:
    ticks = Ticks()
    pace = Pace(10, 3, ticks, ticks.sleep)
    times = []
    for _ in range(6):
        await pace.turn()
        times.append(round(ticks.now - 100, 6))
    assert times == [0, 0, 0, 0.1, 0.2, 0.3]
    # What was not used is there again, and no more than that.
    ticks.now += 60
    for _ in range(4):
        await pace.turn()
    assert round(ticks.now - 160.3, 6) == 0.1


async def test_nobody_is_called_while_the_erp_rests() -> None:
    ticks = Ticks()
    pace = Pace(1000, 10, ticks, ticks.sleep)
    pace.rest(30)
    pace.rest(5)
    assert pace.rests == 30
    await pace.turn()
    assert ticks.now == 130
    assert pace.rests == 0


async def test_one_that_waits_hears_of_a_rest() -> None:
    ticks = Ticks()

    async def sleep(seconds: float) -> None:
        if not pace.rests:
            pace.rest(60)
        ticks.now += seconds

    pace = Pace(1, 1, ticks, sleep)
    await pace.turn()
    await pace.turn()
    assert ticks.now == 160


@given(st.floats(0.1, 100), st.integers(1, 20), st.lists(st.floats(0, 5), max_size=30))
def test_in_no_time_are_there_more_calls_than_rate_and_burst_allow(
    rate: float, burst: int, gaps: list[float]
) -> None:
    ticks = Ticks()
    pace = Pace(rate, burst, ticks, ticks.sleep)
    times: list[float] = []

    async def calls() -> None:
        for gap in gaps:
            ticks.now += gap
            await pace.turn()
            times.append(ticks.now)

    asyncio.run(calls())
    for first, began in enumerate(times):
        for last in range(first, len(times)):
            allowed = burst + (times[last] - began) * rate
            assert last - first + 1 <= allowed + 1e-6
