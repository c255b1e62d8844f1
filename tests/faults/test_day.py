"""The short form of `day`; the long one is in `scripts/chaos`."""

from __future__ import annotations

from tests.faults.plays import Stage
from tests.faults.repertoire import played


async def test_day(stage: Stage) -> None:
    report = await played("day", stage, short=True)
    report.require_clean()
    assert report.requests > 0
