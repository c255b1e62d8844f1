"""Everything of price answers that goes out as JSON, as types: described from here.

`PriceItem` is written by `price_fragments`, byte for byte as it would be encoded from here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.api.shapes import ItemError, Number, Problem, Sku
from gateway.domain.explanation import Verdict
from gateway.domain.price_lists import Layer

Decimal = Annotated[
    str,
    Meta(description="An exact decimal.", pattern=r"^\d+(\.\d+)?$", examples=["79.00"]),
]
Currency = Annotated[str, Meta(description="ISO 4217.", pattern="^[A-Z]{3}$", examples=["SEK"])]
Quantity = Annotated[float, Meta(description="At most three decimals.", gt=0, le=10**9)]


class Money(msgspec.Struct, frozen=True):
    """An amount and its currency; at least the currency's own decimals are shown."""

    amount: Decimal
    currency: Currency


class Break(msgspec.Struct, frozen=True):
    """From this quantity on, each costs so much."""

    min_quantity: Number
    unit_price: Decimal


class ConsideredShape(msgspec.Struct, frozen=True):
    """One candidate, and what became of it."""

    price_list: Annotated[str, Meta(description="The list; `discounts` is the discount matrix.")]
    layer: Layer
    target: Annotated[str, Meta(extra_json_schema={"enum": ["sku", "product_group", "all"]})]
    min_quantity: Number
    unit_price: Annotated[
        Decimal | None, Meta(description="null for a percentage without a base price.")
    ]
    outcome: Verdict
    reason: Annotated[
        str,
        Meta(
            description="`best` for the winner; for one that lost, the first thing by which it "
            "lost; for one that was rejected, why."
        ),
    ]


class PriceItem(msgspec.Struct, frozen=True):
    """What a SKU costs this buyer at this quantity."""

    sku: Sku
    quantity: Number
    unit_price: Money
    base_price: Annotated[
        Money | None, Meta(description="The base price each; null where there is none.")
    ]
    line_net: Money
    line_tax: Money
    line_gross: Money
    price_list: Annotated[str, Meta(description="The list that decided; or `discounts`.")]
    layer: Layer
    min_quantity: Annotated[float, Meta(description="From how many on this price holds.")]
    breaks: Annotated[
        list[Break], Meta(description="Each quantity at which the price per unit changes.")
    ]
    valid_until: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When this price ends; null where no end is set."),
    ]
    as_of: Annotated[
        datetime,
        Meta(tz=True, description="Until when the price is known to be right, in whole seconds."),
    ]
    freshness: Annotated[str, Meta(extra_json_schema={"enum": ["fresh", "stale", "expired"]})]
    explanation: Annotated[
        list[ConsideredShape] | UnsetType,
        Meta(description="Only with `explain=true`: the winner, the losers, the rejected."),
    ] = UNSET


class UnpricedItem(msgspec.Struct, frozen=True):
    """Stands in the place of a SKU that is not known, or has no price."""

    sku: Sku
    error: ItemError
    explanation: list[ConsideredShape] | UnsetType = UNSET


class PriceItems(msgspec.Struct, frozen=True):
    """One item for each line, in the order asked."""

    items: list[
        Annotated[
            Any,
            Meta(
                # msgspec describes no unions of plain structs; they differ by their fields.
                extra_json_schema={
                    "anyOf": [
                        {"$ref": "#/components/schemas/PriceItem"},
                        {"$ref": "#/components/schemas/UnpricedItem"},
                    ]
                }
            ),
        ]
    ]


class NoPriceProblem(Problem, frozen=True):
    """The problem of having no price, with the candidates when they were asked for."""

    explanation: list[ConsideredShape] | UnsetType = UNSET
