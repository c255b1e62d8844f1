"""The short form of `partition`; the long one is in `scripts/chaos`."""

from __future__ import annotations

from tests.faults.plays import Stage
from tests.faults.scenarios.partition import partition


async def test_partition(stage: Stage) -> None:
    report = await partition(stage)
    report.require_clean()
    report.require_work("reserve 201", "reserve 409", "confirm 200", "stock 200")
