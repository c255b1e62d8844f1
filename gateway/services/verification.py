"""Verification: what the store holds, against what the ledger says was promised.

What is under way looks like a difference for a moment; a difference is one that is still there when
it is looked at again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from gateway.domain.quantities import Milli
from gateway.domain.reservations import COUNTED, Reservation, State
from gateway.services.journal import Promises, Steps
from gateway.store.hold_entries import HoldEntry, SkuHolds
from gateway.store.holds import Holds

_UNDER_WAY_MS: Final = 10_000


class Kind(StrEnum):
    """How store and ledger differ."""

    MISSING = "missing"
    """It was promised, and the store does not hold it."""
    DIFFERENT = "different"
    """The store holds something else than was promised."""
    STRAY = "stray"
    """The store holds what the ledger does not know, or knows to have ended."""
    MISCOUNTED = "miscounted"
    """What is taken of a SKU is not the sum of what is held."""


class Difference(msgspec.Struct, frozen=True, order=True):
    """One difference at a SKU; without a reservation where it is about the sum."""

    sku: str
    kind: Kind
    reservation: str = ""


class Report(msgspec.Struct, frozen=True):
    """How many reservations take units by the ledger, and every difference."""

    open: int
    differences: Sequence[Difference]


class Entries(Protocol):
    """Where entries are read, and put right."""

    def everything(self) -> AsyncIterator[SkuHolds]:
        """Every SKU with holds."""

    async def at(self, sku: str) -> SkuHolds:
        """The entries at one SKU."""

    async def recount(self, sku: str, forget: Sequence[str] = ()) -> None:
        """Forget entries, and add up anew."""


class Ledger(Steps, Promises, Protocol):
    """What is read of the ledger, and fenced there."""


class Verification:
    """Verifies one store."""

    def __init__(self, journal: Ledger, entries: Entries, holds: Holds) -> None:
        self._journal = journal
        self._entries = entries
        self._holds = holds

    async def verify(self, now_ms: int) -> Report:
        """What differs, at the moment `now_ms` of the store's clock.

        Raises:
            LedgerUnavailableError, StoreUnavailableError: start again.
        """
        promised: dict[str, dict[str, Reservation]] = defaultdict(dict)
        count = 0
        async for page in self._journal.open_reservations():
            for held in page:
                count += not held.over(now_ms)
                for sku in held.skus:
                    promised[sku][held.reservation] = held
        suspects = set(promised)
        async for found in self._entries.everything():
            if _compared(found, promised.get(found.sku, {}), now_ms):
                suspects.add(found.sku)
            else:
                suspects.discard(found.sku)
        differences: list[Difference] = []
        for sku in sorted(suspects):
            differences += await self._looked_at_again(sku, promised.get(sku, {}), now_ms)
        return Report(count, differences)

    async def repair(self, differences: Sequence[Difference]) -> None:
        """Make the store hold what the ledger says.

        Raises:
            LedgerUnavailableError, StoreUnavailableError: start again.
        """
        by_sku: dict[str, list[Difference]] = defaultdict(list)
        for one in differences:
            by_sku[one.sku].append(one)
        for sku, found in by_sku.items():
            names = [one.reservation for one in found if one.reservation]
            for one in found:
                if one.kind is Kind.STRAY:
                    # What is still under way must not be promised after it is forgotten here.
                    await self._journal.void(one.reservation)
            await self._entries.recount(sku, names)
            promised = await self._journal.find(names)
            await self._holds.restore([one for one in promised.values() if one.state in COUNTED])

    async def _looked_at_again(
        self, sku: str, promised: Mapping[str, Reservation], now_ms: int
    ) -> list[Difference]:
        found = await self._entries.at(sku)
        if not _compared(found, promised, now_ms):
            return []
        # The store first, then the ledger, which is never behind it.
        named = await self._journal.find([*promised, *found.entries])
        now = {name: held for name, held in named.items() if held.state in COUNTED}
        known = {name: held for name, held in now.items() if sku in held.skus}
        return _compared(found, known, now_ms)


def _compared(
    found: SkuHolds, promised: Mapping[str, Reservation], now_ms: int
) -> list[Difference]:
    differences: list[Difference] = []
    for name, held in promised.items():
        entry = found.entries.get(name)
        if entry is None:
            # Acknowledged orders leave the store as soon as the ERP's figure has them.
            if held.state is not State.ACKNOWLEDGED and not held.over(now_ms):
                differences.append(Difference(found.sku, Kind.MISSING, name))
        elif not _agree(found.sku, entry, held):
            differences.append(Difference(found.sku, Kind.DIFFERENT, name))
    differences += [
        Difference(found.sku, Kind.STRAY, name)
        for name, entry in found.entries.items()
        if name not in promised and not _is_under_way(entry, now_ms)
    ]
    if found.corrupt or _summed(found) != _told(found):
        differences.append(Difference(found.sku, Kind.MISCOUNTED))
    return differences


def _is_under_way(entry: HoldEntry, now_ms: int) -> bool:
    """Whether it may be promised or given up any moment: what is pending says since when."""
    return entry.state is None and now_ms - entry.until_ms < _UNDER_WAY_MS


def _agree(sku: str, entry: HoldEntry, held: Reservation) -> bool:
    line = next(line for line in held.lines if line.sku == sku)
    # Pending is a moment; a later revision than the one read is one, too.
    known = entry.state is None or entry.revision > held.revision or entry.state is held.state
    return known and dict(entry.units) == dict(line.units())


def _summed(found: SkuHolds) -> Mapping[str, Milli]:
    sums: dict[str, Milli] = defaultdict(int)
    for entry in found.entries.values():
        for location, units in entry.units.items():
            sums[location] += units
    return {location: units for location, units in sums.items() if units}


def _told(found: SkuHolds) -> Mapping[str, Milli]:
    sums = {location: taken.still(0) for location, taken in found.taken.items()}
    return {location: units for location, units in sums.items() if units}
