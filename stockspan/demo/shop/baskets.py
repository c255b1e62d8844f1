"""What a page sends: so many of some articles, for somebody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """So many of one article."""

    sku: str
    quantity: float = 1


class Basket(msgspec.Struct, forbid_unknown_fields=True):
    """Lines for one customer, or for nobody in particular in a channel."""

    lines: Sequence[Line]
    customer: str | None = None
    channel: str | None = None

    def given(self) -> dict[str, Any]:
        """As the gateway takes it: what is not said is left out."""
        body = msgspec.to_builtins(self)
        return {name: value for name, value in body.items() if value is not None}
