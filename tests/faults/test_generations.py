"""What is half taken, missing or wrong is seen: the judge of cuts, kills and deposed loaders."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.generations import Generations

OLD = {"G-1": {"W1": 1}, "G-2": {"W1": 1}, "G-only-1": {"W1": 1}}
NEW = {"G-1": {"W1": 2}, "G-2": {"W1": 2}, "G-only-2": {"W1": 2}}


def judge() -> Generations:
    erp = Generations("G", 3)
    erp.next()
    erp.next()
    return erp


def test_what_is_whole_is_known_by_its_generation() -> None:
    other = {"A-1": {"W1": 7}}
    assert judge().whole(OLD | other) == 1
    assert judge().whole(NEW | other) == 2
    rows = {str(row["sku"]): {"W1": row["quantity"]} for row in judge().rows()}
    assert rows == NEW


@pytest.mark.parametrize(
    "levels",
    [
        NEW | {"G-1": {"W1": 1}},
        NEW | {"G-only-1": {"W1": 1}},
        {sku: NEW[sku] for sku in ("G-1", "G-2")},
        {sku: NEW[sku] for sku in ("G-1", "G-only-2")},
        NEW | {"G-2": {"W1": 0}},
        {},
    ],
    ids=["half taken", "not removed", "one not there", "one gone", "a zero", "nothing"],
)
def test_what_is_not_whole_is_none(levels: Any) -> None:
    erp = judge()
    assert erp.whole(levels) is None
    assert set(erp.seen(levels)) != {erp.now} or sum(erp.seen(levels).values()) < 3
