"""Price resolution: which of all prices that might apply does apply (CONTRACT 4).

Pure: heads, rows and circumstances in, terms out. Terms hold for every quantity, so that they
are made once for a product and a buyer, and asked for each line. The steps of the contract:

1. *Candidates* are the offers that stand: of the currency, for the customer and channel, valid,
   for the product. The discount matrix gives one more.
2. A percentage is taken off the base price at the quantity; without one it is no candidate.
3. The strategy orders candidates; the first wins. `precedence.ORDERS` says by what, in turn.
4. The *steps* are the quantities at which another candidate may win; `breaks` those at which the
   unit price changes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from gateway.domain.candidates import (
    Candidate,
    Offer,
    PriceContext,
    PricedProduct,
    Ranked,
    Rejection,
    Source,
    candidate_of,
    cells_for,
    ranked,
    rejection,
)
from gateway.domain.money import Price, less
from gateway.domain.precedence import Key
from gateway.domain.price_lists import Discount, Layer
from gateway.domain.quantities import Milli
from gateway.domain.validity import ALWAYS, Validity, earliest, steady_around


class ResolvedPrice(msgspec.Struct, frozen=True, gc=False):
    """The price at some quantity: `min_quantity` and `price_list` are those of the winner.

    `sources` are the records it rests on: the winner's, and the base price's under a percentage.
    """

    unit_price: Price
    base_price: Price | None
    price_list: str
    layer: Layer
    min_quantity: Milli
    tax_included: bool
    valid_until_ms: int | None
    sources: tuple[Source, ...]


class PriceTerms(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a product costs a buyer, at every quantity; right at every moment of `steady`."""

    starts: tuple[Milli, ...]
    prices: Sequence[ResolvedPrice]
    breaks: tuple[tuple[Milli, Price], ...]
    steady: Validity

    def at(self, quantity: Milli) -> ResolvedPrice | None:
        """The price of each when so many are bought; None where no price is agreed."""
        place = bisect_right(self.starts, quantity)
        return self.prices[place - 1] if place else None


def resolve(
    context: PriceContext,
    product: PricedProduct,
    offers: Iterable[Offer],
    discounts: Iterable[Discount] = (),
) -> PriceTerms:
    """What the product costs in these circumstances, at every quantity.

    Takes any offers and cells: those that do not stand have no effect.
    """
    standing = [
        ranked(candidate_of(offer), context.strategy)
        for offer in offers
        if rejection(context, product, offer) in _FOR_A_TIME
    ]
    cells = [ranked(cell, context.strategy) for cell in cells_for(context, product, discounts)]
    return terms_of(standing, cells, context.at_ms)


def terms_of(offers: Iterable[Ranked], cells: Iterable[Ranked], at_ms: int) -> PriceTerms:
    """The terms made of offers that nothing but the moment can reject.

    Of the cells of the matrix (in the order of their beginning) the last one that is valid counts.
    """
    candidates: list[Ranked] = []
    limited: list[Validity] = []
    for one in offers:
        validity = one.candidate.validity
        if validity is not ALWAYS:
            limited.append(validity)
            if not validity.covers(at_ms):
                continue
        candidates.append(one)
    cell: Ranked | None = None
    for one in cells:
        limited.append(one.candidate.validity)
        if one.candidate.validity.covers(at_ms):
            cell = one
    if cell is not None:
        candidates.append(cell)
    steps = _steps(candidates)
    return PriceTerms(
        tuple([start for start, _ in steps]),
        tuple([price for _, price in steps]),
        _breaks(steps),
        steady_around(limited, at_ms) if limited else ALWAYS,
    )


# Reasons for which an offer is rejected now and may stand at another moment.
_FOR_A_TIME: Final = frozenset({None, Rejection.LIST_NOT_VALID, Rejection.ROW_NOT_VALID})

_Ordered = tuple[Key, Price, Candidate]


def _steps(candidates: list[Ranked]) -> list[tuple[Milli, ResolvedPrice]]:
    """The winner from each quantity on at which one more candidate comes in.

    Candidates only ever come in, so the best of those with a price of their own is carried along;
    percentages are counted anew, because the base price may have changed.
    """
    candidates.sort(key=_min_quantity)
    steps: list[tuple[Milli, ResolvedPrice]] = []
    priced: _Ordered | None = None
    bases: dict[Layer, _Ordered] = {}
    percents: list[Ranked] = []
    last = len(candidates) - 1
    for place, entry in enumerate(candidates):
        one = entry.candidate
        if one.unit_price is None:
            percents.append(entry)
        else:
            ordered = (entry.key(one.unit_price), one.unit_price, one)
            priced = _better(priced, ordered)
            if one.layer in _BASES:
                bases[one.layer] = _better(bases.get(one.layer), ordered)
        if place < last and candidates[place + 1].candidate.min_quantity == one.min_quantity:
            continue
        price = _won(priced, percents, bases.get(Layer.BASE) or bases.get(Layer.CHANNEL))
        if price is not None:
            steps.append((one.min_quantity, price))
    return steps


_BASES: Final = (Layer.BASE, Layer.CHANNEL)


def _min_quantity(entry: Ranked) -> Milli:
    return entry.candidate.min_quantity


def _won(
    priced: _Ordered | None, percents: Iterable[Ranked], base: _Ordered | None
) -> ResolvedPrice | None:
    best = priced
    if base is not None:
        for entry in percents:
            price = less(base[1], entry.candidate.percent or 0)
            best = _better(best, (entry.key(price), price, entry.candidate))
    if best is None:
        return None
    _, price, winner = best
    until_ms, tax_included, sources = (
        winner.validity.until_ms,
        winner.tax_included,
        winner.sources,
    )
    if winner.percent is not None and base is not None:
        # What is taken off a price lasts as long as that price, and is taxed like it.
        under = base[2]
        until_ms = earliest((until_ms, under.validity.until_ms))
        tax_included = under.tax_included
        if under.sources != sources:
            sources += under.sources
    return ResolvedPrice(
        price,
        None if base is None else base[1],
        winner.price_list,
        winner.layer,
        winner.min_quantity,
        tax_included,
        until_ms,
        sources,
    )


def _better(held: _Ordered | None, other: _Ordered) -> _Ordered:
    return other if held is None or other[0] < held[0] else held


def _breaks(steps: Iterable[tuple[Milli, ResolvedPrice]]) -> tuple[tuple[Milli, Price], ...]:
    breaks: list[tuple[Milli, Price]] = []
    for start, price in steps:
        if not breaks or breaks[-1][1] != price.unit_price:
            breaks.append((start, price.unit_price))
    return tuple(breaks)
