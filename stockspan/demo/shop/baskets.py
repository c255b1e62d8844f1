"""What a page sends: so many of some articles, for somebody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

HELD_SECONDS: Final = 120


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


class Wish(Basket):
    """Lines that somebody wants held, and for how long; the gateway says how long is allowed."""

    ttl_seconds: int = HELD_SECONDS
