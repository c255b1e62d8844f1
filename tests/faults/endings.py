"""The states of a reservation as they were seen: none without a cause, one end, in its time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from tests.faults.dossiers import GIVEN_BACK, ORDERED, Dossier
from tests.faults.history import Kind, Op, Outcome, units
from tests.faults.violations import Invariant, Violation, violation

_RANK: Final = {"held": 0, "confirmed": 1, "acknowledged": 2, "cancelled": 3}
_CAUSE: Final = {
    "released": (Kind.RELEASE,),
    "confirmed": (Kind.CONFIRM,),
    "acknowledged": (Kind.CONFIRM,),
    "cancelled": (Kind.CONFIRM,),
}


def wrong_states(dossier: Dossier) -> Iterator[Violation]:
    """Invariants 2, 3 and 7 (and 8, where a refused step had its effect) of one reservation."""
    for check in (_lost, _without_cause, _early, _late, _two_ends, _backwards, _ack_forgotten):
        yield from check(dossier)


def _say(invariant: Invariant, dossier: Dossier, what: str, *ops: Op) -> Violation:
    sentence = f"{dossier.reservation} ({units(dossier.taken)} units) {what}"
    return violation(invariant, sentence, [*dossier.attempts.granted, *ops])


def _lost(dossier: Dossier) -> Iterator[Violation]:
    for op in dossier.steps:
        if op.status == 404 and op.invoked >= dossier.granted_by:
            yield _say(Invariant.NO_LOST_HOLD, dossier, f"is unknown to {op.kind}", op)


def _told(dossier: Dossier) -> list[tuple[Op, str]]:
    """Operations whose answers tell a state, each with it."""
    told = list(dossier.seen)
    releases = dossier.done(Kind.RELEASE)
    told += [(op, str(op.answer.get("state", "released"))) for op in releases]
    told += [(op, "cancelled") for op in dossier.done(Kind.CANCEL)]
    return sorted(told, key=lambda one: one[0].id)


def _without_cause(dossier: Dossier) -> Iterator[Violation]:
    for op, state in _told(dossier):
        causes = [step for step in dossier.of(*_CAUSE.get(state, ())) if step.invoked <= op.ended]
        may = [step for step in causes if step.outcome is not Outcome.FAIL]
        if state in _CAUSE and not may:
            invariant = Invariant.REFUSED if causes else Invariant.NO_LOST_HOLD
            yield _say(invariant, dossier, f"is {state} without a cause", *causes, op)
        elif state == "acknowledged" and not _acked(dossier, "accepted", op):
            yield _say(Invariant.NO_LOST_HOLD, dossier, "is acknowledged without an ack", op)
        elif state == "cancelled" and not (
            _acked(dossier, "cancelled", op)
            or any(step.invoked <= op.ended for step in dossier.may(Kind.CANCEL))
        ):
            yield _say(Invariant.NO_LOST_HOLD, dossier, "is cancelled without a cause", op)


def _acked(dossier: Dossier, status: str, by: Op) -> bool:
    return any(
        ack.invoked <= by.ended
        for ref, confirm in dossier.orders
        if confirm.invoked <= by.ended
        for ack in dossier.acks_of(ref, status)
    )


def _early(dossier: Dossier) -> Iterator[Violation]:
    over = [op for op, state in _told(dossier) if state == "expired"]
    gone = [op for op in dossier.of(Kind.CONFIRM, Kind.EXTEND) if op.status == 410]
    over += [
        op for op in gone if not any(step.invoked <= op.ended for step in dossier.may(Kind.RELEASE))
    ]
    for op in over:
        if op.ended < dossier.expires_from:
            what = f"was over at {op.ended:.3f}, before {dossier.expires_from:.3f}"
            yield _say(Invariant.EXPIRY, dossier, what, *dossier.done(Kind.EXTEND), op)


def _late(dossier: Dossier) -> Iterator[Violation]:
    alive = [op for op, state in dossier.seen if state == "held"]
    alive += dossier.done(Kind.EXTEND)
    first = min((op.invoked for op in dossier.may(Kind.CONFIRM)), default=None)
    alive += [op for op in dossier.done(Kind.CONFIRM) if op.invoked == first]
    for op in alive:
        end = dossier.expires_by_for(op) + dossier.limits.grace
        if op.invoked > end:
            what = f"was a hold at {op.invoked:.3f}, after {end:.3f}"
            yield _say(Invariant.EXPIRY, dossier, what, *dossier.may(Kind.EXTEND), op)


def _two_ends(dossier: Dossier) -> Iterator[Violation]:
    told = _told(dossier)
    ordered = [op for op, state in told if state in ORDERED] + dossier.done(Kind.CONFIRM)
    back = [op for op, state in told if state in GIVEN_BACK]
    back += [op for op in dossier.of(Kind.CONFIRM, Kind.EXTEND) if op.status == 410]
    if ordered and back:
        yield _say(Invariant.ONE_END, dossier, "was given back and ordered", *ordered, *back)
    if len({state for _, state in told if state in GIVEN_BACK}) > 1:
        yield _say(Invariant.ONE_END, dossier, "was released and expired", *back)
    if len({op.body.get("order_ref") for op in dossier.done(Kind.CONFIRM)}) > 1:
        confirms = dossier.done(Kind.CONFIRM)
        yield _say(Invariant.ONE_END, dossier, "became two orders", *confirms)


def _backwards(dossier: Dossier) -> Iterator[Violation]:
    told = _told(dossier)
    told += [(op, "confirmed") for op in dossier.done(Kind.CONFIRM)]
    told += [(op, "held") for op in dossier.done(Kind.EXTEND)]
    told.sort(key=lambda one: one[0].invoked)
    for (before, old), (after, new) in combinations(told, 2):
        if before.ended >= after.invoked or not _returns(old, new, after):
            continue
        yield _say(Invariant.ONE_END, dossier, f"was {old}, then {new}", before, after)


def _returns(old: str, new: str, after: Op) -> bool:
    if old in GIVEN_BACK:
        return new == "held"
    if old not in _RANK or new not in _RANK:
        return False
    # A repeated confirmation may be answered with the first answer's body.
    if after.kind is Kind.CONFIRM and old == "acknowledged":
        return False
    return _RANK[new] < _RANK[old]


def _ack_forgotten(dossier: Dossier) -> Iterator[Violation]:
    for op, state in dossier.seen:
        if op.invoked < dossier.rest or state not in {"held", "confirmed", "acknowledged"}:
            continue
        refs = [ref for ref, confirm in dossier.orders if confirm.outcome is Outcome.OK]
        for status in ("cancelled", "accepted"):
            acks = [ack for ref in refs for ack in dossier.acks_of(ref, status)]
            said = [ack for ack in acks if ack.outcome is Outcome.OK and ack.ended <= op.invoked]
            if said and (status == "cancelled" or state != "acknowledged"):
                yield _say(Invariant.ABSORPTION, dossier, f"is {state}, yet {status}", *said, op)
                break
