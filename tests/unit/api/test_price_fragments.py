"""Lines put together from fragments are, byte for byte, what msgspec makes of the shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api import price_fragments
from gateway.api.price_fragments import items_text, moment_text
from gateway.api.price_shapes import (
    Break,
    ConsideredShape,
    Money,
    PriceItem,
    PriceItems,
    UnpricedItem,
)
from gateway.api.shapes import ItemError
from gateway.domain.delivery import ShippingTerms, WorkingCalendar
from gateway.domain.explanation import Considered, Verdict
from gateway.domain.freshness import Freshness
from gateway.domain.identifiers import is_identifier
from gateway.domain.money import (
    LARGEST_PRICE,
    LineAmounts,
    TaxRate,
    amount_text,
    minor_digits,
    price_text,
)
from gateway.domain.price_lists import EVERYTHING, Layer, Scope, Target
from gateway.domain.pricing import PriceTerms, ResolvedPrice
from gateway.domain.quantities import LARGEST, to_number
from gateway.domain.validity import ALWAYS
from gateway.services.price_lines import (
    Age,
    KeptTerms,
    NoPrice,
    PriceAnswer,
    PricedLine,
    UnpricedLine,
)
from gateway.services.selling import Channel

WEB: Final = Channel(
    "web", "SEK", "en", ZoneInfo("UTC"), ShippingTerms(WorkingCalendar(frozenset()), None, (0, 0))
)
TITLES: Final = {"unknown-sku": "Unknown SKU", "no-price": "No price"}

ids = st.text(min_size=1, max_size=64).filter(is_identifier) | st.sampled_from(
    ["%", "%s", "100%d", '"', "\\", "a}{b", "{x}", "</script>", "Ärm-42", "日本", "😀", "\u200b?"]
).filter(is_identifier)
quantities = st.integers(1, LARGEST) | st.integers(1, 10**6).map(lambda units: units * 1000)
prices = st.integers(0, LARGEST_PRICE) | st.integers(0, 10**6)
amounts = st.integers(0, 10**24)
moments = st.integers(0, 253_402_300_799_999)


@st.composite
def resolved(draw: st.DrawFn) -> ResolvedPrice:
    return ResolvedPrice(
        draw(prices),
        draw(st.none() | prices),
        draw(ids),
        draw(st.sampled_from(Layer)),
        draw(quantities),
        draw(st.booleans()),
        draw(st.none() | moments),
        (),
    )


considered = st.builds(
    Considered,
    ids,
    st.sampled_from(Layer),
    st.just(EVERYTHING) | st.builds(Target, st.sampled_from([Scope.SKU, Scope.PRODUCT_GROUP]), ids),
    quantities,
    st.none() | prices,
    st.sampled_from(Verdict),
    st.sampled_from(["best", "layer", "not_for_customer"]),
)
explanations = st.none() | st.lists(considered, max_size=2)


@st.composite
def lines(draw: st.DrawFn) -> list[PricedLine | UnpricedLine]:
    """Lines, some of the same terms, some of the same terms at another price."""
    drawn: list[PricedLine | UnpricedLine] = []
    for sku in draw(st.lists(ids, min_size=1, max_size=3)):
        if draw(st.booleans()):
            problem: NoPrice = draw(st.sampled_from(["unknown-sku", "no-price"]))
            drawn.append(UnpricedLine(sku, draw(quantities), problem, draw(explanations)))
            continue
        steps = draw(st.lists(resolved(), min_size=1, max_size=3))
        breaks = tuple(draw(st.lists(st.tuples(quantities, prices), min_size=1, max_size=12)))
        terms = PriceTerms(tuple(range(len(steps))), steps, breaks, ALWAYS)
        kept = KeptTerms.of(terms, 2, TaxRate())
        drawn += [
            PricedLine(
                sku,
                draw(quantities),
                kept,
                draw(st.sampled_from(kept.steps)),
                LineAmounts(*(draw(amounts) for _ in range(3))),
                Age(draw(moments), draw(st.sampled_from(Freshness))),
                draw(explanations),
            )
            for _ in range(draw(st.integers(1, 4)))
        ]
    return drawn


@given(lines(), st.sampled_from(["SEK", "JPY", "KWD", "CLF"]), st.integers(1, 2))
def test_what_is_put_together_is_what_would_be_encoded(
    drawn: list[PricedLine | UnpricedLine], currency: str, times: int
) -> None:
    digits = minor_digits(currency)
    assert digits is not None
    answer = PriceAnswer(None, WEB, currency, digits, drawn)
    encoded = msgspec.json.encode(PriceItems([_shape(line, answer) for line in drawn]))
    for _ in range(times):
        assert items_text(price_fragments.lines(answer)) == encoded


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (1_795_255_200, "2026-11-21T10:00:00Z"),
        (-(10**15), "0001-01-01T00:00:00Z"),
        (10**15, "9999-12-31T23:59:59Z"),
    ],
)
def test_a_moment_is_always_one_that_can_be_shown(second: int, text: str) -> None:
    assert moment_text(second) == text


# Another way to the same: field by field, as the contract names them.
def _shape(line: PricedLine | UnpricedLine, answer: PriceAnswer) -> PriceItem | UnpricedItem:
    digits, currency = answer.digits, answer.currency
    explanation: list[ConsideredShape] | msgspec.UnsetType = msgspec.UNSET
    if line.explanation is not None:
        explanation = [_considered(one, digits) for one in line.explanation]
    if isinstance(line, UnpricedLine):
        error = ItemError(f"/problems/{line.problem}", TITLES[line.problem])
        return UnpricedItem(line.sku, error, explanation)
    price = line.price
    return PriceItem(
        line.sku,
        to_number(line.quantity),
        Money(price_text(price.unit_price, digits), currency),
        None if price.base_price is None else Money(price_text(price.base_price, digits), currency),
        Money(amount_text(line.amounts.net, digits), currency),
        Money(amount_text(line.amounts.tax, digits), currency),
        Money(amount_text(line.amounts.gross, digits), currency),
        price.price_list,
        price.layer,
        to_number(price.min_quantity),
        [Break(to_number(at), price_text(each, digits)) for at, each in line.terms.breaks],
        None if price.valid_until_ms is None else _moment(price.valid_until_ms),
        _moment(line.age.as_of_ms),
        line.age.freshness,
        explanation,
    )


def _considered(one: Considered, digits: int) -> ConsideredShape:
    return ConsideredShape(
        one.price_list,
        one.layer,
        {Scope.SKU: "sku", Scope.PRODUCT_GROUP: "product_group", Scope.ALL: "all"}[
            one.target.scope
        ],
        to_number(one.min_quantity),
        None if one.unit_price is None else price_text(one.unit_price, digits),
        one.outcome,
        one.reason,
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)
