"""The ERP's figures as far as a history tells: which may have been current at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.history import History, Kind, Op, Outcome, milli


@dataclass(frozen=True)
class Figure:
    """A stock record as it was written, at one location.

    `units` may be taken in all, in thousandths; below zero where safety stock exceeds the rest.
    """

    version: int
    units: int
    includes: frozenset[str]
    op: Op | None


NOTHING = Figure(-1, 0, frozenset(), None)
"""Before the first record."""


class Figures:
    """All stock records of a history. `propagation` as in `Limits`."""

    def __init__(self, history: History, propagation: float = 0.0) -> None:
        self._propagation = propagation
        self._written: dict[tuple[str, str], list[Figure]] = defaultdict(list)
        self._locations: dict[str, list[str]] = defaultdict(list)
        for op in history.of(Kind.ERP_STOCK):
            if op.outcome is not Outcome.FAIL:
                location = op.body["location"]
                self._written[op.target, location].append(_figure(op))
                if location not in self._locations[op.target]:
                    self._locations[op.target].append(location)

    def locations(self, sku: str) -> Sequence[str]:
        """Where the SKU has ever had a record."""
        return self._locations.get(sku, ())

    def possible(self, sku: str, location: str, since: float, until: float) -> list[Figure]:
        """Every figure that may have been current at some moment from `since` to `until`."""
        written = self._written.get((sku, location), [])
        # Whatever arrives late, a version that certainly is there never gives way to an older one.
        floor = max(
            (figure.version for figure in written if self._there(figure, since)),
            default=NOTHING.version,
        )
        found = [
            figure
            for figure in written
            if figure.version >= floor and figure.op is not None and figure.op.invoked <= until
        ]
        return [NOTHING, *found] if floor == NOTHING.version else found

    def older(self, sku: str, location: str, than: int) -> list[Figure]:
        """Figures of versions below `than`."""
        written = self._written.get((sku, location), [])
        return [figure for figure in written if figure.version < than]

    def _there(self, figure: Figure, moment: float) -> bool:
        op = figure.op
        return (
            op is not None and op.outcome is Outcome.OK and op.ended + self._propagation <= moment
        )


def _figure(op: Op) -> Figure:
    body = op.body
    allocated = milli(body.get("allocated", 0)) if body.get("basis") == "on_hand" else 0
    quantity = milli(body.get("quantity", 0)) - allocated - milli(body.get("safety_stock", 0))
    includes = frozenset(body.get("includes", ()))
    return Figure(body["version"], 0 if body.get("delete") else quantity, includes, op)
