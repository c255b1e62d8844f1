"""The short form of `ledger_away`; the long one is in `scripts/chaos`."""

from __future__ import annotations

from tests.faults.plays import Stage
from tests.faults.scenarios.ledger_away import ledger_away


async def test_ledger_away(stage: Stage) -> None:
    report = await ledger_away(stage)
    report.require_clean()
    report.require_work("reserve 201", "reserve 503", "stock 200")
