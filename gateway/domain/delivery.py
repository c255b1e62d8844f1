"""The delivery promise: the days on which so much can arrive, or none; never a guess (CONTRACT 2).

Counted in working days of the channel's calendar: from stock at the nearest location that covers
the quantity, else from incoming supply, else by the product's lead time when it may be
back-ordered.

What a figure *counts for* is the caller's to say: a trusted caller's figure counts whole, a
stranger's only up to the lower bound of its span, so that no date gives an exact figure away.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar

import msgspec

from gateway.domain.quantities import Milli
from gateway.domain.stock import Incoming, Location, Product, StockLevel

_DAY = timedelta(days=1)
_REMEMBERED = 10_000

Counted = Callable[[Milli], Milli]
"""How much of a figure may be relied on when dates are told."""


class Promise(msgspec.Struct, frozen=True, gc=False):
    """The first and the last day on which it should arrive."""

    earliest: date
    latest: date


class Origin(StrEnum):
    """What a promise rests on."""

    STOCK = "stock"
    SUPPLY = "supply"
    LEAD_TIME = "lead_time"


class Departure(msgspec.Struct, frozen=True, gc=False):
    """The working day on which the goods leave, and what that rests on.

    `places` are the locations that it takes, and `handling_days` those of the slowest of them;
    `supplied` is the day of the supply that covers the quantity.
    """

    day: date
    origin: Origin
    places: tuple[str, ...] = ()
    handling_days: int = 0
    supplied: date | None = None


class WorkingCalendar(msgspec.Struct, frozen=True):
    """Days on which a channel's orders move: weekdays (Monday is 0) less holidays."""

    weekdays: frozenset[int] = frozenset(range(5))
    holidays: Container[date] = frozenset()
    # Days counted before: a page asks for the same few again and again, and counting a year of
    # lead time is hundreds of steps.
    counted: dict[tuple[date, int], date] = msgspec.field(default_factory=dict)

    def works_on(self, day: date) -> bool:
        """Whether orders move on that day."""
        return day.weekday() in self.weekdays and day not in self.holidays

    def on_or_after(self, day: date) -> date:
        """The day itself when it is a working day, else the next one."""
        while not self.works_on(day):
            day += _DAY
        return day

    def after(self, day: date, working_days: int) -> date:
        """The day so many working days after `day`."""
        found = self.counted.get((day, working_days))
        if found is None:
            found = self.on_or_after(day)
            for _ in range(working_days):
                found = self.on_or_after(found + _DAY)
            if len(self.counted) >= _REMEMBERED:
                self.counted.clear()
            self.counted[day, working_days] = found
        return found


class ShippingTerms(msgspec.Struct, frozen=True):
    """How a channel ships: its calendar, cut-off time (local), and days in transit."""

    calendar: WorkingCalendar = WorkingCalendar()
    cut_off: time | None = None
    transit_days: tuple[int, int] = (0, 0)

    def order_day(self, local_now: datetime) -> date:
        """The working day on which an order of this moment is handled.

        The cut-off only matters on a working day: a Saturday's order is Monday's either way.
        """
        day = local_now.date()
        late = self.cut_off is not None and local_now.time() >= self.cut_off
        if late and self.calendar.works_on(day):
            day += _DAY
        return self.calendar.after(day, 0)

    def next_turn(self, local_now: datetime) -> datetime:
        """When this clock next makes another day of it, or passes the cut-off.

        Until then nothing that is promised changes by itself, if the clock is not set meanwhile, as
        in summer.
        """
        today = local_now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if self.cut_off is not None and local_now.time() < self.cut_off:
            return datetime.combine(today, self.cut_off, local_now.tzinfo)
        return today + _DAY

    def arriving(self, leaves: date) -> Promise:
        """The promise for goods that leave on that working day."""
        first, last = self.transit_days
        return Promise(self.calendar.after(leaves, first), self.calendar.after(leaves, last))


class Place(msgspec.Struct, frozen=True):
    """A location with what it holds of the SKU asked for."""

    location: Location
    level: StockLevel


R = TypeVar("R")
Reckoning = Callable[[Milli, Sequence[Place], Product, ShippingTerms, datetime, Counted], R | None]
"""`promise`, or `departure`: what they are asked is the same."""


def promise(
    quantity: Milli,
    places: Sequence[Place],
    product: Product,
    terms: ShippingTerms,
    local_now: datetime,
    counted: Counted,
) -> Promise | None:
    """When `quantity` could arrive; None without data.

    `places` come in priority order; `local_now` is on the channel's own clock. A day beyond the
    calendar's end (9999-12-31, an ERP's "no date") is no promise.
    """
    leaving = departure(quantity, places, product, terms, local_now, counted)
    try:
        return None if leaving is None else terms.arriving(leaving.day)
    except OverflowError:
        return None


def departure(
    quantity: Milli,
    places: Sequence[Place],
    product: Product,
    terms: ShippingTerms,
    local_now: datetime,
    counted: Counted,
) -> Departure | None:
    """The same of the day on which it could leave, with what that rests on."""
    try:
        start = first_day(product, terms, local_now)
        leaving = _from_stock(quantity, places, terms, start, counted)
        if leaving is None:
            today = local_now.date()
            leaving = _from_supply(quantity, places, terms, start, today, counted)
        if leaving is None and product.backorder and product.lead_time_days is not None:
            day = terms.calendar.after(start, product.lead_time_days)
            return Departure(day, Origin.LEAD_TIME)
    except OverflowError:
        return None
    return leaving


def first_day(product: Product, terms: ShippingTerms, local_now: datetime) -> date:
    """The working day on which an order of this moment is handled at the earliest.

    Raises:
        OverflowError: it is beyond the calendar's end.
    """
    start = terms.order_day(local_now)
    release = product.release_day(local_now)
    return start if release is None else terms.calendar.on_or_after(max(start, release))


def _from_stock(
    quantity: Milli, places: Sequence[Place], terms: ShippingTerms, start: date, counted: Counted
) -> Departure | None:
    for place in places:
        if counted(place.level.salable()) >= quantity:
            return _handled([place], terms, start)
    if counted(sum(place.level.salable() for place in places)) < quantity:
        return None
    # No place has it all, together they do: the slowest of those needed sets the day.
    gathered, needed = 0, []
    for place in places:
        salable = place.level.salable()
        if salable > 0 and gathered < quantity:
            gathered += counted(salable)
            needed.append(place)
    return _handled(needed, terms, start)


def _from_supply(
    quantity: Milli,
    places: Sequence[Place],
    terms: ShippingTerms,
    start: date,
    today: date,
    counted: Counted,
) -> Departure | None:
    def supplied(together: Sequence[Place]) -> Departure | None:
        """When these places, taken as one, have the quantity ready to leave."""
        here = counted(sum(place.level.salable() for place in together))
        arrived = 0
        for supply in _coming(together, today):
            arrived += supply.quantity
            if here + counted(arrived) >= quantity:
                return _handled(together, terms, max(supply.date, start), supply.date)
        return None

    alone = [supplied([place]) for place in places]
    known = [leaving for leaving in alone if leaving is not None]
    if known or not places:
        return min(known, key=lambda leaving: leaving.day, default=None)
    return supplied(places)


def _handled(
    places: Sequence[Place], terms: ShippingTerms, start: date, supplied: date | None = None
) -> Departure:
    """Goods of these places leave together, when the slowest of them has handled its own."""
    days = max((place.location.handling_days for place in places), default=0)
    origin = Origin.STOCK if supplied is None else Origin.SUPPLY
    names = tuple([place.location.location for place in places])
    return Departure(terms.calendar.after(start, days), origin, names, days, supplied)


def _coming(places: Sequence[Place], today: date) -> list[Incoming]:
    # Supply whose day has passed without arriving is overdue: a date for it would be a guess.
    supplies = [s for place in places for s in place.level.incoming if s.date >= today]
    return sorted(supplies, key=lambda supply: supply.date)
