"""Honest age: no answer claims to be newer than the last time that the ERP was heard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from math import inf

from tests.faults.dossiers import settled
from tests.faults.history import History, Kind, Outcome
from tests.faults.violations import Invariant, Limits, Violation, violation


def flattering_ages(history: History, limits: Limits) -> Iterator[Violation]:
    """Invariant 9; nothing to say where the history knows no time of day, or no word of the ERP."""
    epoch = history.facts.epoch
    heard = [
        op for op in history.of(Kind.ERP_STOCK, Kind.ERP_VERIFIED) if op.outcome is not Outcome.FAIL
    ]
    if epoch is None or not heard:
        return
    for read in history.of(Kind.STOCK):
        stated = read.answer.get("as_of")
        before = [op for op in heard if op.invoked <= read.ended]
        if read.outcome is not Outcome.OK or not stated:
            continue
        # An abandoned request may still be carried out, and heard, after its client gave up.
        latest = max(
            (min(settled(op, limits, history.rest), read.ended) for op in before), default=-inf
        )
        claimed = datetime.fromisoformat(stated).timestamp() - epoch
        if claimed > latest + limits.clock_error:
            yield violation(
                Invariant.HONEST_AGE,
                f"{read.target} as of {claimed:.3f}, the ERP was last heard at {latest:.3f}",
                [read, *before[-1:]],
            )
