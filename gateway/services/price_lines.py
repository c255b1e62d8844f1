"""What is asked of price lookups, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from gateway.domain.customers import Customer
from gateway.domain.explanation import Considered
from gateway.domain.freshness import Freshness
from gateway.domain.money import LineAmounts
from gateway.domain.pricing import PriceTerms, ResolvedPrice
from gateway.domain.quantities import Milli
from gateway.services.selling import Channel

NoPrice = Literal["unknown-sku", "no-price", "store-unavailable"]


class WantedLine(msgspec.Struct, frozen=True, gc=False):
    """A SKU, and how many of it."""

    sku: str
    quantity: Milli


class PriceRequest(msgspec.Struct, frozen=True):
    """What is asked: left out, the customer's channel and currency, and now.

    `base_only`: for strangers. `explained`: with every candidate, for those who may see them.
    """

    lines: Sequence[WantedLine]
    customer: str | None = None
    channel: str | None = None
    currency: str | None = None
    at_ms: int | None = None
    base_only: bool = False
    explained: bool = False


class KeptTerms:
    """Terms that are kept, with room for what is made once of each step, and beside of all."""

    __slots__ = ("beside", "shown", "terms")

    def __init__(self, terms: PriceTerms) -> None:
        self.terms = terms
        self.shown: list[Any] = [None] * len(terms.prices)
        self.beside: Any = None


class PricedLine(msgspec.Struct, frozen=True, gc=False):
    """What one line costs: the price at one `step` of the terms, which say what others would."""

    sku: str
    quantity: Milli
    kept: KeptTerms
    step: int
    amounts: LineAmounts
    as_of_ms: int
    freshness: Freshness
    explanation: Sequence[Considered] | None = None

    @property
    def terms(self) -> PriceTerms:
        """What any quantity would cost."""
        return self.kept.terms

    @property
    def price(self) -> ResolvedPrice:
        """The price of each."""
        return self.kept.terms.prices[self.step]


class UnpricedLine(msgspec.Struct, frozen=True):
    """Why one line has no price."""

    sku: str
    quantity: Milli
    problem: NoPrice
    explanation: Sequence[Considered] | None = None


class PriceAnswer(msgspec.Struct, frozen=True):
    """One entry a line, in the order asked, and the circumstances they are for."""

    customer: Customer | None
    channel: Channel
    currency: str
    digits: int
    lines: Sequence[PricedLine | UnpricedLine]
