"""Claims: who takes units of a SKU, from when till when, possibly and for sure.

An acknowledged reservation is one; so is what a request may have left that was refused or got no
answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from tests.faults.attempts import Attempts, by_key
from tests.faults.dossiers import Dossier, settled
from tests.faults.figures import Figure
from tests.faults.history import History, Op
from tests.faults.violations import Limits


@dataclass(frozen=True)
class Claim:
    """So many thousandths of a SKU at a location; None: at any, nobody said.

    Possibly taken from `since` to `until`, for sure from `sure_since` to `sure_until`.
    """

    sku: str
    location: str | None
    units: int
    since: float
    until: float
    sure_since: float
    sure_until: float
    ops: Sequence[Op]
    dossier: Dossier | None = None

    def sure(self, figure: Figure, since: float, until: float) -> bool:
        """Whether it must be taken off that figure all the while."""
        if self.location is None or not self.sure_since <= since <= until <= self.sure_until:
            return False
        return not (self.dossier and self.dossier.maybe_absorbed(figure.includes, until))

    def possible(self, figure: Figure, since: float, until: float) -> bool:
        """Whether it may be taken off that figure at some moment."""
        if not (self.since <= until and since <= self.until):
            return False
        return not (self.dossier and self.dossier.surely_absorbed(figure.includes, since))


def claims(
    history: History, found: Sequence[Dossier], limits: Limits
) -> Mapping[str, Sequence[Claim]]:
    """All claims by SKU."""
    by_sku: dict[str, list[Claim]] = defaultdict(list)
    for dossier in found:
        for claim in _acknowledged(dossier):
            by_sku[claim.sku].append(claim)
    for attempts in (one for bodies in by_key(history).values() for one in bodies):
        for claim in _left_behind(attempts, limits, history.rest):
            by_sku[claim.sku].append(claim)
    return by_sku


def _acknowledged(dossier: Dossier) -> Iterator[Claim]:
    places: list[tuple[str, str | None, int]] = [
        *((sku, location, units) for (sku, location), units in dossier.taken.items()),
        *((sku, None, units) for sku, units in dossier.backordered.items()),
    ]
    for sku, location, units in places:
        yield Claim(
            sku,
            location,
            units,
            dossier.granted_from,
            dossier.counted_until,
            dossier.granted_by,
            dossier.open_until,
            dossier.attempts.ops,
            dossier,
        )


def _left_behind(attempts: Attempts, limits: Limits, rest: float) -> Iterator[Claim]:
    """What is held by the way: until a refusal is out, or where nobody knows what happened."""
    definite = attempts.definite
    answered = min((op.ended for op in definite), default=inf)
    spells: list[tuple[Op, float, float]] = []
    if not attempts.granted:
        spells += [(op, op.invoked, op.ended) for op in definite]
    # One that began after the key's answer was out is answered with it, and does nothing.
    for op in (op for op in attempts.unknown if op.invoked <= answered):
        if limits.orphans or not definite:
            end = settled(op, limits, rest) + attempts.ttl + limits.unknown_grace
            spells.append((op, op.invoked, end))
        elif not attempts.granted:
            spells.append((op, op.invoked, max(op.ended, answered)))
    for op, since, until in spells:
        for sku, units in attempts.asked.items():
            yield Claim(sku, None, units, since, until, inf, -inf, (op,))
