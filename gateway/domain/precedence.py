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
_CRITERIA: Final[Mapping[str, Callable[[Comparable], Any]]] = {
    "layer": lambda one: -SPECIFICITY[one.layer],
    "target": lambda one: -one.target.scope,
    "priority": lambda one: -one.priority,
    "rank": lambda one: one.rank,
    "min_quantity": lambda one: -one.min_quantity,
    "list_id": lambda one: one.price_list,
    "valid_from": lambda one: -one.valid_from,
}
_PRICE: Final = "unit_price"
ORDERS: Final[Mapping[Strategy, tuple[str, ...]]] = {
    Strategy.MOST_SPECIFIC: (
        *("layer", "target", "priority", "min_quantity", _PRICE, "list_id", "valid_from"),
    ),
    Strategy.BEST_PRICE: (
        *(_PRICE, "layer", "target", "priority", "min_quantity", "list_id", "valid_from"),
    ),
    Strategy.FIRST_MATCH: (
        *("layer", "priority", "rank", "target", "min_quantity", _PRICE, "list_id", "valid_from"),
    ),
}
"""By what each strategy compares, in turn. `valid_from` (the later) only makes it complete."""

Key = tuple[tuple[Any, ...], Price, tuple[Any, ...]]
"""What is compared: all that comes before the unit price, the price, and all that comes after."""

_HALVES: Final = {
    strategy: (
        tuple(_CRITERIA[name] for name in order[: order.index(_PRICE)]),
        tuple(_CRITERIA[name] for name in order[order.index(_PRICE) + 1 :]),
    )
    for strategy, order in ORDERS.items()
}


def halves(strategy: Strategy, one: Comparable) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What of a candidate's `Key` comes before its price, and what after."""
    before, after = _HALVES[strategy]
    return tuple([by(one) for by in before]), tuple([by(one) for by in after])


def lost_by(strategy: Strategy, loser: Key, winner: Key) -> str:
    """The first criterion in which they differ; the last where they are the same in all."""
    names = ORDERS[strategy]
    for name, here, there in zip(names, _flat(loser), _flat(winner), strict=True):
        if here != there:
            return name
    return names[-1]


def _flat(key: Key) -> tuple[Any, ...]:
    before, price, after = key
    return (*before, price, *after)
