"""All lines or none: what a granted reservation holds is what was asked for, SKU by SKU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.attempts import asked_of
from tests.faults.history import History, Kind, Op, Outcome, milli, units
from tests.faults.violations import Invariant, Violation, violation


def uneven_lines(history: History) -> Iterator[Violation]:
    """Invariant 4, in each answer that grants."""
    for op in history.of(Kind.RESERVE):
        if op.outcome is Outcome.OK:
            for sentence in _faults(op):
                yield violation(Invariant.ALL_LINES, sentence, [op])


def _faults(op: Op) -> Iterator[str]:
    lines: list[dict[str, Any]] = op.answer.get("lines", [])
    asked = asked_of(op.body.get("lines", ()))
    held = asked_of(lines)
    for sku in asked.keys() | held.keys():
        if asked.get(sku, 0) != held.get(sku, 0):
            yield (
                f"{sku}: asked for {units(asked.get(sku, 0))}, answered {units(held.get(sku, 0))}"
            )
    placed: dict[tuple[str, str], int] = defaultdict(int)
    short: dict[str, int] = defaultdict(int)
    for line in lines:
        sku, quantity = line["sku"], milli(line["quantity"])
        backordered = milli(line.get("backordered", 0))
        there = [(one["location"], milli(one["quantity"])) for one in line.get("allocations", ())]
        for location, amount in there:
            placed[sku, location] += amount
        short[sku] += backordered
        if sum(amount for _, amount in there) + backordered != quantity:
            yield f"{sku}: {units(quantity)} are not the sum of its allocations"
        if any(amount <= 0 for _, amount in there) or backordered < 0:
            yield f"{sku}: an allocation of nothing, or less"
    for (sku, location), amount in _named(op.body).items():
        if placed[sku, location] + short[sku] < amount:
            yield f"{sku}: {units(amount)} were asked for at {location}"


def _named(body: Mapping[str, Any]) -> Mapping[tuple[str, str], int]:
    """Thousandths asked for at locations by name."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for line in body.get("lines", ()):
        if line.get("location") is not None:
            found[line["sku"], line["location"]] += milli(line["quantity"])
    return found
