"""The short form of `kills`; the long one is in `scripts/chaos`."""

from __future__ import annotations

from tests.faults.plays import Stage
from tests.faults.scenarios.kills import kills


async def test_kills(stage: Stage) -> None:
    report = await kills(stage)
    report.require_clean()
    report.require_work("reserve 201", "reserve 409", "confirm 200", "stock 200")
