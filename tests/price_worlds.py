"""Small worlds of prices, for properties: so few names, figures and moments that ties, overlaps,
edges and near misses happen all the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final

from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.candidates import Offer, PriceContext, PricedProduct, Rejection
from gateway.domain.customers import Customer
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
from gateway.domain.validity import ALWAYS, Validity
from tests.brute_force_prices import Question

AT: Final = 1_800_000_000_000
MOMENTS: Final = (AT - 60_000, AT - 1, AT, AT + 1, AT + 60_000)
MIN_QUANTITIES: Final = (1_000, 500, 1_000, 10_000, 1_000, 2_500, 25_000)
QUANTITIES: Final = tuple(
    sorted({most + step for most in MIN_QUANTITIES for step in (-1, 0, 1)} | {1, 10**12})
)
SHOP: Final = "web"
CURRENCIES: Final = {"SEK": 2, "JPY": 0, "KWD": 3}

_NONE: Final[frozenset[str]] = frozenset()
_LISTS: Final = ("a", "B", "a1", "é", "~")
# For whom a list is: customers, groups, channels; what names nobody here comes last.
_NAMED: Final = (
    *(("", "", ""), ("c", "", ""), ("", "g", ""), ("", "", SHOP)) * 2,
    ("", "g", SHOP),
    ("c", "", SHOP),
    ("c", "g", ""),
    ("c o", "g h", f"{SHOP} pos"),
    ("c", "h", ""),
    ("o", "g", SHOP),
    ("", "h", ""),
    ("", "", "pos"),
)
_PRODUCTS: Final = (
    PricedProduct("S", "G", "p"),
    PricedProduct("S", "G", None),
    PricedProduct("S", None, "p"),
)
_TARGETS: Final = (
    *(EVERYTHING, Target(Scope.PRODUCT_GROUP, "G"), Target(Scope.SKU, "S")) * 3,
    Target(Scope.SKU, "G"),
    Target(Scope.PRODUCT_GROUP, "S"),
)
_UNIT_PRICES: Final = (1_000_000, 990_000, 333_333, 1, 0, 1_000_050, 10**16 - 1)
_PERCENTS: Final = tuple(
    round(percent * 10**6)
    for percent in (10, 1, 0, -10, 33.333333, 66.666667, 100, -100, 0.000001, 50)
)
# Unit price, percentage.
_FIGURES: Final[tuple[tuple[int | None, int | None], ...]] = (
    *((price, None) for price in _UNIT_PRICES * 2),
    *((None, percent) for percent in _PERCENTS),
)
_RANKS: Final = (None, 1, 2, 0, -1)
_EDGES: Final = tuple(
    Validity(since, until)
    for since in (None, *MOMENTS)
    for until in (None, *MOMENTS)
    if since is None or until is None or since < until
)
# Most things hold, so that there is something to choose from.
_VALIDITIES: Final = (
    *(ALWAYS, Validity(AT), Validity(AT - 1), Validity(until_ms=AT + 1)) * 10,
    *_EDGES,
)


def one_of_each(*pools: Sequence[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One draw for all of them: a draw of its own for each takes most of a run's time."""

    def picked(figure: int) -> tuple[Any, ...]:
        chosen = []
        for pool in pools:
            figure, place = divmod(figure, len(pool))
            chosen.append(pool[place])
        return tuple(chosen)

    return st.integers(0, prod(map(len, pools)) - 1).map(picked)


_head_fields: Final = one_of_each(
    tuple(Layer), _NAMED, (*(None,) * 9, "EUR"), (0, 0, 1, -1), (False, True), _VALIDITIES
)
_row_fields: Final = one_of_each(_TARGETS, MIN_QUANTITIES, _FIGURES, _RANKS, _VALIDITIES)
_ALL: Final = range(5)
_LIST: Final = 5
# The fields in which a row differs from the one before: with few, rows tie up to late rules.
_changes: Final = st.sampled_from(
    ((*_ALL, _LIST), (*_ALL, _LIST), (4,), (4,), (_LIST, 4), *((at,) for at in range(6)))
)
_cell_fields: Final = one_of_each("ddde", "pppq", _PERCENTS, _VALIDITIES)
_customer_fields: Final = one_of_each(
    (*(False,) * 8, True),
    (frozenset({"g"}), frozenset({"g", "h"}), _NONE),
    (_NONE, frozenset(_LISTS[:2]), frozenset(_LISTS)),
    ("d", "d", None),
)
_circumstances: Final = one_of_each(
    tuple(Strategy), (*(SHOP,) * 5, "pos"), tuple(CURRENCIES), (*(False,) * 9, True), _PRODUCTS
)


@st.composite
def _heads(draw: st.DrawFn, currency: str) -> list[PriceList]:
    fields = draw(_head_fields)
    heads = []
    for name in _LISTS[: draw(_some)]:
        # Some are alike but for their names: then later rules decide.
        fields = fields if draw(st.booleans()) else draw(_head_fields)
        heads.append(_head(name, currency, fields))
    return heads


@st.composite
def worlds(draw: st.DrawFn) -> Question:
    """Whatever a price may depend on; no two rows and no two cells have the same key.

    Each came at a moment of its own, which tells those apart that are alike in all else.
    """
    strategy, channel, currency, base_only, product = draw(_circumstances)
    heads = draw(_heads(currency))
    offers: dict[object, Offer] = {}
    if draw(_often):
        # A percentage wants something that it is taken off.
        heads.append(PriceList("base", currency, Layer.BASE))
        everything = PriceRow("base", EVERYTHING, unit_price=draw(st.sampled_from(_UNIT_PRICES)))
        offers[_key(everything)] = Offer(heads[-1], everything)
    head, fields = heads[-1], draw(_row_fields)
    for stamp_ms in range(1, draw(_many)):
        changes = draw(_changes)
        if _LIST in changes:
            head = draw(st.sampled_from(heads))
        others = draw(_row_fields)
        fields = tuple(others[at] if at in changes else fields[at] for at in _ALL)
        row = _row(head.price_list, fields, stamp_ms)
        offers[_key(row)] = Offer(head, row)
    cells = [replace(Discount(*draw(_cell_fields)), stamp_ms=-place) for place in range(draw(_few))]
    matrix = {(c.discount_class, c.product_discount_class, c.validity.from_ms): c for c in cells}
    context = PriceContext(
        _customer(*draw(_customer_fields)), channel, currency, AT, strategy, base_only=base_only
    )
    return Question(context, product, tuple(offers.values()), tuple(matrix.values()))


quantities: Final = st.sampled_from((3_333, 10_000, 10**12, 25_000, 1_001, *QUANTITIES))
_few: Final = st.integers(0, 4)
_some: Final = st.integers(1, 5)
_many: Final = st.integers(0, 14).map(lambda fewer: 14 - fewer)
_often: Final = st.sampled_from((True,) * 5 + (False,))


def _head(name: str, currency: str, fields: tuple[Any, ...]) -> PriceList:
    layer, named, other, priority, tax_included, validity = fields
    customers, groups, channels = (frozenset(names.split()) for names in named)
    return PriceList(
        name,
        other or currency,
        layer,
        priority,
        tax_included,
        validity,
        customers,
        groups,
        channels,
    )


def _row(name: str, fields: tuple[Any, ...], stamp_ms: int) -> PriceRow:
    target, least, (unit_price, percent), rank, validity = fields
    row = PriceRow(name, target, least, unit_price, percent, rank, validity)
    return replace(row, stamp_ms=stamp_ms)


def _key(row: PriceRow) -> object:
    return row.price_list, row.target, row.min_quantity, row.validity.from_ms


def _customer(
    nobody: bool, groups: frozenset[str], lists: frozenset[str], discount_class: str | None
) -> Customer | None:
    if nobody:
        return None
    return Customer("c", groups=groups, price_lists=lists, discount_class=discount_class)


def intruder(context: PriceContext) -> Offer:
    """An offer that would beat every other at any quantity, whatever the strategy."""
    channels = frozenset({context.channel})
    head = PriceList("!", context.currency, Layer.CONTRACT, priority=99, channels=channels)
    return Offer(head, PriceRow("!", Target(Scope.SKU, "S"), 1, unit_price=0, rank=-99))


# What makes an intruder no candidate at some quantity, by the reason.
INTRUDER_FLAWS: Final[dict[Rejection, Callable[[Offer, int], Offer]]] = {
    Rejection.OTHER_TARGET: lambda one, _: _with_row(one, target=Target(Scope.SKU, "other")),
    Rejection.CURRENCY: lambda one, _: _with_head(one, currency="USD"),
    Rejection.NOT_FOR_CUSTOMER: lambda one, _: _with_head(one, customers=frozenset({"o"})),
    Rejection.PERCENT_IN_BASE: lambda one, _: _with_head(
        _with_row(one, unit_price=None, discount_percent=100_000_000), layer=Layer.BASE
    ),
    Rejection.LIST_NOT_VALID: lambda one, _: _with_head(one, validity=Validity(until_ms=AT)),
    Rejection.ROW_NOT_VALID: lambda one, _: _with_row(one, validity=Validity(AT + 1)),
    Rejection.BELOW_MIN_QUANTITY: lambda one, quantity: _with_row(one, min_quantity=quantity + 1),
}


def _with_head(offer: Offer, **changes: Any) -> Offer:
    return Offer(replace(offer.price_list, **changes), offer.row)


def _with_row(offer: Offer, **changes: Any) -> Offer:
    return Offer(offer.price_list, replace(offer.row, **changes))
