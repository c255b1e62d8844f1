"""The explanation of a price: its winner is the answer, and every other says why it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from gateway.domain.candidates import Offer, PriceContext, PricedProduct, Rejection
from gateway.domain.customers import Customer
from gateway.domain.explanation import BEST, Considered, Verdict, explain
from gateway.domain.money import parse_percent, parse_price
from gateway.domain.price_lists import (
    EVERYTHING,
    Discount,
    Layer,
    PriceList,
    PriceRow,
    Scope,
    Target,
)
from gateway.domain.pricing import ResolvedPrice, resolve
from gateway.domain.validity import Validity
from tests.brute_force_prices import Choice, Question, applies, lost_by, matches, valid, winner
from tests.examples import examples
from tests.price_worlds import AT, INTRUDER_FLAWS, intruder, quantities, worlds


def explained(world: Question, quantity: int) -> tuple[Considered, ...]:
    return explain(world.context, world.product, world.offers, world.discounts, quantity)


def seen(one: Considered | Choice) -> object:
    """What tells candidates apart, in one form for the product's and the judge's."""
    if isinstance(one, Choice):
        return one.price_list, one.layer, one.target, one.min_quantity, one.price
    assert one.unit_price is not None
    price = Fraction(one.unit_price, 10_000)
    return one.price_list, one.layer, one.target, Fraction(one.min_quantity, 1000), price


@settings(max_examples=examples(1500))
@given(worlds(), quantities)
def test_the_answer_won_and_all_that_lost_might_have(world: Question, quantity: int) -> None:
    told = explained(world, quantity)
    price = resolve(world.context, world.product, world.offers, world.discounts).at(quantity)
    won = [one for one in told if one.outcome is Verdict.WON]
    assert [(one.price_list, one.layer, one.min_quantity, one.unit_price) for one in won] == (
        [] if price is None else [_terms(price)]
    )
    assert [one.reason for one in won] == [BEST] * len(won)
    _, standing = world.candidates(quantity)
    lost = [one for one in told if one.outcome is Verdict.LOST]
    assert Counter(map(seen, won + lost)) == Counter(map(seen, standing))


def _terms(price: ResolvedPrice) -> tuple[str, Layer, int, int]:
    return price.price_list, price.layer, price.min_quantity, price.unit_price


@settings(max_examples=examples(500))
@given(worlds(), quantities)
def test_what_lost_names_the_rule_that_sent_it_home(world: Question, quantity: int) -> None:
    _, standing = world.candidates(quantity)
    if not standing:
        return
    strategy = world.context.strategy
    best = winner(standing, strategy)
    expected = Counter(
        (seen(one), lost_by(one, best, strategy)) for one in standing if one is not best
    )
    lost = [one for one in explained(world, quantity) if one.outcome is Verdict.LOST]
    assert Counter((seen(one), one.reason) for one in lost) == expected


@settings(max_examples=examples(500))
@given(worlds(), quantities)
def test_every_offer_for_the_product_is_accounted_for(world: Question, quantity: int) -> None:
    told = Counter(
        (one.price_list, one.target, one.min_quantity) for one in explained(world, quantity)
    )
    offers = [
        (offer.price_list.price_list, offer.row.target, offer.row.min_quantity)
        for offer in world.offers
        if matches(offer.row.target, world.product)
    ]
    cells = told.pop(("discounts", EVERYTHING, 1000), 0)
    assert told == Counter(offers)
    assert cells <= len(world.discounts)


# What each reason says of an offer, in the judge's words.
TRUE_WHEN: dict[str, Callable[[PriceContext, Offer, int], bool]] = {
    Rejection.CURRENCY: lambda c, o, q: o.price_list.currency != c.currency,
    Rejection.NOT_FOR_CUSTOMER: lambda c, o, q: (
        (c.base_only and o.price_list.layer is not Layer.BASE)
        or not applies(o.price_list, c.customer, c.channel)
    ),
    Rejection.PERCENT_IN_BASE: lambda c, o, q: (
        o.price_list.layer is Layer.BASE and o.row.unit_price is None
    ),
    Rejection.LIST_NOT_VALID: lambda c, o, q: not valid(o.price_list.validity, c.at_ms),
    Rejection.ROW_NOT_VALID: lambda c, o, q: not valid(o.row.validity, c.at_ms),
    Rejection.BELOW_MIN_QUANTITY: lambda c, o, q: o.row.min_quantity > q,
    # Alone, there is no base price that a percentage could be taken off.
    Rejection.NO_BASE_PRICE: lambda c, o, q: o.row.unit_price is None,
}


@settings(max_examples=examples(500))
@given(worlds(), quantities)
def test_the_reason_given_is_true(world: Question, quantity: int) -> None:
    for offer in world.offers:
        told = explain(world.context, world.product, [offer], [], quantity)
        for one in told:
            if one.outcome is Verdict.REJECTED:
                assert TRUE_WHEN[one.reason](world.context, offer, quantity), one


CONTEXT = PriceContext(Customer("c", discount_class="d"), "web", "SEK", AT)
PRODUCT = PricedProduct("S", "G", "p")
BASE = Offer(
    PriceList("base", "SEK", Layer.BASE),
    PriceRow("base", EVERYTHING, unit_price=parse_price("100")),
)


@pytest.mark.parametrize("flaw", [one for one in INTRUDER_FLAWS if one != Rejection.OTHER_TARGET])
def test_one_flaw_is_named(flaw: Rejection) -> None:
    flawed = INTRUDER_FLAWS[flaw](intruder(CONTEXT), 5_000)
    won, rejected = explain(CONTEXT, PRODUCT, [flawed, BASE], [], 5_000)
    assert (won.price_list, won.outcome) == ("base", "won")
    assert (rejected.price_list, rejected.outcome, rejected.reason) == ("!", "rejected", flaw)


def test_rows_for_other_products_are_not_considered() -> None:
    other = INTRUDER_FLAWS[Rejection.OTHER_TARGET](intruder(CONTEXT), 5_000)
    assert [one.price_list for one in explain(CONTEXT, PRODUCT, [other, BASE], [], 5_000)] == [
        "base"
    ]


def test_a_percentage_without_a_base_price_is_told_without_a_price() -> None:
    percent = intruder(CONTEXT)
    row = replace(percent.row, unit_price=None, discount_percent=parse_percent(10))
    (told,) = explain(CONTEXT, PRODUCT, [Offer(percent.price_list, row)], [], 1_000)
    assert told == Considered(
        *("!", Layer.CONTRACT, Target(Scope.SKU, "S"), 1, None),
        *(Verdict.REJECTED, Rejection.NO_BASE_PRICE),
    )


def test_cells_of_the_matrix_are_considered_too() -> None:
    cells = [
        Discount("d", "p", parse_percent(10), Validity(AT - 5)),
        Discount("d", "p", parse_percent(20), Validity(AT + 1)),
        Discount("d", "p", parse_percent(30), Validity(AT)),
        Discount("e", "p", parse_percent(40)),
    ]
    told = explain(CONTEXT, PRODUCT, [BASE], cells, 1_000)
    assert [(one.price_list, one.outcome, one.reason) for one in told[:2]] == [
        ("discounts", "won", BEST),
        ("base", "lost", "layer"),
    ]
    assert told[0].unit_price == parse_price("70")
    assert {(one.unit_price, one.reason) for one in told[2:]} == {
        (parse_price("90"), Rejection.SUPERSEDED),
        (parse_price("80"), Rejection.ROW_NOT_VALID),
    }
    few = explain(CONTEXT, PRODUCT, [], cells[:1], 999)
    assert [one.reason for one in few] == [Rejection.BELOW_MIN_QUANTITY]


def test_where_nothing_stands_nothing_won() -> None:
    assert explain(CONTEXT, PRODUCT, [], [], 1_000) == ()
    (told,) = explain(CONTEXT, PRODUCT, [BASE], [], 999)
    assert (told.outcome, told.reason) == ("rejected", "below_min_quantity")
