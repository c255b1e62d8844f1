"""What is to be known of the price routes; their handlers are in `prices`."""

from __future__ import annotations

from typing import Final

from gateway.api.price_parameters import MOST_IN_ADDRESS, MOST_IN_BODY, PriceQuery
from gateway.api.price_shapes import PriceItem, PriceItems
from gateway.api.routes import Answer, Operation, Parameter
from gateway.api.stock_operations import IDENTIFIER

PRIVATE: Final = ("Cache-Control", "Vary")

QUANTITY: Final = {
    "type": "number",
    "exclusiveMinimum": 0,
    "maximum": 10**9,
    "multipleOf": 0.001,
}
CIRCUMSTANCES: Final = (
    Parameter(
        "customer",
        "query",
        "Whose prices; with a customer's token, that customer's, and no other's. Left out, those "
        "for nobody in particular.",
        IDENTIFIER,
    ),
    Parameter(
        "channel",
        "query",
        "The place of selling; left out, the customer's, else the first one configured.",
        IDENTIFIER,
    ),
    Parameter(
        "currency",
        "query",
        "ISO 4217; left out, the customer's, else the channel's. Nothing is converted: only price "
        "lists in this currency count.",
        {"type": "string", "pattern": "^[A-Z]{3}$"},
    ),
    Parameter(
        "at",
        "query",
        "The moment to answer for, with its offset; left out, now. Needs scope `prices:any`.",
        {"type": "string", "format": "date-time"},
    ),
    Parameter(
        "explain",
        "query",
        "Adds every candidate considered, and why it won, lost or was rejected. Needs the scopes "
        "`explain` and `prices:any`.",
        {"type": "boolean", "default": False},
    ),
)
PROBLEMS: Final = (
    "invalid-request",
    "unauthorized",
    "forbidden",
    "unknown-customer",
    "unknown-channel",
    "not-ready",
    "overloaded",
    "store-unavailable",
)
_ITEMS: Final = Answer("One item for each line, in the order asked.", PriceItems, headers=PRIVATE)

MANY: Final = Operation(
    "prices",
    "Prices of one SKU or several",
    "prices",
    {
        200: Answer(
            "Of one SKU its price; of several one item for each, in the order asked.",
            (PriceItem, PriceItems),
            headers=PRIVATE,
        )
    },
    description="A single SKU that is unknown or has no price is a problem; among several it has "
    "an item with its `error`.",
    parameters=(
        Parameter(
            "sku",
            "query",
            f"Given once for each SKU, at most {MOST_IN_ADDRESS} times.",
            {"type": "array", "items": IDENTIFIER, "minItems": 1, "maxItems": MOST_IN_ADDRESS},
            required=True,
        ),
        Parameter(
            "quantity",
            "query",
            "Given once for all, or once for each SKU in order; left out, 1. At most three "
            "decimals.",
            {"type": "array", "items": QUANTITY, "maxItems": MOST_IN_ADDRESS},
        ),
        *CIRCUMSTANCES,
    ),
    problems=(*PROBLEMS, "unknown-sku", "no-price"),
    callers=("anyone", "key", "customer"),
)

QUERY: Final = Operation(
    "queryPrices",
    "Prices of very many SKUs",
    "prices",
    {200: _ITEMS},
    description=f"At most {MOST_IN_BODY} lines; a quantity left out is 1. Each parameter may "
    "stand in the body or in the address; where both name one, they must agree.",
    parameters=CIRCUMSTANCES,
    body=PriceQuery,
    problems=(*PROBLEMS, "body-too-large"),
    callers=("anyone", "key", "customer"),
)
