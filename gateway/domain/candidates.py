"""Candidates: the offers that stand for a buyer and a product, and why others do not.

An offer is a row with the head of its list. It stands when it is of the currency, for the
customer and channel, valid, and for the product (CONTRACT 4.1); the discount matrix gives one
candidate more.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.customers import Customer
from gateway.domain.money import Percent, Price
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import (
    EVERYTHING,
    Discount,
    Layer,
    PriceList,
    PriceRow,
    Scope,
    Target,
)
from gateway.domain.quantities import UNIT, Milli
from gateway.domain.validity import Validity, earliest

DISCOUNTS: Final = "discounts"
"""What stands for a list in candidates of the discount matrix."""

_LAST_RANK: Final = 1 << 40
_NEVER_BEGAN: Final = -(1 << 62)


class Rejection(StrEnum):
    """Why an offer is no candidate."""

    OTHER_TARGET = "other_target"
    CURRENCY = "currency"
    NOT_FOR_CUSTOMER = "not_for_customer"
    PERCENT_IN_BASE = "percent_in_base"
    LIST_NOT_VALID = "list_not_valid"
    ROW_NOT_VALID = "row_not_valid"
    SUPERSEDED = "superseded"
    """A cell of the discount matrix, when a later one is valid too."""
    BELOW_MIN_QUANTITY = "below_min_quantity"
    NO_BASE_PRICE = "no_base_price"


TIMELESS: Final = frozenset(
    {
        Rejection.OTHER_TARGET,
        Rejection.CURRENCY,
        Rejection.NOT_FOR_CUSTOMER,
        Rejection.PERCENT_IN_BASE,
    }
)
"""Reasons that no moment in time can change."""


class PriceContext(msgspec.Struct, frozen=True):
    """The circumstances: who buys where, in which currency, when, and how the ERP chooses.

    Without a customer it is nobody in particular. `base_only`: what may be told to strangers.
    """

    customer: Customer | None
    channel: str
    currency: str
    at_ms: int
    strategy: Strategy = Strategy.MOST_SPECIFIC
    base_only: bool = False


class PricedProduct(msgspec.Struct, frozen=True):
    """What of a product matters to rows and cells."""

    sku: str
    product_group: str | None = None
    discount_class: str | None = None

    def is_meant_by(self, target: Target) -> bool:
        """Whether a row with this target is for this product."""
        if target.scope is Scope.SKU:
            return target.name == self.sku
        return target.scope is Scope.ALL or target.name == self.product_group


class Offer(msgspec.Struct, frozen=True, gc=False):
    """A row together with the head of its list."""

    price_list: PriceList
    row: PriceRow


class Source(msgspec.Struct, frozen=True, gc=False):
    """A record that a price rests on: the feed that vouches for it, and when it came."""

    feed: int
    stamp_ms: int


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An offer that stands, or a cell of the discount matrix, in one form."""

    price_list: str
    layer: Layer
    target: Target
    priority: int
    min_quantity: Milli
    unit_price: Price | None
    percent: Percent | None
    rank: int
    valid_from: int
    until_ms: int | None
    tax_included: bool
    sources: tuple[Source, ...]


def rejection(  # noqa: PLR0911 - one return a reason, in the contract's order
    context: PriceContext, product: PricedProduct, offer: Offer
) -> Rejection | None:
    """Why this offer is no candidate at any quantity; None where it stands."""
    head, row = offer.price_list, offer.row
    if not product.is_meant_by(row.target):
        return Rejection.OTHER_TARGET
    if head.currency != context.currency:
        return Rejection.CURRENCY
    if context.base_only and head.layer is not Layer.BASE:
        return Rejection.NOT_FOR_CUSTOMER
    if not head.applies_to(context.customer, context.channel):
        return Rejection.NOT_FOR_CUSTOMER
    if head.layer is Layer.BASE and row.unit_price is None:
        return Rejection.PERCENT_IN_BASE
    if not head.validity.covers(context.at_ms):
        return Rejection.LIST_NOT_VALID
    return None if row.validity.covers(context.at_ms) else Rejection.ROW_NOT_VALID


def candidate_of(offer: Offer) -> Candidate:
    """An offer that stands, as a candidate."""
    head, row = offer.price_list, offer.row
    return Candidate(
        head.price_list,
        head.layer,
        row.target,
        head.priority,
        row.min_quantity,
        row.unit_price,
        row.discount_percent,
        _LAST_RANK if row.rank is None else row.rank,
        _began(row.validity),
        earliest((row.validity.until_ms, head.validity.until_ms)),
        head.tax_included,
        (Source(row.feed, row.stamp_ms),),
    )


def candidate_of_cell(cell: Discount) -> Candidate:
    """A cell of the discount matrix as a candidate."""
    return Candidate(
        DISCOUNTS,
        Layer.GROUP,
        EVERYTHING,
        0,
        UNIT,
        None,
        cell.discount_percent,
        _LAST_RANK,
        _began(cell.validity),
        cell.validity.until_ms,
        tax_included=False,
        sources=(Source(cell.feed, cell.stamp_ms),),
    )


def cells_for(
    context: PriceContext, product: PricedProduct, discounts: Iterable[Discount]
) -> list[Discount]:
    """The cells of the matrix for this customer and product, valid or not, the latest last."""
    customer = context.customer
    if context.base_only or customer is None or customer.discount_class is None:
        return []
    classes = (customer.discount_class, product.discount_class)
    cells = [
        cell for cell in discounts if (cell.discount_class, cell.product_discount_class) == classes
    ]
    return sorted(cells, key=lambda cell: _began(cell.validity))


def _began(validity: Validity) -> int:
    return _NEVER_BEGAN if validity.from_ms is None else validity.from_ms
