"""Exact readings of stock, each against all that the figure may have been."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.claims import Claim
from tests.faults.figures import NOTHING, Figure, Figures
from tests.faults.history import History, Kind, Op, Outcome, milli
from tests.faults.violations import Invariant, Limits, Violation, violation


@dataclass(frozen=True)
class Reading:
    """What one answer said of a SKU: thousandths, as of some moment from `since` to `until`."""

    op: Op
    locations: Sequence[str]
    salable: int
    since: float
    until: float

    @property
    def sku(self) -> str:
        """What was read."""
        return self.op.target


def readings(history: History, figures: Figures, limits: Limits) -> list[Reading]:
    """All exact readings of SKUs that the ERP ever wrote, in the order of their invocation."""
    found = []
    for op in sorted(history.of(Kind.STOCK), key=lambda op: op.invoked):
        known = figures.locations(op.target)
        salable = op.answer.get("salable")
        if op.outcome is not Outcome.OK or salable is None or not known:
            continue
        named = op.body.get("location")
        locations = op.body.get("locations", known) if named is None else [named]
        since = op.invoked - limits.staleness
        if op.invoked >= history.rest:
            since = max(since, history.rest)
        found.append(Reading(op, locations, milli(salable), since, op.ended))
    return found


class Ledger:
    """What readings may have been: figures less claims."""

    def __init__(self, figures: Figures, claims: Mapping[str, Sequence[Claim]]) -> None:
        self.figures = figures
        self.claims = claims

    def bounds(self, reading: Reading) -> tuple[int, int]:
        """The least and the most that a correct gateway may have answered."""
        least = most = 0
        for location in reading.locations:
            possible = self.figures.possible(reading.sku, location, reading.since, reading.until)
            each = [self.of_figure(reading, location, figure) for figure in possible]
            least += min(low for low, _ in each)
            most += max(high for _, high in each)
        return max(0, least - self._anywhere(reading)), most

    def of_figure(self, reading: Reading, location: str, figure: Figure) -> tuple[int, int]:
        """The same at one location, were that its figure; what nobody places is left in."""
        here = [claim for claim in self.claims.get(reading.sku, ()) if claim.location == location]
        window = (reading.since, reading.until)
        possible = sum(claim.units for claim in here if claim.possible(figure, *window))
        sure = sum(claim.units for claim in here if claim.sure(figure, *window))
        return max(0, figure.units - possible), max(0, figure.units - sure)

    def versions(self, reading: Reading, figures: Sequence[Figure]) -> list[Figure]:
        """Of these figures of its one location, those that the reading may show."""
        (location,) = reading.locations
        stated = reading.op.answer.get("version")
        anywhere = self._anywhere(reading)
        found = []
        for figure in figures:
            low, high = self.of_figure(reading, location, figure)
            if low - anywhere <= reading.salable <= high and stated in {None, figure.version}:
                found.append(figure)
        return found

    def _anywhere(self, reading: Reading) -> int:
        """What may be taken at any location."""
        return sum(
            claim.units
            for claim in self.claims.get(reading.sku, ())
            if claim.location is None and claim.possible(NOTHING, reading.since, reading.until)
        )


def falling_versions(found: Sequence[Reading], ledger: Ledger) -> Iterator[Violation]:
    """Invariant 6: each client's readings of a SKU at one location, in order.

    A client that reads side by side is compared only where one reading ended before the next.
    """
    sights: dict[tuple[str, str, str], list[Reading]] = defaultdict(list)
    for reading in found:
        if len(reading.locations) == 1:
            sights[reading.op.client, reading.sku, reading.locations[0]].append(reading)
    for (_, sku, location), seen in sights.items():
        shown: list[tuple[Reading, int]] = []
        for reading in seen:
            possible = ledger.figures.possible(sku, location, reading.since, reading.until)
            versions = [figure.version for figure in ledger.versions(reading, possible)]
            if not versions:
                continue  # `wrong_readings` has it
            before = [one for one in shown if one[0].op.ended < reading.op.invoked]
            last, floor = max(before, key=lambda one: one[1], default=(reading, NOTHING.version))
            newer = [version for version in versions if version >= floor]
            if not newer:
                yield violation(
                    Invariant.VERSIONS,
                    f"{sku} at {location}: version {max(versions)} after {floor}",
                    [last.op, reading.op],
                )
            shown.append((reading, min(newer, default=max(versions))))
