"""The kinds of records that feeds bring (CONTRACT 1), for settings and loaders alike."""

from __future__ import annotations

from typing import Final, Literal, get_args

Kind = Literal[
    "products",
    "locations",
    "stock",
    "price_lists",
    "prices",
    "customers",
    "discounts",
    "order_acks",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
