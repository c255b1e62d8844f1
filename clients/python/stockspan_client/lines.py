"""What a cart asks for: its lines, and quantities as they are written."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

Quantity: TypeAlias = Decimal | float
"""What is asked for: at most three decimals. What is answered is always a Decimal."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A SKU, how many of it, and where it is to be taken from, if that matters."""

    sku: str
    quantity: Quantity
    location: str | None = None


def quantity_text(quantity: Quantity) -> str:
    """A quantity as an address takes it: `3`, `2.5`."""
    return f"{quantity:f}" if isinstance(quantity, Decimal) else str(quantity)
