"""A span: all that is told of how many there are."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Span(msgspec.Struct, frozen=True):
    """Where the figure lies; `max` None is open."""

    min: Decimal
    max: Decimal | None
