"""The short form of `memory`; the long one is in `scripts/chaos`."""

from __future__ import annotations

from tests.faults.plays import Stage
from tests.faults.scenarios.memory import memory


async def test_memory(stage: Stage) -> None:
    report = await memory(stage)
    report.require_clean()
    report.require_work("reserve 201", "reserve 503", "stock 200")
