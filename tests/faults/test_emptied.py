"""The short form of `emptied`; the long one is in `scripts/chaos`."""

from __future__ import annotations

from tests.faults.plays import Stage
from tests.faults.scenarios.emptied import emptied


async def test_emptied(stage: Stage) -> None:
    report = await emptied(stage)
    report.require_clean()
    report.require_work("reserve 201", "reserve 409", "confirm 200", "stock 200")
