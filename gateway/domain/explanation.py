"""Why this price: every offer considered, and what became of it by the order of precedence."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.candidates import (
    Candidate,
    Offer,
    PriceContext,
    PricedProduct,
    Rejection,
    candidate_of,
    cells_for,
    ranked,
    rejection,
)
from gateway.domain.money import Price, less
from gateway.domain.precedence import Strategy, lost_by
from gateway.domain.price_lists import Discount, Layer, Target
from gateway.domain.quantities import Milli


class Verdict(StrEnum):
    """What became of a candidate."""

    WON = "won"
    LOST = "lost"
    REJECTED = "rejected"


BEST: Final = "best"
"""The reason of the winner; the others name what they lost by, or why they were rejected."""


class Considered(msgspec.Struct, frozen=True):
    """One candidate; `unit_price` is None for a percentage without a base price."""

    price_list: str
    layer: Layer
    target: Target
    min_quantity: Milli
    unit_price: Price | None
    outcome: Verdict
    reason: str


def explain(
    context: PriceContext,
    product: PricedProduct,
    offers: Iterable[Offer],
    discounts: Iterable[Discount],
    quantity: Milli,
) -> tuple[Considered, ...]:
    """Every offer and cell for the product: the winner first, then losers, then the rejected."""
    judged: list[tuple[Candidate, Rejection | None]] = []
    for offer in offers:
        reason = rejection(context, product, offer)
        if reason is not Rejection.OTHER_TARGET:
            judged.append((candidate_of(offer), reason))
    judged += _judged_cells(context, product, discounts)
    standing = [one for one, reason in judged if reason is None and one.min_quantity <= quantity]
    strategy = context.strategy
    base = _base(standing, strategy)
    priced = [
        (ranked(one, strategy).key(price), one, price) for one, price in _prices(standing, base)
    ]
    priced.sort(key=lambda entry: entry[0])
    considered = [
        _considered(one, price, Verdict.LOST, lost_by(strategy, ordered, priced[0][0]))
        if place
        else _considered(one, price, Verdict.WON, BEST)
        for place, (ordered, one, price) in enumerate(priced)
    ]
    for one, reason in judged:
        told = reason
        if told is None and one.min_quantity > quantity:
            told = Rejection.BELOW_MIN_QUANTITY
        elif told is None and one.unit_price is None and base is None:
            told = Rejection.NO_BASE_PRICE
        if told is not None:
            price = one.unit_price if base is None else _price(one, base)
            considered.append(_considered(one, price, Verdict.REJECTED, told))
    return tuple(considered)


def _judged_cells(
    context: PriceContext, product: PricedProduct, discounts: Iterable[Discount]
) -> list[tuple[Candidate, Rejection | None]]:
    cells = cells_for(context, product, discounts)
    valid = [cell for cell in cells if cell.validity.covers(context.at_ms)]
    judged: list[tuple[Candidate, Rejection | None]] = []
    for cell in cells:
        reason: Rejection | None = None
        if not cell.validity.covers(context.at_ms):
            reason = Rejection.ROW_NOT_VALID
        elif cell is not valid[-1]:
            reason = Rejection.SUPERSEDED
        judged.append((cell, reason))
    return judged


def _base(standing: Iterable[Candidate], strategy: Strategy) -> Price | None:
    """The base price at the quantity for which these stand."""
    for layer in (Layer.BASE, Layer.CHANNEL):
        ordered = [
            (ranked(one, strategy).key(one.unit_price), one.unit_price)
            for one in standing
            if one.layer is layer and one.unit_price is not None
        ]
        if ordered:
            return min(ordered)[1]
    return None


def _prices(standing: Iterable[Candidate], base: Price | None) -> list[tuple[Candidate, Price]]:
    if base is not None:
        return [(one, _price(one, base)) for one in standing]
    return [(one, one.unit_price) for one in standing if one.unit_price is not None]


def _price(one: Candidate, base: Price) -> Price:
    return one.unit_price if one.unit_price is not None else less(base, one.percent or 0)


def _considered(one: Candidate, price: Price | None, outcome: Verdict, reason: str) -> Considered:
    return Considered(
        one.price_list, one.layer, one.target, one.min_quantity, price, outcome, reason
    )
