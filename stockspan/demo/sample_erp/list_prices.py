"""What the articles cost: prices as a catalogue shows them, and as they are agreed upon."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

# Below so much, prices come in steps of so much.
_LISTED: Final = (
    (Decimal(1), Decimal("0.0005")),
    (Decimal(10), Decimal("0.05")),
    (Decimal(100), Decimal("0.10")),
    (Decimal(1000), Decimal(1)),
)
_LARGE: Final = Decimal(10)
_AGREED: Final = (
    (Decimal(1), Decimal("0.0001")),
    (Decimal(100), Decimal("0.01")),
    (Decimal(1000), Decimal("0.10")),
)
_ROUND: Final = Decimal(1)


def family_price(family: Mapping[str, Any], words: Mapping[str, str]) -> Decimal:
    """The price of one combination of a family's options, not rounded."""
    price = float(family["price"])
    for option, factors in family.get("factors", {}).items():
        names = family["options"][option]
        place = names.index(words[option])
        if isinstance(factors, list):
            price *= factors[place]
        else:
            price *= factors ** (place / (len(names) - 1))
    return Decimal(str(round(price, 6)))


def list_price(amount: Decimal) -> Decimal:
    """The nearest price that looks like one: 0.0835, 4.95, 84.90, 139, 1299."""
    for below, step in _LISTED:
        if amount < below:
            return _rounded(amount, step)
    return _rounded(amount, _LARGE) - 1


def agreed_price(listed: Decimal, percent_off: Decimal) -> Decimal:
    """A listed price with so much off, as it is written into an agreement."""
    amount = listed * (100 - percent_off) / 100
    steps = (step for below, step in _AGREED if amount < below)
    return _rounded(amount, next(steps, _ROUND))


def _rounded(amount: Decimal, step: Decimal) -> Decimal:
    return max((amount / step).quantize(Decimal(1), ROUND_HALF_UP), Decimal(1)) * step
