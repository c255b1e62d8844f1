"""The short form of `crowd`; the long one is in `scripts/chaos`."""

from __future__ import annotations

from tests.faults.plays import Stage
from tests.faults.scenarios.crowd import crowd


async def test_crowd(stage: Stage) -> None:
    report = await crowd(stage)
    report.require_clean()
    report.require_work("reserve 201", "reserve 409", "stock 200")
