"""Price lists, their rows, and the discount matrix: what may set a price (CONTRACT 1 and 4).

Sparse on purpose: a list says for whom it is, its rows say for what. Nothing here is a table of
customers × SKUs.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from gateway.domain.customers import Customer
from gateway.domain.money import Percent, Price
from gateway.domain.quantities import UNIT, Milli
from gateway.domain.validity import ALWAYS, Validity


class Layer(StrEnum):
    """How specific a list is; the later, the more."""

    BASE = "base"
    CHANNEL = "channel"
    GROUP = "group"
    CAMPAIGN = "campaign"
    CONTRACT = "contract"


SPECIFICITY: Final = {layer: place for place, layer in enumerate(Layer)}
"""Layers by rank: the higher wins."""

_FOR_ALL: Final = frozenset({Layer.BASE, Layer.CAMPAIGN})


class Scope(IntEnum):
    """What a row is for; the higher is the more specific."""

    ALL = 0
    PRODUCT_GROUP = 1
    SKU = 2


class Target(msgspec.Struct, frozen=True, gc=False):
    """One SKU, one product group, or everything (with an empty name)."""

    scope: Scope
    name: str = ""


EVERYTHING: Final = Target(Scope.ALL)


class PriceList(msgspec.Struct, frozen=True, gc=False):
    """The head of a list: its currency and layer, and for whom and when it is."""

    price_list: str
    currency: str
    layer: Layer
    priority: int = 0
    tax_included: bool = False
    validity: Validity = ALWAYS
    customers: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    @property
    def is_personal(self) -> bool:
        """Whether it is for some customers alone: its rows then lie together, not with the SKUs."""
        agreed = self.layer in {Layer.GROUP, Layer.CONTRACT}
        return agreed or bool(self.customers) or bool(self.groups)

    @property
    def may_be_for_anyone(self) -> bool:
        """Whether it can apply to a customer of whom neither side names the other."""
        if self.customers or self.groups:
            return False
        return bool(self.channels) or self.layer in _FOR_ALL

    def applies_to(self, customer: Customer | None, channel: str) -> bool:
        """Whether it is for this customer (None: nobody in particular) in this channel.

        Each kind that it names must match; a list in the customer's own `price_lists` counts as
        naming the customer. One that names nothing is for everybody when it is base or campaign.
        """
        named = customer is not None and (
            customer.customer in self.customers or self.price_list in customer.price_lists
        )
        if self.customers and not named:
            return False
        if self.groups and (customer is None or self.groups.isdisjoint(customer.groups)):
            return False
        if self.channels:
            return channel in self.channels
        return named or bool(self.groups) or self.layer in _FOR_ALL


class PriceRow(msgspec.Struct, frozen=True, gc=False):
    """A row of a list: a unit price, or a percentage off the base price; exactly one of them."""

    price_list: str
    target: Target
    min_quantity: Milli = UNIT
    unit_price: Price | None = None
    discount_percent: Percent | None = None
    rank: int | None = None
    validity: Validity = ALWAYS
    version: int = 0
    feed: int = 0
    """The number of the feed that wrote it; 0 where that feed's later syncs do not vouch for it."""
    stamp_ms: int = 0
    """When it came; how old it is where no feed vouches for it."""


class Discount(msgspec.Struct, frozen=True, gc=False):
    """A cell of the discount matrix: customer class × product class."""

    discount_class: str
    product_discount_class: str
    discount_percent: Percent
    validity: Validity = ALWAYS
    feed: int = 0
    stamp_ms: int = 0
