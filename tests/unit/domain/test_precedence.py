"""The order of precedence: each strategy has its own, and an earlier rule beats all later ones."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest

from gateway.domain.candidates import Offer, PriceContext, PricedProduct
from gateway.domain.customers import Customer
from gateway.domain.precedence import ORDERS, Strategy
from gateway.domain.price_lists import Layer, PriceList, PriceRow, Scope, Target
from gateway.domain.pricing import ResolvedPrice, resolve
from gateway.domain.validity import Validity

AT = 1_800_000_000_000
SKU = Target(Scope.SKU, "A-100")
GROUP = Target(Scope.PRODUCT_GROUP, "tools")
PRODUCT = PricedProduct("A-100", "tools")
NAMED = frozenset({"c"})

# By what candidates are compared, each with the better and the worse of two values.
COMPARED: dict[str, tuple[Any, Any]] = {
    "layer": (Layer.CONTRACT, Layer.CAMPAIGN),
    "target": (SKU, GROUP),
    "priority": (1, 0),
    "rank": (2, None),
    "min_quantity": (2_000, 1_000),
    "unit_price": (10, 11),
    "list_id": ("B", "a"),
    "valid_from": (AT, AT - 1),
}
SHIPPED = ("layer", "target", "priority", "min_quantity", "unit_price", "list_id", "valid_from")
IN_TURN = {
    Strategy.MOST_SPECIFIC: SHIPPED,
    Strategy.BEST_PRICE: ("unit_price", *(name for name in SHIPPED if name != "unit_price")),
    Strategy.FIRST_MATCH: (
        *("layer", "priority", "rank", "target"),
        *("min_quantity", "unit_price", "list_id", "valid_from"),
    ),
}


def won(strategy: Strategy, offers: Sequence[Offer]) -> ResolvedPrice:
    context = PriceContext(Customer("c"), "web", "SEK", AT, strategy)
    price = resolve(context, PRODUCT, offers).at(2_000)
    assert price is not None
    return price


def offer(of: Mapping[str, Any], *, until_ms: int) -> Offer:
    """One with these values; its end tells it from another."""
    head = PriceList(of["list_id"], "SEK", of["layer"], of["priority"], customers=NAMED)
    validity = Validity(of["valid_from"], until_ms)
    least, price, rank = of["min_quantity"], of["unit_price"], of["rank"]
    return Offer(head, PriceRow("", of["target"], least, price, None, rank, validity))


@pytest.mark.parametrize(
    ("strategy", "rule"), [(one, rule) for one, rules in IN_TURN.items() for rule in rules]
)
def test_a_rule_decides_against_all_that_follow(strategy: Strategy, rule: str) -> None:
    rules = IN_TURN[strategy]
    up_to_it = rules[: rules.index(rule) + 1]
    better = offer(_better_in(up_to_it), until_ms=AT + 1)
    other = offer(_better_in(COMPARED.keys() - {rule}), until_ms=AT + 2)
    assert won(strategy, [better, other]).valid_until_ms == AT + 1
    assert won(strategy, [other, better]).valid_until_ms == AT + 1


def _better_in(rules: Container[str]) -> dict[str, Any]:
    return {name: values[name not in rules] for name, values in COMPARED.items()}


def test_reasons_are_named_in_the_order_in_which_they_decide() -> None:
    for strategy, rules in IN_TURN.items():
        # A rule may stand there again, where nothing is left for it to decide.
        assert tuple(dict.fromkeys(ORDERS[strategy])) == rules


@pytest.mark.parametrize(
    ("compared", "in_order"),
    [
        ("layer", [Layer.CONTRACT, Layer.CAMPAIGN, Layer.GROUP, Layer.CHANNEL, Layer.BASE]),
        ("target", [SKU, GROUP, Target(Scope.ALL)]),
        ("rank", [-1, 0, 1, None]),
        ("list_id", ["B", "a", "a1", "b", "é"]),
        ("valid_from", [AT, 0, -1, None]),
        ("priority", [1, 0, -1]),
    ],
)
def test_values_from_the_best_down(compared: str, in_order: list[Any]) -> None:
    alike = _better_in(COMPARED)
    for better, worse in pairwise(in_order):
        two = [
            offer(alike | {compared: worse}, until_ms=2 * AT),
            offer(alike | {compared: better}, until_ms=3 * AT),
        ]
        assert won(Strategy.FIRST_MATCH, two).valid_until_ms == 3 * AT
