"""What is taken of one SKU, hold by hold and order by order, with what the ledger says of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.domain.absorption import includes
from gateway.domain.errors import LedgerUnavailableError
from gateway.domain.quantities import Milli
from gateway.domain.reservations import State, Traced
from gateway.domain.stock import StockLevel
from gateway.services.journal import Records
from gateway.store.hold_entries import HoldEntries, HoldEntry

_MOST: Final = 500
"""So many are looked through: a SKU may have a hundred thousand, and others want an answer, too."""


class TakenUnits(msgspec.Struct, frozen=True):
    """Units at a location; not `counted`: the figure held there leaves them out already."""

    location: str
    quantity: Milli
    counted: bool


class HoldTrace(msgspec.Struct, frozen=True):
    """One reservation at the SKU: state None is pending, not promised yet.

    `ledger` is what was written down of it; None where that could not be asked, or nothing was.
    """

    reservation: str
    state: State | None
    units: tuple[TakenUnits, ...]
    ledger: Traced | None = None


class SkuTraces(msgspec.Struct, frozen=True):
    """All of them; or some, where they are not the `whole`. Whether the ledger was reached."""

    traces: tuple[HoldTrace, ...] = ()
    whole: bool = True
    ledger_up: bool = True


class HoldTraces:
    """Finds what takes units of a SKU."""

    def __init__(self, entries: HoldEntries, journal: Records) -> None:
        self._entries = entries
        self._journal = journal

    async def of(self, sku: str, levels: Mapping[str, StockLevel]) -> SkuTraces:
        """What takes units of a SKU that has these levels; what counts comes first.

        Raises:
            StoreUnavailableError: the store did not answer.
        """
        found = await self._entries.some(sku, _MOST)
        entries = list(found.entries.values())
        try:
            known = await self._journal.traced([entry.reservation for entry in entries])
        except LedgerUnavailableError:
            known = None
        traces = [
            HoldTrace(
                entry.reservation,
                entry.state,
                _units(entry, levels),
                None if known is None else known.get(entry.reservation),
            )
            for entry in entries
        ]
        traces.sort(key=_order)
        return SkuTraces(tuple(traces), found.whole, known is not None)


def _units(entry: HoldEntry, levels: Mapping[str, StockLevel]) -> tuple[TakenUnits, ...]:
    units: list[TakenUnits] = []
    for location, quantity in entry.units.items():
        level = levels.get(location)
        absorbed = (
            entry.state is State.ACKNOWLEDGED
            and level is not None
            and includes(level.stamp_ms, entry.until_ms)
        )
        units.append(TakenUnits(location, quantity, counted=not absorbed))
    return tuple(units)


def _order(trace: HoldTrace) -> tuple[bool, str]:
    counted: Sequence[bool] = [units.counted for units in trace.units]
    return not any(counted), trace.reservation
