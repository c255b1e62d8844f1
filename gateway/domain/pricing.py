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
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.domain.candidates import (
    TIMELESS,
    Candidate,
    Offer,
    PriceContext,
    PricedProduct,
    Source,
    candidate_of,
    candidate_of_cell,
    cells_for,
    rejection,
)
from gateway.domain.money import Price, less
from gateway.domain.precedence import order_key
from gateway.domain.price_lists import Discount, Layer
from gateway.domain.quantities import Milli
from gateway.domain.validity import Validity, earliest, steady_around


class ResolvedPrice(msgspec.Struct, frozen=True):
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


class PriceTerms(msgspec.Struct, frozen=True, eq=False):
    """What a product costs a buyer, at every quantity; right at every moment of `steady`."""

    starts: Sequence[Milli]
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
    candidates: list[Candidate] = []
    validities: list[Validity] = []
    for offer in offers:
        reason = rejection(context, product, offer)
        if reason in TIMELESS:
            continue
        validities += (offer.price_list.validity, offer.row.validity)
        if reason is None:
            candidates.append(candidate_of(offer))
    cells = cells_for(context, product, discounts)
    validities += [cell.validity for cell in cells]
    standing = [cell for cell in cells if cell.validity.covers(context.at_ms)]
    if standing:
        candidates.append(candidate_of_cell(standing[-1]))
    steps = _steps(candidates, order_key(context.strategy))
    return PriceTerms(
        [start for start, _ in steps],
        [price for _, price in steps],
        _breaks(steps),
        steady_around(validities, context.at_ms),
    )


_Key = Callable[[Candidate, Price], tuple[Any, ...]]
_Ordered = tuple[tuple[Any, ...], Price, Candidate]


def _steps(candidates: list[Candidate], key: _Key) -> list[tuple[Milli, ResolvedPrice]]:
    """The winner from each quantity on at which one more candidate comes in.

    Candidates only ever come in, so the best of those with a price of their own is carried along;
    percentages are counted anew, because the base price may have changed.
    """
    candidates.sort(key=lambda one: one.min_quantity)
    steps: list[tuple[Milli, ResolvedPrice]] = []
    priced: _Ordered | None = None
    bases: dict[Layer, _Ordered] = {}
    percents: list[Candidate] = []
    for place, one in enumerate(candidates):
        if one.unit_price is None:
            percents.append(one)
        else:
            entry = (key(one, one.unit_price), one.unit_price, one)
            priced = _better(priced, entry)
            if one.layer in _BASES:
                bases[one.layer] = _better(bases.get(one.layer), entry)
        if place + 1 < len(candidates) and candidates[place + 1].min_quantity == one.min_quantity:
            continue
        base = base_of(bases)
        price = _won(priced, percents, base, key)
        if price is not None:
            steps.append((one.min_quantity, price))
    return steps


_BASES: Final = (Layer.BASE, Layer.CHANNEL)


def base_of(bases: Mapping[Layer, _Ordered]) -> _Ordered | None:
    """The base price: of the base layer, else of the channel layer."""
    return bases.get(Layer.BASE) or bases.get(Layer.CHANNEL)


def _won(
    priced: _Ordered | None, percents: Iterable[Candidate], base: _Ordered | None, key: _Key
) -> ResolvedPrice | None:
    best = priced
    if base is not None:
        for one in percents:
            price = less(base[1], one.percent or 0)
            best = _better(best, (key(one, price), price, one))
    if best is None:
        return None
    _, price, winner = best
    until_ms, tax_included, sources = winner.until_ms, winner.tax_included, winner.sources
    if winner.percent is not None and base is not None:
        # What is taken off a price lasts as long as that price, and is taxed like it.
        under = base[2]
        until_ms = earliest((until_ms, under.until_ms))
        tax_included, sources = under.tax_included, (*sources, *under.sources)
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
