"""What is asked of price lookups, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar

import msgspec

from gateway.domain.candidates import Source
from gateway.domain.customers import Customer
from gateway.domain.explanation import Considered
from gateway.domain.freshness import Freshness
from gateway.domain.money import Charge, LineAmounts, TaxRate
from gateway.domain.pricing import PriceTerms, ResolvedPrice
from gateway.domain.quantities import Milli
from gateway.domain.validity import Validity
from gateway.services.selling import Channel

T = TypeVar("T")
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


class KeptStep(Charge, gc=False, eq=False):
    """One price of terms that are kept, with all that a line at it needs, in one place.

    `name`, `before` and `after` are room for its text, which is made once: the SKU, what stands
    between quantity and net amount, and what stands behind the amounts. How many things in memory a
    line has to look at is most of what it costs (docs/adr/0026).
    """

    price: ResolvedPrice
    sources: tuple[Source, ...]
    name: Any = None
    before: Any = None
    after: Any = None


class KeptTerms(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Terms that are kept, made ready for lines of any quantity, in one currency.

    Nothing here is walked by the collector of garbage: none of it refers back.
    """

    terms: PriceTerms
    starts: tuple[Milli, ...]
    steady: Validity
    steps: tuple[KeptStep, ...]

    @classmethod
    def of(cls, terms: PriceTerms, digits: int, rate: TaxRate) -> KeptTerms:
        """Terms about to be kept: of a currency with so many decimals, taxed so.

        What many terms have alike is one thing, so that it is always at hand.
        """
        steps = [_step(price, digits, rate) for price in terms.prices]
        return cls(terms, _shared(terms.starts), _shared(terms.steady), tuple(steps))


def _step(price: ResolvedPrice, digits: int, rate: TaxRate) -> KeptStep:
    of = Charge.of(price.unit_price, digits, rate, tax_included=price.tax_included)
    sources = _shared(price.sources)
    return KeptStep(of.each, of.factor, of.divisor, of.tax_included, price, sources)


@lru_cache(maxsize=8192)
def _shared(thing: T) -> T:
    return thing


class Age(msgspec.Struct, gc=False, eq=False):
    """As of when prices are right that rest on the same records; `shown` is its text."""

    as_of_ms: int
    freshness: Freshness
    shown: Any = None


class PricedLine(msgspec.Struct, frozen=True, gc=False):
    """What one line costs: the price at one `step` of the terms, which say what others would."""

    sku: str
    quantity: Milli
    kept: KeptTerms
    step: KeptStep
    amounts: LineAmounts
    age: Age
    explanation: Sequence[Considered] | None = None

    @property
    def terms(self) -> PriceTerms:
        """What any quantity would cost."""
        return self.kept.terms

    @property
    def price(self) -> ResolvedPrice:
        """The price of each."""
        return self.step.price


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
