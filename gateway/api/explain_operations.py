"""What is to be known of the routes of explanations; their handlers are in `explain`."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from gateway.api.explain_shapes import PriceExplanationShape, StockExplanationShape
from gateway.api.price_operations import CIRCUMSTANCES as BUYING
from gateway.api.price_operations import PRIVATE, QUANTITY
from gateway.api.routes import Answer, Operation, Parameter
from gateway.api.stock_operations import CIRCUMSTANCES, IDENTIFIER
from gateway.domain.identifiers import RULE

_IN_PATH: Final = Parameter(
    "sku", "path", RULE + "; a slash is written %2F.", IDENTIFIER, required=True
)
_IN_QUERY: Final = Parameter(
    "sku", "query", "Given once: for ids that a proxy would normalise.", IDENTIFIER, required=True
)
_OF_STOCK: Final = ("channel", "location", "locale", "quantity", "pickup", "Accept-Language")
_PROBLEMS: Final = (
    "invalid-request",
    "unauthorized",
    "forbidden",
    "unknown-sku",
    "unknown-channel",
    "not-ready",
    "overloaded",
    "store-unavailable",
)
STOCK: Final = Operation(
    "explainStock",
    "Why this stock answer",
    "explaining",
    {200: Answer("The answer, and what it is made of.", StockExplanationShape, headers=PRIVATE)},
    description="Every location with its figures and whether it counts, the reservations that "
    "take units, the policy and the rule that decided, how the days came about, and on which feeds "
    "the answer's age rests. Exact figures are told: needs scope `explain`.",
    parameters=(_IN_PATH, *(one for one in CIRCUMSTANCES if one.name in _OF_STOCK)),
    problems=(*_PROBLEMS, "unknown-location"),
    callers=("key",),
)
PRICE: Final = Operation(
    "explainPrice",
    "Why this price",
    "explaining",
    {200: Answer("The price, and how it came about.", PriceExplanationShape, headers=PRIVATE)},
    description="The buyer, the lists that apply, every candidate and the outcome, also where "
    "there is no price. What was agreed with customers is told: needs scope `explain`.",
    parameters=(
        _IN_PATH,
        Parameter("quantity", "query", "Left out, 1. At most three decimals.", QUANTITY),
        *(one for one in BUYING if one.name != "explain"),
    ),
    problems=(*_PROBLEMS, "unknown-customer"),
    callers=("key",),
)


def _named(operation: Operation, name: str) -> Operation:
    """The same, of a SKU that is a parameter of the address."""
    parameters = (_IN_QUERY, *operation.parameters[1:])
    return replace(operation, name=name, parameters=parameters)


STOCK_NAMED: Final = _named(STOCK, "explainStockOf")
PRICE_NAMED: Final = _named(PRICE, "explainPriceOf")
