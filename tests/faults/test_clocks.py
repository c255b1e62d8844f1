"""The short form of `clocks`; the long one is in `scripts/chaos`."""

from __future__ import annotations

from tests.faults.plays import Stage
from tests.faults.scenarios.clocks import clocks


async def test_clocks(stage: Stage) -> None:
    report = await clocks(stage)
    report.require_clean()
    report.require_work("reserve 201", "reserve 409", "confirm 200", "stock 200")
