"""Readings that no correct gateway can have given, and what would explain each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from tests.faults.attempts import Attempts, by_key
from tests.faults.claims import Claim
from tests.faults.dossiers import Dossier
from tests.faults.figures import NOTHING
from tests.faults.history import History, Kind, Op, units
from tests.faults.readings import Ledger, Reading
from tests.faults.violations import Invariant, Violation, violation

_SUMS = 4096

Amounts = list[tuple[int, Sequence[Op]]]
"""Units that may have been wrongly counted or left out, each with the operations behind it."""


class Discrepancies:
    """Invariants 2, 4 to 8, 12 and 13, as far as figures show them."""

    def __init__(self, history: History, found: Sequence[Dossier], ledger: Ledger) -> None:
        self._dossiers = found
        self._ledger = ledger
        self._attempts = [one for bodies in by_key(history).values() for one in bodies]

    def find(self, found: Sequence[Reading]) -> Iterator[Violation]:
        """A violation of convergence for each reading out of bounds, and one for each invariant
        whose breach would make exactly this difference.
        """
        for reading in found:
            low, high = self._ledger.bounds(reading)
            if low <= reading.salable <= high:
                continue
            where = ", ".join(reading.locations)
            expected = units(low) if low == high else f"{units(low)} to {units(high)}"
            sentence = f"{reading.sku} at {where}: {units(reading.salable)}, expected {expected}"
            yield violation(Invariant.CONVERGENCE, sentence, [reading.op])
            for invariant, ops in self._explanations(reading, low, high):
                yield violation(invariant, sentence, [*ops, reading.op])

    def _explanations(
        self, reading: Reading, low: int, high: int
    ) -> Iterator[tuple[Invariant, Sequence[Op]]]:
        if reading.salable < low:
            # At zero more may be taken than is there.
            most = inf if reading.salable == 0 else high - reading.salable
            span, candidates = (low - reading.salable, most), self._counted_wrongly(reading)
        else:
            span, candidates = (
                (reading.salable - high, reading.salable - low),
                self._left_out(reading),
            )
        for invariant, amounts in candidates:
            if any(span[0] <= total <= span[1] for total in _sums(amounts)):
                yield invariant, [op for _, ops in amounts for op in ops]
        if len(reading.locations) == 1:
            older = self._older(reading)
            if older:
                yield Invariant.VERSIONS, older

    def _older(self, reading: Reading) -> list[Op]:
        (location,) = reading.locations
        figures = self._ledger.figures
        possible = figures.possible(reading.sku, location, reading.since, reading.until)
        floor = min(figure.version for figure in possible)
        older = [
            figure
            for figure in figures.older(reading.sku, location, floor)
            if figure.op is not None and figure.op.invoked <= reading.until
        ]
        return [figure.op for figure in self._ledger.versions(reading, older) if figure.op]

    def _counted_wrongly(self, reading: Reading) -> Iterator[tuple[Invariant, Amounts]]:
        claims = self._here(reading)
        gone = [claim for claim in claims if not _possible(claim, reading)]
        held = [claim for claim in gone if claim.dossier and not claim.dossier.surely_ordered]
        expired = [claim for claim in held if claim.dossier and not _released(claim.dossier)]
        yield Invariant.EXPIRY, [(claim.units, claim.ops) for claim in expired]
        halves = [claim for claim in held if claim not in expired and _several(claim.dossier)]
        yield (
            Invariant.ALL_LINES,
            [
                *((claim.units, claim.ops) for claim in halves),
                *self._refused(reading, several=True),
            ],
        )
        yield Invariant.REFUSED, self._refused(reading, several=False)
        ordered = [claim for claim in claims if claim.dossier and claim.dossier.surely_ordered]
        yield Invariant.ABSORPTION, [(claim.units, claim.ops) for claim in ordered]
        again = [claim for claim in claims if claim.dossier and _repeated(claim.dossier.attempts)]
        yield Invariant.REPLAY, [(claim.units, claim.ops) for claim in again]

    def _left_out(self, reading: Reading) -> Iterator[tuple[Invariant, Amounts]]:
        sure = [claim for claim in self._here(reading) if _sure(claim, reading)]
        holds = [claim for claim in sure if claim.dossier and not claim.dossier.surely_ordered]
        orders = [claim for claim in sure if claim not in holds]
        yield Invariant.NO_LOST_HOLD, [(claim.units, claim.ops) for claim in sure]
        yield Invariant.ABSORPTION, [(claim.units, claim.ops) for claim in orders]
        halves = [claim for claim in sure if _several(claim.dossier)]
        yield Invariant.ALL_LINES, [(claim.units, claim.ops) for claim in halves]

    def _here(self, reading: Reading) -> list[Claim]:
        return [
            claim
            for claim in self._ledger.claims.get(reading.sku, ())
            if claim.dossier is not None
            and claim.since <= reading.until
            and (claim.location is None or claim.location in reading.locations)
        ]

    def _refused(self, reading: Reading, *, several: bool) -> Amounts:
        """Refused requests for the SKU, alone or with others."""
        return [
            (attempts.asked[reading.sku], attempts.ops)
            for attempts in self._attempts
            if attempts.definite
            and not attempts.granted
            and reading.sku in attempts.asked
            and attempts.ops[0].invoked <= reading.until
            and (len(attempts.asked) > 1) is several
        ]


def _possible(claim: Claim, reading: Reading) -> bool:
    return claim.possible(NOTHING, reading.since, reading.until)


def _sure(claim: Claim, reading: Reading) -> bool:
    return claim.sure(NOTHING, reading.since, reading.until)


def _released(dossier: Dossier) -> bool:
    return any(state == "released" for _, state in dossier.seen) or any(
        op.answer.get("state") == "released" for op in dossier.done(Kind.RELEASE)
    )


def _several(dossier: Dossier | None) -> bool:
    return dossier is not None and len(dossier.attempts.asked) > 1


def _repeated(attempts: Attempts) -> bool:
    return len(attempts.ops) > 1


def _sums(amounts: Amounts) -> set[int]:
    """What some of the amounts come to; not all of the sums, when there are very many."""
    sums = {0}
    for amount, _ in amounts:
        sums |= {total + amount for total in sums}
        if len(sums) > _SUMS:
            break
    return sums - {0}
