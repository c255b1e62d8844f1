"""Stock levels, products and locations, and what may be sold of them.

A level is what the ERP says of one SKU at one location. Its *basis* tells whether the ERP has
already taken its own orders off: `available` has, `on_hand` has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.domain.quantities import UNIT, Milli
from gateway.domain.rate_of_sale import NO_SALES, RateOfSale


class Basis(StrEnum):
    """What the ERP's figure already leaves out."""

    AVAILABLE = "available"
    ON_HAND = "on_hand"


class ProductStatus(StrEnum):
    """A product's place in its life, as the ERP tells it."""

    ACTIVE = "active"
    DISCONTINUED = "discontinued"
    PREORDER = "preorder"


class LocationKind(StrEnum):
    """Where stock lies."""

    WAREHOUSE = "warehouse"
    STORE = "store"


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """Supply on its way: so much (thousandths) on that day."""

    quantity: Milli
    date: date


class StockLevel(msgspec.Struct, frozen=True, gc=False):
    """What the ERP says of one SKU at one location, and what is taken of it; in thousandths.

    `taken` are open holds, and orders that the ERP's figure does not leave out yet. `stamp_ms` is
    the ERP's `updated_at`, or the arrival where it gave none. `feed` is the number
    of the feed that wrote it, or 0 where that feed's later syncs do not vouch for it. `rate` is
    what was learnt of its sales, if anything was to be.
    """

    quantity: Milli
    basis: Basis = Basis.AVAILABLE
    allocated: Milli = 0
    safety_stock: Milli = 0
    incoming: tuple[Incoming, ...] = ()
    version: int = 0
    stamp_ms: int = 0
    feed: int = 0
    taken: Milli = 0
    rate: RateOfSale = NO_SALES

    def salable(self) -> Milli:
        """What may still be sold here, never below zero."""
        allocated = self.allocated if self.basis is Basis.ON_HAND else 0
        return max(0, self.quantity - allocated - self.safety_stock - self.taken)

    def less_sold(self, quiet_ms: int, age_ms: int, times: float) -> StockLevel:
        """What is probably left of a figure as old as that, taking so many `times` what was sold.

        In whole units: a figure that is a minute old is not less by a hundredth. What we know to be
        taken is part of what was sold.
        """
        if self.rate is NO_SALES:
            return self
        sold = self.rate.expected(quiet_ms, age_ms) * times
        gone = int(min(sold, self.quantity / UNIT)) * UNIT
        return replace(self, taken=gone) if gone > self.taken else self


class Product(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the shop must know of a SKU beside its stock (CONTRACT 1, `products`)."""

    name: str = ""
    status: ProductStatus = ProductStatus.ACTIVE
    available_from: str | None = None
    product_group: str | None = None
    discount_class: str | None = None
    stock_class: str | None = None
    unit: str = "EA"
    min_order_quantity: Milli = 0
    order_multiple: Milli = 0
    max_order_quantity: Milli | None = None
    tax_rate: str = "0"
    lead_time_days: int | None = None
    backorder: bool = False
    assortments: tuple[str, ...] = ()

    def awaits_release(self, local_now: datetime) -> bool:
        """Whether this is a pre-order product before its `available_from`.

        `available_from` is a date, judged on the channel's own calendar, or a moment in time.
        """
        if self.status is not ProductStatus.PREORDER or self.available_from is None:
            return False
        if "T" in self.available_from:
            return local_now < datetime.fromisoformat(self.available_from)
        return local_now.date() < date.fromisoformat(self.available_from)

    def release_ms(self, local_now: datetime) -> int | None:
        """The moment from which a pre-order product is sold, if it is one of the clock, not a day.

        Milliseconds since the epoch.
        """
        start = self.available_from
        if start is None or "T" not in start or not self.awaits_release(local_now):
            return None
        return int(datetime.fromisoformat(start).timestamp() * 1000)

    def may_wait(self, local_now: datetime) -> bool:
        """Whether it may be ordered though it is not there."""
        if self.awaits_release(local_now):
            return True
        return self.backorder and self.status is not ProductStatus.DISCONTINUED

    def release_day(self, local_now: datetime) -> date | None:
        """The day from which a pre-order product may leave, on the channel's own calendar."""
        if not self.awaits_release(local_now) or self.available_from is None:
            return None
        if "T" in self.available_from:
            moment = datetime.fromisoformat(self.available_from)
            return moment.astimezone(local_now.tzinfo).date()
        return date.fromisoformat(self.available_from)


PLAIN_PRODUCT: Final = Product()
"""What is assumed of a SKU that has stock but no product record."""


class Location(msgspec.Struct, frozen=True, omit_defaults=True):
    """A warehouse or a store (CONTRACT 1, `locations`)."""

    location: str
    name: str = ""
    kind: LocationKind = LocationKind.WAREHOUSE
    handling_days: int = 0
    ships: bool = True
    pickup: bool = False
    channels: tuple[str, ...] = ()
    priority: int = 0

    def serves(self, channel: str) -> bool:
        """Whether the channel sells from here; a location that names no channel serves all."""
        return not self.channels or channel in self.channels


class SkuStock(msgspec.Struct, frozen=True):
    """All that is held of one SKU: its product record and its levels by location.

    `product` is None where none was ever given; a product that was deleted has no SkuStock.
    """

    product: Product | None
    levels: Mapping[str, StockLevel]


def in_priority_order(locations: Iterable[Location]) -> list[Location]:
    """Highest priority first; equal ones by their id, so that answers do not flicker."""
    return sorted(locations, key=lambda place: (-place.priority, place.location))
