"""Candidates: the offers that stand for a buyer and a product, and why others do not.

An offer is a row with the head of its list. It stands when it is of the currency, for the
customer and channel, valid, and for the product (CONTRACT 4.1); the discount matrix gives one
candidate more.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec

from gateway.domain.customers import Customer
from gateway.domain.money import Percent, Price
from gateway.domain.precedence import Key, Strategy, halves
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
from gateway.domain.validity import Validity

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
    """An offer that may stand, or a cell of the discount matrix, in one form.

    It stands while `validity` covers the moment: that of its list and of its row together.
    """

    price_list: str
    layer: Layer
    target: Target
    priority: int
    min_quantity: Milli
    unit_price: Price | None
    percent: Percent | None
    rank: int
    valid_from: int
    validity: Validity
    tax_included: bool
    sources: tuple[Source, ...]


class Ranked(msgspec.Struct, frozen=True, gc=False):
    """A candidate with its place in a strategy's order, as far as the price does not decide it."""

    candidate: Candidate
    before: tuple[Any, ...]
    after: tuple[Any, ...]

    def key(self, price: Price) -> Key:
        """What is compared at this price: the least wins."""
        return self.before, price, self.after


def ranked(candidate: Candidate, strategy: Strategy) -> Ranked:
    """The candidate in the strategy's order; worth keeping, because it is right at every moment."""
    return Ranked(candidate, *halves(strategy, candidate))


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
    """An offer as a candidate."""
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
        head.validity.within(row.validity),
        head.tax_included,
        _source(row.feed, row.stamp_ms),
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
        cell.validity,
        tax_included=False,
        sources=_source(cell.feed, cell.stamp_ms),
    )


def cells_for(
    context: PriceContext, product: PricedProduct, discounts: Iterable[Discount]
) -> list[Candidate]:
    """The cells of the matrix for this customer and product, valid or not, the latest last."""
    customer = context.customer
    if context.base_only or customer is None or customer.discount_class is None:
        return []
    classes = (customer.discount_class, product.discount_class)
    cells = [
        candidate_of_cell(cell)
        for cell in discounts
        if (cell.discount_class, cell.product_discount_class) == classes
    ]
    return sorted(cells, key=lambda cell: cell.valid_from)


@lru_cache(maxsize=1024)
def _source(feed: int, stamp_ms: int) -> tuple[Source, ...]:
    """The same for all records that came together, which are very many."""
    return (Source(feed, stamp_ms),)


def _began(validity: Validity) -> int:
    return _NEVER_BEGAN if validity.from_ms is None else validity.from_ms
