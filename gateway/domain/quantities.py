"""Quantities as integers of thousandths, because metres and kilos are sold too.

A quantity comes in and goes out as a JSON number with at most three decimals; inside it is a
`Milli`, so that adding and comparing are exact.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Final

RULE: Final = "a number with at most three decimals"

Milli = int
"""A quantity in thousandths of its unit: one piece is 1000."""

UNIT: Final[Milli] = 1000
_STEP: Final = Decimal("0.001")
LARGEST: Final[Milli] = 10**9 * UNIT
"""The largest quantity a stock record or a request may name (10⁹ units)."""


class NotAQuantityError(ValueError):
    """The text or number given is no quantity; the message says what is allowed."""


def to_milli(number: float | Decimal) -> Milli:
    """Thousandths of `number`.

    Raises:
        NotAQuantityError: more than three decimals, not finite, or beyond ±10⁹.
    """
    if isinstance(number, int):
        milli = number * UNIT
    elif isinstance(number, float):
        milli = _float_to_milli(number)
    else:
        milli = _decimal_to_milli(number)
    if not -LARGEST <= milli <= LARGEST:
        msg = "must lie between -1000000000 and 1000000000"
        raise NotAQuantityError(msg)
    return milli


def parse_quantity(text: str) -> Milli:
    """Thousandths of a quantity written as text, as in an address or a CSV file.

    Raises:
        NotAQuantityError: not a plain decimal number, or out of range as in `to_milli`.
    """
    plain = text.strip()
    # Decimal also reads "NaN", "1e5" and "1_000", which no caller means as a quantity.
    if not plain or not set(plain) <= set("0123456789.-"):
        raise NotAQuantityError("must be " + RULE)
    try:
        return to_milli(Decimal(plain))
    except InvalidOperation:
        raise NotAQuantityError("must be " + RULE) from None


def to_number(milli: Milli) -> int | float:
    """The JSON number for a quantity: an integer where it is whole."""
    return milli / UNIT if milli % UNIT else milli // UNIT


def _float_to_milli(number: float) -> Milli:
    # round() knows no infinity and no NaN; the product of a huge number is infinite too.
    if not isfinite(number * UNIT):
        raise NotAQuantityError("must be " + RULE)
    milli = round(number * UNIT)
    # The nearest double of a three-decimal figure divides back to itself; any other does not.
    if milli / UNIT != number:
        raise NotAQuantityError("must be " + RULE)
    return milli


def _decimal_to_milli(number: Decimal) -> Milli:
    if not number.is_finite() or abs(number) > LARGEST:
        raise NotAQuantityError("must be " + RULE)
    # Not by multiplying: that would round at 28 digits first.
    rounded = number.quantize(_STEP)
    if rounded != number:
        raise NotAQuantityError("must be " + RULE)
    return int(rounded.scaleb(3))
