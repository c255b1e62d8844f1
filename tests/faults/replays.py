"""Replay: one key is one request, one answer, one reservation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.faults.attempts import Attempts, by_key, problem
from tests.faults.history import History, Op
from tests.faults.violations import Invariant, Violation, violation


def unequal_replays(history: History) -> Iterator[Violation]:
    """Invariant 5."""
    reservations: dict[str, list[tuple[tuple[str, str], Op]]] = defaultdict(list)
    for key, bodies in by_key(history).items():
        for attempts in bodies:
            yield from _unequal(attempts)
            for op in attempts.granted:
                reservations[str(op.answer.get("reservation"))].append((key, op))
        yield from _mixed(bodies)
    for name, answers in reservations.items():
        if len({key for key, _ in answers}) > 1:
            ops = [op for _, op in answers]
            yield violation(Invariant.REPLAY, f"{name} was given to several keys", ops)


def _unequal(attempts: Attempts) -> Iterator[Violation]:
    definite = attempts.definite
    if len({(op.status, op.raw) for op in definite}) > 1:
        names = {op.answer.get("reservation") for op in attempts.granted}
        what = "several reservations" if len(names) > 1 else "different answers"
        yield violation(Invariant.REPLAY, f"{what} to one key and body", definite)


def _mixed(bodies: Sequence[Attempts]) -> Iterator[Violation]:
    carried_out = [attempts.definite for attempts in bodies if attempts.definite]
    if len(carried_out) > 1:
        ops = [op for definite in carried_out for op in definite]
        yield violation(Invariant.REPLAY, "one key was answered with different bodies", ops)
    if len(bodies) == 1:
        for op in bodies[0].ops:
            if op.status == 422 and problem(op) in {"idempotency-mismatch", ""}:
                yield violation(Invariant.REPLAY, "a mismatch with nothing", [op])
