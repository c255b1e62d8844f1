"""The checker: which invariants of FAULTS a history breaks.

It never reports what a correct gateway can have done: an unknown outcome may have happened at any
time or not at all, an interval anywhere within it. What it reports is therefore a fault, of the
gateway or of how the history was taken down. Invariants 10 and 11 are seen elsewhere.
"""

from __future__ import annotations

from tests.faults.ages import flattering_ages
from tests.faults.claims import claims
from tests.faults.discrepancies import Discrepancies
from tests.faults.dossiers import dossiers
from tests.faults.endings import wrong_states
from tests.faults.figures import Figures
from tests.faults.history import History
from tests.faults.lines import uneven_lines
from tests.faults.oversell import oversold
from tests.faults.readings import Ledger, falling_versions, readings
from tests.faults.replays import unequal_replays
from tests.faults.violations import Limits, Violation

_SHIPPED = Limits()


def check(history: History, limits: Limits = _SHIPPED) -> list[Violation]:
    """All violations that the history shows, none where it shows none."""
    figures = Figures(history, limits.propagation)
    found = dossiers(history, limits)
    taken = claims(history, found, limits)
    ledger = Ledger(figures, taken)
    read = readings(history, figures, limits)
    return [
        *oversold(taken, figures),
        *(one for dossier in found for one in wrong_states(dossier)),
        *uneven_lines(history),
        *unequal_replays(history),
        *falling_versions(read, ledger),
        *flattering_ages(history, limits),
        *Discrepancies(history, found, ledger).find(read),
    ]
