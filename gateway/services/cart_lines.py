"""A line of a cart, as a checkout looks it up and a reservation holds it."""

from __future__ import annotations

import msgspec

from gateway.domain.quantities import Milli


class CartLine(msgspec.Struct, frozen=True):
    """A SKU, how many of it, and where it is to be taken from, if that matters."""

    sku: str
    quantity: Milli
    location: str | None = None
