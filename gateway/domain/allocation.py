"""Allocation: from which locations a SKU's units are taken (CONTRACT 6).

As few locations as will do; of those, the ones first in priority order; each taken as far as it
goes. What lines ask for at a named location is taken there and nowhere else, and all lines of one
SKU are judged together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nlargest

import msgspec

from gateway.domain.quantities import Milli
from gateway.domain.reservations import Allocation


class Demand(msgspec.Struct, frozen=True):
    """What is wanted of one SKU: anywhere that ships, and at locations by name."""

    anywhere: Milli = 0
    named: Mapping[str, Milli] = {}

    @property
    def total(self) -> Milli:
        """All of it."""
        return self.anywhere + sum(self.named.values())


class Allocated(msgspec.Struct, frozen=True):
    """Where units are taken, how many are `missing`, and where those are awaited.

    Without missing units everything that was wanted is there.
    """

    allocations: tuple[Allocation, ...]
    missing: Milli = 0
    waiting: tuple[Allocation, ...] = ()


def allocate(demand: Demand, salable: Mapping[str, Milli], shipping: Sequence[str]) -> Allocated:
    """Take as much of the demand as is there.

    `salable` is what each location has; `shipping` names those that ship, highest priority first.
    """
    left = dict(salable)
    taken: dict[str, Milli] = {}
    waiting: dict[str, Milli] = {}
    missing = 0
    for location, wanted in demand.named.items():
        short = wanted - _take(taken, left, location, wanted)
        if short:
            missing += short
            waiting[location] = short
    have = [(location, left.get(location, 0)) for location in shipping]
    wanted = min(demand.anywhere, sum(units for _, units in have))
    for location, units in _fewest(wanted, have):
        _take(taken, left, location, units)
    short = demand.anywhere - wanted
    if short:
        missing += short
        for location in shipping[:1]:  # where one would look first
            waiting[location] = waiting.get(location, 0) + short
    return Allocated(_in_order(taken, shipping), missing, _in_order(waiting, shipping))


def _in_order(units: Mapping[str, Milli], shipping: Sequence[str]) -> tuple[Allocation, ...]:
    order = [*shipping, *(name for name in units if name not in shipping)]
    return tuple(Allocation(name, units[name]) for name in order if units.get(name))


def _take(taken: dict[str, Milli], left: dict[str, Milli], location: str, wanted: Milli) -> Milli:
    units = min(wanted, left.get(location, 0))
    if units:
        taken[location] = taken.get(location, 0) + units
        left[location] -= units
    return units


def _fewest(wanted: Milli, have: Sequence[tuple[str, Milli]]) -> list[tuple[str, Milli]]:
    """So many units of as few of these as will do, the first of them preferred."""
    for location, units in have:
        if units >= wanted:  # one will do, as a rule
            return [(location, wanted)]
    for count in range(2, len(have) + 1):
        if sum(nlargest(count, (units for _, units in have))) >= wanted:
            break
    else:
        return []
    found: list[tuple[str, Milli]] = []
    for place, (location, units) in enumerate(have):
        if not wanted:
            break
        # It may be one of them if those after it can do the rest.
        rest = nlargest(count - len(found) - 1, (later for _, later in have[place + 1 :]))
        if units and units + sum(rest) >= wanted:
            found.append((location, min(units, wanted)))
            wanted -= found[-1][1]
    return found
