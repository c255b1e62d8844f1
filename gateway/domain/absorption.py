"""Absorption: which ordered units the ERP's own figure already leaves out.

Counted twice, a sale is lost; not counted at all, one is made that cannot be kept. An order's units
stay taken until the ERP has acknowledged it *and* its figure is at least as new as that.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.domain.quantities import Milli


class Acknowledged(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """So many units at a location are in the ERP's figures from `from_ms` on."""

    from_ms: int
    units: Milli


class Taken(msgspec.Struct, frozen=True):
    """What is taken of a SKU at one location.

    `units` are open holds and orders that the ERP has not acknowledged; `acknowledged` are those
    that it has.
    """

    units: Milli = 0
    acknowledged: Sequence[Acknowledged] = ()

    def still(self, figure_ms: int) -> Milli:
        """What a figure of that moment does not leave out yet (milliseconds since the epoch)."""
        waiting = [
            order.units for order in self.acknowledged if not includes(figure_ms, order.from_ms)
        ]
        return self.units + sum(waiting)


def includes(figure_ms: int, acknowledged_ms: int) -> bool:
    """Whether a figure of that moment leaves an order out that was acknowledged then."""
    return figure_ms >= acknowledged_ms
