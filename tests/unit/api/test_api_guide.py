"""The pages about the API and prices name everything that an answer may name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.api.problem_kinds import KINDS
from gateway.domain.candidates import Rejection
from gateway.domain.explanation import BEST
from gateway.domain.precedence import ORDERS

DOCS = Path(__file__).parents[3] / "docs"
# A row that is for something else is not considered at all.
REASONS = {BEST, *(name for names in ORDERS.values() for name in names), *Rejection} - {
    Rejection.OTHER_TARGET
}


def test_every_reason_is_explained_and_no_other() -> None:
    prices = (DOCS / "prices.md").read_text(encoding="utf-8")
    table = prices.partition("| `outcome` | `reason` |")[2].partition("\n\n")[0]
    cells = [line.split("|")[2] for line in table.splitlines()[2:]]
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == REASONS


@pytest.mark.parametrize("name", KINDS)
def test_every_problem_is_in_the_table(name: str) -> None:
    guide = (DOCS / "api.md").read_text(encoding="utf-8")
    errors = guide.partition("## Errors")[2].partition("\n## ")[0]
    assert re.search(rf"`(/problems/)?{name}`", errors)
