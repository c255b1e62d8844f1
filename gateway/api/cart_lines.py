"""Lines of a cart in a body: their shape, and reading them, every mistake named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.api.fields import Reading
from gateway.services.cart_lines import CartLine

MOST_LINES: Final = 200


class CartQueryLine(msgspec.Struct, frozen=True):
    """A SKU, how many of it, and where it is to be taken from, if that matters."""

    sku: str
    quantity: int | float
    location: str | None = None


def texts_of_lines(lines: Sequence[CartQueryLine]) -> int:
    """How many texts of a body these are made of, names of fields included (see `bodies`)."""
    # "lines", and for each line "sku" with its value and "quantity"; a location where it is given.
    return 1 + 3 * len(lines) + 2 * sum([line.location is not None for line in lines])


def cart_lines(reading: Reading, lines: Sequence[CartQueryLine]) -> Sequence[CartLine]:
    """The lines; what is wrong with them is told to the reading."""
    wanted: list[CartLine] = []
    for place, line in enumerate(lines):
        here = f"lines[{place}]"
        reading.identifier(f"{here}.sku", line.sku)
        reading.identifier(f"{here}.location", line.location)
        quantity = reading.quantity(f"{here}.quantity", line.quantity)
        wanted.append(CartLine(line.sku, quantity or 0, line.location))
    return wanted
