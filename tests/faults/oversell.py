"""No oversell: what is taken together was there together.

An ERP may lower a figure below what is already held, and nobody has oversold. So holds are judged
at their making: of all that are open at one moment, the last to be granted found room beside the
others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.faults.claims import Claim
from tests.faults.figures import Figure, Figures
from tests.faults.history import units
from tests.faults.violations import Invariant, Violation, violation


def oversold(claims: Mapping[str, Sequence[Claim]], figures: Figures) -> Iterator[Violation]:
    """Invariant 1, at the return of each granted reservation."""
    for sku, all_of_sku in claims.items():
        by_location: dict[str, list[Claim]] = defaultdict(list)
        for claim in all_of_sku:
            if claim.dossier is not None and claim.location is not None:
                by_location[claim.location].append(claim)
        for location, here in by_location.items():
            for moment in sorted({claim.sure_since for claim in here}):
                together = [c for c in here if c.sure_since <= moment < c.sure_until]
                yield from _judge(sku, location, moment, together, figures)


def _judge(
    sku: str, location: str, moment: float, together: Sequence[Claim], figures: Figures
) -> Iterator[Violation]:
    if not together:
        return
    # All were open from the last one's granting till now: that one was granted in this time.
    since = max(claim.since for claim in together)
    possible = figures.possible(sku, location, since, moment)
    if any(_taken(together, figure) <= figure.units for figure in possible):
        return
    best = max(possible, key=lambda figure: figure.units - _taken(together, figure))
    yield violation(
        Invariant.NO_OVERSELL,
        f"{sku} at {location}, at {moment:.3f}: {units(_taken(together, best))} taken of at most"
        f" {units(best.units)} (version {best.version})",
        [
            *(op for claim in together for op in claim.ops),
            *(figure.op for figure in possible if figure.op is not None),
        ],
    )


def _taken(together: Sequence[Claim], figure: Figure) -> int:
    return sum(claim.units for claim in together if not _left_out(claim, figure))


def _left_out(claim: Claim, figure: Figure) -> bool:
    """Whether the ERP took the units off the figure itself."""
    dossier = claim.dossier
    return dossier is not None and any(ref in figure.includes for ref, _ in dossier.orders)
