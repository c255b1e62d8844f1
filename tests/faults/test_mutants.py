"""The checker at work: each guard is removed from the product once, and it is seen."""

from __future__ import annotations

import pytest

from tests.faults.mutants import MUTANTS
from tests.faults.plays import Stage
from tests.faults.scenarios.mutant import is_caught, mutant

# The others take their time, and have it in `scripts/chaos mutants`.
_SHORT = 3


@pytest.mark.parametrize("name", [*list(MUTANTS)[:_SHORT], list(MUTANTS)[-1]])
async def test_a_mutant_is_caught(stage: Stage, name: str) -> None:
    report = await mutant(stage, name)
    assert is_caught(report, name), (report.requests, report.findings, report.violations)
