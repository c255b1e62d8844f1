"""What is to be known of the stock routes; their handlers are in `stock`."""

from __future__ import annotations

from typing import Any, Final

from gateway.api.parameters import MOST_IN_ADDRESS, MOST_IN_BODY, StockQuery
from gateway.api.routes import Answer, Operation, Parameter
from gateway.api.shapes import StockItem, StockItems
from gateway.domain.identifiers import LONGEST, RULE
from gateway.words import LOCALES

IDENTIFIER: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": LONGEST}
CACHED: Final = ("ETag", "Cache-Control", "Age", "Cache-Status", "Vary")

CIRCUMSTANCES: Final = (
    Parameter(
        "channel",
        "query",
        "The place of selling; left out, the first one configured.",
        IDENTIFIER,
    ),
    Parameter(
        "location",
        "query",
        "Answer for this location alone, whether it ships or not.",
        IDENTIFIER,
    ),
    Parameter(
        "locale",
        "query",
        "The language of labels; a region is ignored (`sv-SE` is `sv`). Left out, Accept-Language "
        "decides, else the channel.",
        {"type": "string", "pattern": f"^(?i:{'|'.join(LOCALES)})([-_][A-Za-z0-9]+)*$"},
    ),
    Parameter(
        "quantity",
        "query",
        "How many are wanted (at most three decimals): adds `sufficient`, and sets the dates.",
        {"type": "number", "exclusiveMinimum": 0, "maximum": 10**9, "multipleOf": 0.001},
    ),
    Parameter(
        "pickup",
        "query",
        "Adds what each store of the channel has to fetch.",
        {"type": "boolean", "default": False},
    ),
    Parameter(
        "Accept-Language",
        "header",
        "The languages a shopper reads, by preference.",
        {"type": "string"},
    ),
)
CONDITION: Final = Parameter(
    "If-None-Match",
    "header",
    "Validators of answers held already: 304 when the present one is among them.",
    {"type": "string"},
)
NOT_MODIFIED: Final = Answer("What the caller has is still right.", headers=CACHED)
PROBLEMS: Final = (
    "invalid-request",
    "unauthorized",
    "unknown-channel",
    "unknown-location",
    "not-ready",
    "overloaded",
    "store-unavailable",
)

ONE: Final = Operation(
    "stock",
    "Stock of one SKU",
    "stock",
    {
        200: Answer("What may be told of the SKU.", StockItem, headers=CACHED),
        304: NOT_MODIFIED,
    },
    description="The exact figure stays inside: the answer is a span, a symbol, words and dates. "
    "A key with scope `stock:exact` adds `salable`.",
    parameters=(
        Parameter("sku", "path", RULE + "; a slash is written %2F.", IDENTIFIER, required=True),
        *CIRCUMSTANCES,
        CONDITION,
    ),
    problems=(*PROBLEMS, "unknown-sku"),
    callers=("anyone", "key", "customer"),
)

MANY: Final = Operation(
    "stockOfMany",
    "Stock of several SKUs",
    "stock",
    {
        200: Answer("One item for each SKU, in the order asked.", StockItems, headers=CACHED),
        304: NOT_MODIFIED,
    },
    description="An unknown SKU has an item with its `error`; one asked for twice has two.",
    parameters=(
        Parameter(
            "sku",
            "query",
            f"Given once for each SKU, at most {MOST_IN_ADDRESS} times.",
            {"type": "array", "items": IDENTIFIER, "minItems": 1, "maxItems": MOST_IN_ADDRESS},
            required=True,
        ),
        *CIRCUMSTANCES,
        CONDITION,
    ),
    problems=PROBLEMS,
    callers=("anyone", "key", "customer"),
)

QUERY: Final = Operation(
    "queryStock",
    "Stock of very many SKUs",
    "stock",
    {200: Answer("One item for each SKU, in the order asked.", StockItems, headers=CACHED)},
    description=f"At most {MOST_IN_BODY} SKUs. Each parameter may stand in the body or in the "
    "address; where both name one, they must agree.",
    parameters=CIRCUMSTANCES,
    body=StockQuery,
    problems=(*PROBLEMS, "body-too-large"),
    callers=("anyone", "key", "customer"),
)
