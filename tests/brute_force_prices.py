"""An independent judge of prices: the rules of CONTRACT 4 sentence by sentence, without any thrift.

It shares the records with the product, and nothing else: prices are fractions of the currency's
unit, every question starts from all offers again, and a winner is found by sending home, rule
after rule, whoever another one beats. Numbers in front of the functions are those of the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, inf
from typing import Any, Final, NamedTuple

from gateway.domain.candidates import Offer, PriceContext, PricedProduct
from gateway.domain.customers import Customer
from gateway.domain.precedence import Strategy
from gateway.domain.price_lists import Discount, Layer, PriceList, Scope, Target
from gateway.domain.quantities import Milli
from gateway.domain.validity import ALWAYS, Validity

MATRIX: Final = "discounts"


@dataclass(frozen=True)
class Choice:
    """What may set the price; `unit_price` and `percent_off` as plain fractions."""

    price_list: str
    layer: Layer
    target: Target
    priority: int
    min_quantity: Fraction
    unit_price: Fraction | None
    percent_off: Fraction | None
    rank: int | None
    own_validity: Validity
    list_validity: Validity
    tax_included: bool
    stamp_ms: int
    base: Choice | None = None

    @property
    def price(self) -> Fraction:
        assert self.unit_price is not None
        return self.unit_price

    @property
    def is_percentage(self) -> bool:
        return self.percent_off is not None

    @property
    def ends(self) -> list[int]:
        """Every moment at which it, or what it is worked out from, ends."""
        here = (self.own_validity.until_ms, self.list_validity.until_ms)
        under = [] if self.base is None else self.base.ends
        return [end for end in here if end is not None] + under


@dataclass(frozen=True)
class Ruling:
    """The judge's answer for one quantity."""

    unit_price: Fraction
    base_price: Fraction | None
    price_list: str
    layer: Layer
    min_quantity: Fraction
    tax_included: bool
    valid_until_ms: int | None
    came_ms: frozenset[int]
    """When the records came that it rests on."""


@dataclass(frozen=True)
class Question:
    """Everything that a price depends on, except how many."""

    context: PriceContext
    product: PricedProduct
    offers: Sequence[Offer]
    discounts: Sequence[Discount] = ()

    def answer(self, quantity: Milli) -> Ruling | None:
        base, standing = self.candidates(quantity)
        if not standing:
            return None
        best = winner(standing, self.context.strategy)
        return Ruling(
            unit_price=best.price,
            base_price=None if base is None else base.price,
            price_list=best.price_list,
            layer=best.layer,
            min_quantity=best.min_quantity,
            # A percentage is taken off the base price as stored, with or without its tax.
            tax_included=(best.base or best).tax_included,
            valid_until_ms=min(best.ends, default=None),
            came_ms=frozenset(one.stamp_ms for one in (best, best.base) if one is not None),
        )

    # 4.
    def breaks(self) -> list[tuple[Fraction, Fraction]]:
        """From which quantity on which unit price is paid."""
        occurring = {offer.row.min_quantity for offer in self.offers} | {1000}
        changes: list[tuple[Fraction, Fraction]] = []
        for quantity in sorted(occurring):
            ruling = self.answer(quantity)
            if ruling is None:
                continue
            if not changes or changes[-1][1] != ruling.unit_price:
                changes.append((Fraction(quantity, 1000), ruling.unit_price))
        return changes

    # 2.
    def candidates(self, quantity: Milli) -> tuple[Choice | None, list[Choice]]:
        """The base price, and all that may set the price of so many, each with its unit price."""
        rows = self._rows(Fraction(quantity, 1000))
        base = None
        for layer in (Layer.BASE, Layer.CHANNEL):
            fixed = [row for row in rows if row.layer is layer and not row.is_percentage]
            if fixed:
                base = winner(fixed, self.context.strategy)
                break
        priced = [row for row in rows if not row.is_percentage]
        if base is not None:
            priced += [_taken_off(base, row) for row in rows if row.is_percentage]
        return base, priced

    # 1.
    def _rows(self, quantity: Fraction) -> list[Choice]:
        context = self.context
        rows = [
            _choice(offer)
            for offer in self.offers
            if applies(offer.price_list, context.customer, context.channel)
            and offer.price_list.currency == context.currency
            and valid(offer.price_list.validity, context.at_ms)
            and valid(offer.row.validity, context.at_ms)
            and matches(offer.row.target, self.product)
            and not (context.base_only and offer.price_list.layer is not Layer.BASE)
        ]
        rows = [row for row in rows if not (row.is_percentage and row.layer is Layer.BASE)]
        cell = None if context.base_only else self._cell()
        if cell is not None:
            rows.append(cell)
        return [row for row in rows if row.min_quantity <= quantity]

    def _cell(self) -> Choice | None:
        buyer = self.context.customer
        if buyer is None or buyer.discount_class is None or self.product.discount_class is None:
            return None
        classes = (buyer.discount_class, self.product.discount_class)
        cells = [
            cell
            for cell in self.discounts
            if (cell.discount_class, cell.product_discount_class) == classes
            and valid(cell.validity, self.context.at_ms)
        ]
        if not cells:
            return None
        latest = max(cells, key=lambda cell: _began(cell.validity))
        return Choice(
            MATRIX,
            Layer.GROUP,
            Target(Scope.ALL),
            priority=0,
            min_quantity=Fraction(1),
            unit_price=None,
            percent_off=Fraction(latest.discount_percent, 10**6),
            rank=None,
            own_validity=latest.validity,
            list_validity=ALWAYS,
            tax_included=False,
            stamp_ms=latest.stamp_ms,
        )


# 1.
def applies(head: PriceList, buyer: Customer | None, channel: str) -> bool:
    """Whether the list is for this buyer in this channel."""
    customers = set(head.customers)
    if buyer is not None and head.price_list in buyer.price_lists:
        customers.add(buyer.customer)
    kinds = [
        (customers, set() if buyer is None else {buyer.customer}),
        (set(head.groups), set() if buyer is None else set(buyer.groups)),
        (set(head.channels), {channel}),
    ]
    named = [(names, own) for names, own in kinds if names]
    if not named:
        return head.layer in {Layer.BASE, Layer.CAMPAIGN}
    return all(names & own for names, own in named)


def valid(validity: Validity, at_ms: int) -> bool:
    begun = validity.from_ms is None or at_ms >= validity.from_ms
    ended = validity.until_ms is not None and at_ms >= validity.until_ms
    return begun and not ended


def matches(target: Target, product: PricedProduct) -> bool:
    if target.scope is Scope.ALL:
        return True
    return target.name == (product.sku if target.scope is Scope.SKU else product.product_group)


# 3.
_LAYERS: Final = [Layer.BASE, Layer.CHANNEL, Layer.GROUP, Layer.CAMPAIGN, Layer.CONTRACT]
_SCOPES: Final = [Scope.ALL, Scope.PRODUCT_GROUP, Scope.SKU]


class Rule(NamedTuple):
    """Which of several stay: those at the highest, or at the lowest, of something."""

    name: str
    best: Callable[[Iterable[Any]], Any]
    of: Callable[[Choice], Any]


_LAYER: Final = Rule("layer", max, lambda one: _LAYERS.index(one.layer))
_TARGET: Final = Rule("target", max, lambda one: _SCOPES.index(one.target.scope))
_PRIORITY: Final = Rule("priority", max, lambda one: one.priority)
_MIN_QUANTITY: Final = Rule("min_quantity", max, lambda one: one.min_quantity)
_UNIT_PRICE: Final = Rule("unit_price", min, lambda one: one.price)
_LIST_ID: Final = Rule("list_id", min, lambda one: one.price_list)
_VALID_FROM: Final = Rule("valid_from", max, lambda one: _began(one.own_validity))
# A row without a rank stands behind those that have one.
_RANK: Final = Rule("rank", min, lambda one: inf if one.rank is None else one.rank)

_SHIPPED: Final = [_LAYER, _TARGET, _PRIORITY, _MIN_QUANTITY, _UNIT_PRICE, _LIST_ID, _VALID_FROM]
RULES: Final[dict[Strategy, list[Rule]]] = {
    Strategy.MOST_SPECIFIC: _SHIPPED,
    Strategy.BEST_PRICE: [_UNIT_PRICE, *_SHIPPED],
    Strategy.FIRST_MATCH: [_LAYER, _PRIORITY, _RANK, *_SHIPPED],
}


def winner(choices: Iterable[Choice], strategy: Strategy) -> Choice:
    left = list(choices)
    for rule in RULES[strategy]:
        if len(left) == 1:
            break
        top = rule.best(rule.of(one) for one in left)
        left = [one for one in left if rule.of(one) == top]
    assert len(left) == 1, f"the rules leave more than one: {left}"
    return left[0]


def lost_by(loser: Choice, won: Choice, strategy: Strategy) -> str:
    """The rule that sent the loser home."""
    return next(rule.name for rule in RULES[strategy] if rule.of(loser) != rule.of(won))


def _taken_off(base: Choice, row: Choice) -> Choice:
    assert row.percent_off is not None
    price = rounded(base.price * (1 - row.percent_off / 100), 4)
    return replace(row, unit_price=price, base=base)


# 5.
def line(
    unit_price: Fraction, quantity: Milli, digits: int, tax_rate: str, *, tax_included: bool
) -> tuple[Fraction, Fraction, Fraction]:
    """Net, tax and gross, in the currency's unit."""
    rate = Fraction(tax_rate)
    given = rounded(unit_price * Fraction(quantity, 1000), digits)
    net = rounded(given / (1 + rate), digits) if tax_included else given
    tax = given - net if tax_included else rounded(net * rate, digits)
    return net, tax, net + tax


def rounded(figure: Fraction, digits: int) -> Fraction:
    """Half up; prices are never negative."""
    return Fraction(floor(figure * 10**digits + Fraction(1, 2)), 10**digits)


def _choice(offer: Offer) -> Choice:
    head, row = offer.price_list, offer.row
    price, percent = row.unit_price, row.discount_percent
    return Choice(
        head.price_list,
        head.layer,
        row.target,
        priority=head.priority,
        min_quantity=Fraction(row.min_quantity, 1000),
        unit_price=None if price is None else Fraction(price, 10_000),
        percent_off=None if percent is None else Fraction(percent, 10**6),
        rank=row.rank,
        own_validity=row.validity,
        list_validity=head.validity,
        tax_included=head.tax_included,
        stamp_ms=row.stamp_ms,
    )


def _began(validity: Validity) -> float:
    return -inf if validity.from_ms is None else validity.from_ms
