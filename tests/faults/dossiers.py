"""Dossiers: all that a history tells of one reservation, and the moments between which it lived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

from tests.faults.attempts import Attempts, by_key
from tests.faults.history import History, Kind, Op, Outcome, milli
from tests.faults.violations import Limits

GIVEN_BACK = frozenset({"released", "expired"})
ORDERED = frozenset({"confirmed", "acknowledged", "cancelled"})
OPEN = frozenset({"held", "confirmed", "acknowledged"})
ENDED = frozenset({"released", "expired", "cancelled"})
_STEPS = (Kind.CONFIRM, Kind.RELEASE, Kind.EXTEND, Kind.CANCEL, Kind.GET)


@dataclass(frozen=True)
class Dossier:
    """A reservation that was acknowledged to its caller.

    `steps` are the operations on it and `acks` those on the orders that it may have become.
    `settled` tells when an operation had been carried out, if it ever was.
    """

    reservation: str
    attempts: Attempts
    steps: Sequence[Op]
    acks: Sequence[Op]
    limits: Limits
    rest: float

    @property
    def granted_from(self) -> float:
        """It was granted at this moment or later."""
        return self.attempts.ops[0].invoked

    @cached_property
    def granted_by(self) -> float:
        """It was granted at this moment or before."""
        return min(op.ended for op in self.attempts.granted)

    @cached_property
    def answer(self) -> dict[str, object]:
        """The first answer."""
        return self.attempts.granted[0].answer

    @cached_property
    def taken(self) -> Mapping[tuple[str, str], int]:
        """Thousandths by SKU and location."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for line in self._lines:
            for one in line.get("allocations", ()):
                found[line["sku"], one["location"]] += milli(one["quantity"])
        return found

    @cached_property
    def backordered(self) -> Mapping[str, int]:
        """Thousandths by SKU that lie nowhere yet."""
        found: dict[str, int] = defaultdict(int)
        for line in self._lines:
            if line.get("backordered"):
                found[line["sku"]] += milli(line["backordered"])
        return found

    @property
    def _lines(self) -> Sequence[dict[str, Any]]:
        found = self.answer.get("lines", ())
        return found if isinstance(found, list) else ()

    def of(self, *kinds: Kind) -> list[Op]:
        """Steps of these kinds."""
        return [op for op in self.steps if op.kind in kinds]

    def may(self, *kinds: Kind) -> list[Op]:
        """Steps of these kinds that were done, or may have been."""
        return [op for op in self.of(*kinds) if op.outcome is not Outcome.FAIL]

    def done(self, *kinds: Kind) -> list[Op]:
        """Steps of these kinds that were answered as done."""
        return [op for op in self.of(*kinds) if op.outcome is Outcome.OK]

    def settled(self, op: Op) -> float:
        """When it had been carried out, if it ever was."""
        return settled(op, self.limits, self.rest)

    @cached_property
    def seen(self) -> list[tuple[Op, str]]:
        """What gets told, each with the state."""
        gets = self.done(Kind.GET)
        return [(op, str(state)) for op in gets if (state := op.answer.get("state"))]

    @cached_property
    def orders(self) -> list[tuple[str, Op]]:
        """The orders that it became, or may have become."""
        return [(str(op.body.get("order_ref")), op) for op in self.may(Kind.CONFIRM)]

    @cached_property
    def surely_ordered(self) -> bool:
        """Whether it was a confirmed order at some time."""
        return bool(self.done(Kind.CONFIRM)) or any(state in ORDERED for _, state in self.seen)

    @cached_property
    def expires_from(self) -> float:
        """If nothing else ended it, it ended at this moment or later."""
        starts = [op.invoked + _ttl(op) for op in self.done(Kind.EXTEND)]
        return max([self.granted_from + self.attempts.ttl, *starts]) - self.limits.slack

    @cached_property
    def expires_by(self) -> float:
        """If it was a hold all its life, it ended before this moment."""
        return self.expires_by_for(None)

    def expires_by_for(self, step: Op | None) -> float:
        """The same, as it stood for that step."""
        ends = [
            self.settled(op) + _ttl(op)
            for op in self.may(Kind.EXTEND)
            if step is None or (op is not step and op.invoked <= step.ended)
        ]
        return max([self.granted_by + self.attempts.ttl, *ends]) + self.limits.slack

    @cached_property
    def alive_at(self) -> float:
        """It was certainly open at this moment: something was done or seen that proves it."""
        proofs = [op.invoked for op in self.done(Kind.CONFIRM, Kind.EXTEND)]
        proofs += [op.invoked for op, state in self.seen if state in OPEN]
        return max(proofs, default=self.granted_by)

    @cached_property
    def open_until(self) -> float:
        """It was open till this moment at least; all causes of an end come later."""
        causes = [op.invoked for op in self.may(Kind.CANCEL)]
        for ref, confirm in self.orders:
            cancelled = self.acks_of(ref, "cancelled")
            causes += [max(ack.invoked, confirm.invoked) for ack in cancelled]
        if not self.surely_ordered:
            causes += [self.expires_from, *(op.invoked for op in self.may(Kind.RELEASE))]
        # A release that was answered is believed; where it contradicts, `endings` says so.
        causes += [op.invoked for op in self.done(Kind.RELEASE)]
        return max(min(causes, default=inf), self.alive_at)

    @cached_property
    def counted_until(self) -> float:
        """From this moment on it is certainly counted no more, if not as part of a figure."""
        proofs = [op.ended for op in self.done(Kind.RELEASE, Kind.CANCEL)]
        proofs += [op.ended for op, state in self.seen if state in ENDED]
        proofs += [op.ended for op in self.of(Kind.CONFIRM, Kind.EXTEND) if op.status == 410]
        # What a get calls expired, or a release finds expired, may still be seen in figures.
        ends = [proof + self.limits.grace for proof in proofs]
        ends += [op.ended for op, state in self.seen if state in ENDED - {"expired"}]
        ends += [op.ended for op in self.done(Kind.RELEASE) if op.answer.get("state") == "released"]
        ends += [op.ended for op in self.done(Kind.CANCEL)]
        if not self.orders and not self.surely_ordered:
            ends.append(self.expires_by + self.limits.grace)
        for ref, confirm in self.orders:
            for ack in self.acks_of(ref, "cancelled"):
                if Outcome.OK is ack.outcome is confirm.outcome:
                    ends.append(max(ack.ended, confirm.ended))
        return min(ends, default=inf)

    def acks_of(self, ref: str, status: str) -> list[Op]:
        """What the ERP said, or may have said, of an order."""
        return [
            op
            for op in self.acks
            if op.target == ref
            and op.outcome is not Outcome.FAIL
            and op.body.get("status", "accepted") == status
        ]

    def maybe_absorbed(self, includes: frozenset[str], by: float) -> bool:
        """Whether its units may have been left to a figure that includes these orders, by then."""
        return any(
            ref in includes
            and confirm.invoked <= by
            and any(ack.invoked <= by for ack in self.acks_of(ref, "accepted"))
            for ref, confirm in self.orders
        )

    def surely_absorbed(self, includes: frozenset[str], by: float) -> bool:
        """Whether its units must have been."""
        return any(
            ref in includes
            and confirm.outcome is Outcome.OK
            and confirm.ended <= by
            and any(
                ack.outcome is Outcome.OK and ack.ended <= by
                for ack in self.acks_of(ref, "accepted")
            )
            for ref, confirm in self.orders
        )

    @property
    def ops(self) -> list[Op]:
        """All that is known of it."""
        return [*self.attempts.ops, *self.steps, *self.acks]


def _ttl(op: Op) -> float:
    return float(op.body.get("ttl_seconds", 900))


def settled(op: Op, limits: Limits, rest: float) -> float:
    """When an operation had been carried out, if it ever was."""
    if op.outcome is not Outcome.UNKNOWN:
        return op.ended
    return max(op.invoked, min(rest, op.ended + limits.lingering))


def dossiers(history: History, limits: Limits) -> list[Dossier]:
    """A dossier of every reservation that was acknowledged, one for each key that it came with."""
    steps: dict[str, list[Op]] = defaultdict(list)
    for op in history.of(*_STEPS):
        steps[op.target].append(op)
    acks: dict[str, list[Op]] = defaultdict(list)
    for op in history.of(Kind.ERP_ACK):
        acks[op.target].append(op)
    found = []
    for attempts in (one for bodies in by_key(history).values() for one in bodies):
        if attempts.granted:
            name = str(attempts.granted[0].answer.get("reservation"))
            confirms = [op for op in steps[name] if op.kind is Kind.CONFIRM]
            refs = dict.fromkeys(str(op.body.get("order_ref")) for op in confirms)
            known = [ack for ref in refs for ack in acks[ref]]
            found.append(Dossier(name, attempts, steps[name], known, limits, history.rest))
    return found
