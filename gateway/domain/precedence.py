"""The order of precedence among candidates, as a table: by what each strategy compares.

A candidate here is anything that has the fields compared; its price comes beside it, because a
percentage has none of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

from gateway.domain.money import Price
from gateway.domain.price_lists import SPECIFICITY, Layer, Target
from gateway.domain.quantities import Milli


class Strategy(StrEnum):
    """How an operator's ERP chooses among candidates."""

    MOST_SPECIFIC = "most_specific"
    BEST_PRICE = "best_price"
    FIRST_MATCH = "first_match"


class Comparable(Protocol):
    """What is compared of a candidate. A `rank` left out is the last, a `valid_from` the first."""

    @property
    def price_list(self) -> str: ...
    @property
    def layer(self) -> Layer: ...
    @property
    def target(self) -> Target: ...
    @property
    def priority(self) -> int: ...
    @property
    def min_quantity(self) -> Milli: ...
    @property
    def rank(self) -> int: ...
    @property
    def valid_from(self) -> int: ...


# What candidates are compared by, in turn, each so that less is better.
_By = Callable[[Comparable, Price], Any]
_CRITERIA: Final[Mapping[str, _By]] = {
    "layer": lambda one, _: -SPECIFICITY[one.layer],
    "target": lambda one, _: -one.target.scope,
    "priority": lambda one, _: -one.priority,
    "rank": lambda one, _: one.rank,
    "min_quantity": lambda one, _: -one.min_quantity,
    "unit_price": lambda _, price: price,
    "list_id": lambda one, _: one.price_list,
    "valid_from": lambda one, _: -one.valid_from,
}
_COMMON: Final = ("target", "priority", "min_quantity", "unit_price", "list_id", "valid_from")
ORDERS: Final[Mapping[Strategy, tuple[str, ...]]] = {
    Strategy.MOST_SPECIFIC: ("layer", *_COMMON),
    Strategy.BEST_PRICE: ("unit_price", "layer", *_COMMON),
    Strategy.FIRST_MATCH: ("layer", "priority", "rank", *_COMMON),
}
"""By what each strategy compares, in turn. `valid_from` (the later) only makes it complete."""


def order_key(strategy: Strategy) -> Callable[[Comparable, Price], tuple[Any, ...]]:
    """The key by which the strategy sorts candidates with their prices: the least wins."""
    criteria = tuple(_CRITERIA[name] for name in ORDERS[strategy])
    return lambda one, price: tuple([criterion(one, price) for criterion in criteria])
