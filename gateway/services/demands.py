"""What a reservation asks of each SKU, held against what is there (CONTRACT 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gateway.domain.allocation import Allocated, Demand, allocate
from gateway.domain.errors import InsufficientStockError, Shortfall, UnknownSkuError
from gateway.domain.quantities import Milli
from gateway.domain.reservations import ReservedLine
from gateway.services.cart_lines import CartLine
from gateway.services.lookups import StockReading
from gateway.services.selling import Channel
from gateway.services.stock_answers import StockAnswer, StockContext
from gateway.store.holds import Wanted


def demands(lines: Iterable[CartLine]) -> Mapping[str, Demand]:
    """What all lines together ask of each SKU, in the order in which SKUs come first."""
    anywhere: dict[str, Milli] = {}
    named: dict[str, dict[str, Milli]] = {}
    for line in lines:
        anywhere.setdefault(line.sku, 0)
        at = named.setdefault(line.sku, {})
        if line.location is None:
            anywhere[line.sku] += line.quantity
        else:
            at[line.location] = at.get(line.location, 0) + line.quantity
    return {sku: Demand(quantity, named[sku]) for sku, quantity in anywhere.items()}


def met(
    asked: Mapping[str, Demand], reading: StockReading, channel: Channel
) -> Sequence[ReservedLine]:
    """The lines as they would be taken, from what was just read.

    Raises:
        UnknownSkuError, UnknownLocationError: there is none of that name.
        InsufficientStockError: some SKU falls short, and may not be ordered ahead.
        FigureExpiredError: a figure is too old to promise from.
    """
    for sku, demand in asked.items():
        if reading.product(sku) is None:
            raise UnknownSkuError(sku)
        reading.require_told(sku, channel)
        for location in demand.named:
            reading.require_stocked(sku, location, channel)
    lines: list[ReservedLine] = []
    short: list[Shortfall] = []
    for sku, demand in asked.items():
        found = allocate(demand, reading.salable(sku), reading.shipping(sku, channel))
        if found.missing and not reading.may_wait(sku, channel):
            short.append(_shortfall(sku, demand, reading, channel))
        lines.append(_line(sku, demand, found))
    if short:
        raise InsufficientStockError(short)
    return lines


def wanted(line: ReservedLine) -> Wanted:
    """What the store is asked for a line: units that must be there, and units awaited."""
    units = {one.location: (one.quantity, 0) for one in line.allocations}
    for one in line.waiting:
        there, _ = units.get(one.location, (0, 0))
        units[one.location] = (there, one.quantity)
    return Wanted(line.sku, units)


def _line(sku: str, demand: Demand, found: Allocated) -> ReservedLine:
    return ReservedLine(sku, demand.total, found.allocations, found.missing, found.waiting)


def _shortfall(sku: str, demand: Demand, reading: StockReading, channel: Channel) -> Shortfall:
    # Where all lines name one location, what is there is meant; else what the channel ships.
    only = next(iter(demand.named)) if len(demand.named) == 1 and not demand.anywhere else None
    context = StockContext(channel, channel.locale, only, demand.total, exact=True)
    answer = reading.answer(sku, context)
    if not isinstance(answer, StockAnswer):
        raise TypeError(sku)
    return Shortfall(sku, demand.total, answer.view.span, answer.salable or 0)
