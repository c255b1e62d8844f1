"""Price resolution: by the judge's word in thousands of small worlds, and by plain example."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.candidates import Offer, PriceContext, PricedProduct, Rejection
from gateway.domain.customers import Customer
from gateway.domain.money import parse_percent, parse_price
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
from gateway.domain.pricing import PriceTerms, ResolvedPrice, resolve
from gateway.domain.validity import Validity
from tests.brute_force_prices import Question, Ruling
from tests.examples import examples
from tests.price_worlds import (
    AT,
    INTRUDER_FLAWS,
    MOMENTS,
    QUANTITIES,
    intruder,
    quantities,
    worlds,
)

# Enough for each property to turn red when it is broken; the judge is asked far oftener.
often = settings(max_examples=examples(500))


def terms(world: Question, **changes: Any) -> PriceTerms:
    context = replace(world.context, **changes)
    return resolve(context, world.product, world.offers, world.discounts)


def everything(found: PriceTerms) -> list[ResolvedPrice | None]:
    return [found.at(quantity) for quantity in QUANTITIES]


def ruling(price: ResolvedPrice | None) -> Ruling | None:
    """The product's answer in the judge's terms."""
    if price is None:
        return None
    return Ruling(
        unit_price=Fraction(price.unit_price, 10_000),
        base_price=None if price.base_price is None else Fraction(price.base_price, 10_000),
        price_list=price.price_list,
        layer=price.layer,
        min_quantity=Fraction(price.min_quantity, 1000),
        tax_included=price.tax_included,
        valid_until_ms=price.valid_until_ms,
        came_ms=frozenset(source.stamp_ms for source in price.sources),
    )


@settings(max_examples=examples(5000))
@given(worlds(), quantities)
def test_every_price_is_the_judges(world: Question, quantity: int) -> None:
    assert ruling(terms(world).at(quantity)) == world.answer(quantity)


@often
@given(worlds())
def test_the_breaks_are_the_judges_and_what_is_paid_at_each_quantity(world: Question) -> None:
    found = terms(world)
    shown = [(Fraction(least, 1000), Fraction(price, 10_000)) for least, price in found.breaks]
    assert shown == world.breaks()
    for quantity in QUANTITIES:
        price = found.at(quantity)
        reached = [unit_price for least, unit_price in found.breaks if least <= quantity]
        assert (price.unit_price if price else None) == (reached[-1] if reached else None)


@often
@given(worlds(), st.data())
def test_the_order_in_which_offers_come_never_matters(world: Question, data: st.DataObject) -> None:
    offers = data.draw(st.permutations(world.offers))
    cells = data.draw(st.permutations(world.discounts))
    here, there = terms(world), resolve(world.context, world.product, offers, cells)
    assert everything(here) == everything(there)
    assert (here.breaks, here.steady) == (there.breaks, there.steady)


@often
@given(worlds())
def test_no_strategy_is_cheaper_than_best_price(world: Question) -> None:
    best = everything(terms(world, strategy=Strategy.BEST_PRICE))
    for strategy in Strategy:
        for cheapest, other in zip(best, everything(terms(world, strategy=strategy)), strict=True):
            assert (cheapest is None) == (other is None)
            assert cheapest is None or other is None or cheapest.unit_price <= other.unit_price


@often
@given(worlds())
def test_nothing_changes_while_terms_are_steady(world: Question) -> None:
    found = terms(world)
    assert found.steady.covers(AT)
    edges = {moment for one in _validities(world) for moment in (one.from_ms, one.until_ms)}
    assert {found.steady.from_ms, found.steady.until_ms} <= edges | {None}
    for moment in sorted({near + step for near in MOMENTS for step in (-1, 0, 1)} | {0, 10**14}):
        if found.steady.covers(moment):
            later = terms(world, at_ms=moment)
            assert everything(later) == everything(found)
            assert later.breaks == found.breaks


def _validities(world: Question) -> Iterable[Validity]:
    for offer in world.offers:
        yield from (offer.price_list.validity, offer.row.validity)
    yield from (cell.validity for cell in world.discounts)


@often
@given(worlds(), quantities)
def test_an_intruder_without_a_flaw_would_win(world: Question, quantity: int) -> None:
    context = replace(world.context, base_only=False)
    newcomer = intruder(context)
    found = resolve(context, world.product, [*world.offers, newcomer], world.discounts)
    price = found.at(quantity)
    assert price is not None
    assert (price.price_list, price.unit_price) == (newcomer.price_list.price_list, 0)


@pytest.mark.parametrize("flaw", INTRUDER_FLAWS)
@settings(max_examples=examples(150))
@given(world=worlds(), quantity=quantities)
def test_a_rejected_candidate_changes_nothing(
    flaw: Rejection, world: Question, quantity: int
) -> None:
    flawed = INTRUDER_FLAWS[flaw](intruder(world.context), quantity)
    here = terms(world)
    there = resolve(world.context, world.product, [*world.offers, flawed], world.discounts)
    assert here.at(quantity) == there.at(quantity)
    if flaw is not Rejection.BELOW_MIN_QUANTITY:
        assert everything(here) == everything(there)
        assert here.breaks == there.breaks


@often
@given(worlds())
def test_strangers_see_base_lists_alone(world: Question) -> None:
    context = replace(world.context, base_only=True)
    base = [offer for offer in world.offers if offer.price_list.layer is Layer.BASE]
    told = resolve(context, world.product, world.offers, world.discounts)
    assert everything(told) == everything(resolve(context, world.product, base))


@often
@given(worlds())
def test_a_percentage_without_a_base_price_changes_nothing(world: Question) -> None:
    offers = [
        offer
        for offer in world.offers
        if offer.price_list.layer not in {Layer.BASE, Layer.CHANNEL} or offer.row.discount_percent
    ]
    fixed = [offer for offer in offers if offer.row.unit_price is not None]
    here = resolve(world.context, world.product, offers, world.discounts)
    assert everything(here) == everything(resolve(world.context, world.product, fixed))


@often
@given(worlds())
def test_earlier_cells_of_the_matrix_change_nothing(world: Question) -> None:
    latest = Discount("d", "p", parse_percent(7), Validity(AT))
    earlier = [cell for cell in world.discounts if cell.validity.from_ms != AT]
    here = resolve(world.context, world.product, world.offers, [latest])
    there = resolve(world.context, world.product, world.offers, [*earlier, latest])
    assert everything(here) == everything(there)


SKU = Target(Scope.SKU, "A-100")
PRODUCT = PricedProduct("A-100", "tools", "p")
BUYER = Customer("c", groups=frozenset({"g"}), discount_class="d")
BASE = PriceList("base", "SEK", Layer.BASE)
CONTRACT = PriceList("contract-42", "SEK", Layer.CONTRACT, customers=frozenset({"c"}))


def row(target: Target = SKU, least: int = 1, price: str = "", percent: str = "") -> PriceRow:
    return PriceRow(
        "",
        target,
        least * 1000,
        parse_price(price) if price else None,
        parse_percent(percent) if percent else None,
    )


def resolved(
    *offers: Offer, discounts: Iterable[Discount] = (), buyer: Customer | None = BUYER
) -> PriceTerms:
    return resolve(PriceContext(buyer, "web", "SEK", AT), PRODUCT, offers, discounts)


def test_a_contract_with_breaks() -> None:
    found = resolved(
        Offer(BASE, row(price="100")),
        Offer(CONTRACT, row(price="85")),
        Offer(CONTRACT, row(least=10, price="79")),
    )
    price = found.at(10_000)
    assert price is not None
    assert (price.unit_price, price.base_price) == (790_000, 1_000_000)
    assert (price.price_list, price.layer, price.min_quantity) == (
        *("contract-42", "contract", 10_000),
    )
    assert found.breaks == ((1_000, 850_000), (10_000, 790_000))
    assert found.at(999) is None


def test_a_percentage_follows_the_base_prices_own_breaks() -> None:
    found = resolved(
        Offer(BASE, row(price="100")),
        Offer(BASE, row(least=10, price="90")),
        Offer(CONTRACT, row(EVERYTHING, percent="10")),
    )
    assert found.breaks == ((1_000, 900_000), (10_000, 810_000))


def test_a_percentage_ends_with_the_base_price_and_is_taxed_like_it() -> None:
    base = replace(BASE, tax_included=True, validity=Validity(until_ms=AT + 20))
    standing = replace(row(price="100"), validity=Validity(until_ms=AT + 10))
    agreed = replace(CONTRACT, validity=Validity(until_ms=AT + 30))
    price = resolved(Offer(base, standing), Offer(agreed, row(percent="10"))).at(1_000)
    assert price is not None
    assert (price.price_list, price.tax_included) == ("contract-42", True)
    assert price.valid_until_ms == AT + 10
    own = resolved(Offer(base, standing), Offer(agreed, row(price="90"))).at(1_000)
    assert own is not None
    assert (own.tax_included, own.valid_until_ms) == (False, AT + 30)


def test_the_matrix_gives_one_candidate_more() -> None:
    base = Offer(BASE, row(EVERYTHING, price="100"))
    cells = [
        Discount("d", "p", parse_percent(20), Validity(AT - 10)),
        Discount("d", "p", parse_percent(5), Validity(AT)),
        Discount("d", "p", parse_percent(50), Validity(AT + 1)),
        Discount("d", "q", parse_percent(60)),
    ]
    price = resolved(base, discounts=cells).at(1_000)
    assert price is not None
    assert (price.price_list, price.layer, price.min_quantity) == ("discounts", "group", 1_000)
    assert price.unit_price == parse_price("95")
    assert resolved(base, discounts=cells, buyer=None).breaks == ((1_000, 1_000_000),)
    assert resolved(discounts=cells).breaks == ()


def test_without_a_base_price_the_channels_is_the_base() -> None:
    channel = PriceList("web", "SEK", Layer.CHANNEL, channels=frozenset({"web"}))
    found = resolved(Offer(channel, row(price="80")), Offer(CONTRACT, row(percent="-25")))
    assert found.breaks == ((1_000, parse_price("100")),)
