"""Money as exact integers: unit prices in ten-thousandths, amounts in a currency's minor units.

A unit price has at most four decimals, as stored or computed (CONTRACT 4); a line's amounts are
rounded half up to the decimals of ISO 4217 (JPY has none, KWD three). Nothing here is a float.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

import iso4217
import msgspec

from gateway.domain.quantities import UNIT, Milli

Price = int
"""A unit price in ten-thousandths of the currency's unit: 79.00 is 790000."""

Amount = int
"""An amount in the currency's minor units: 79.00 SEK is 7900, 79 JPY is 79."""

PRICE_DIGITS: Final = 4
ONE: Final[Price] = 10**PRICE_DIGITS
LARGEST_PRICE: Final[Price] = 10**12 * ONE - 1
"""The largest unit price: a hair below 10¹² units."""

PRICE_RULE: Final = "a decimal from 0 to below 1000000000000 with at most four decimals"
PERCENT_RULE: Final = "a decimal from -100 to 100 with at most six decimals"

_PERCENT_DIGITS: Final = 6
_WHOLE: Final = 100 * 10**_PERCENT_DIGITS
_PLAIN: Final = frozenset("0123456789.-+")
_MOST_DIGITS: Final = 15
_HALVES: Final = 2
_TENS: Final = tuple(10**digits for digits in range(PRICE_DIGITS + 1))
_ONE_OF_ONE: Final = ONE * UNIT


class NotMoneyError(ValueError):
    """The text or number given is no price, or no percentage; the message says what is allowed."""


Percent = int
"""A percentage in millionths of a percent: 12.5 % is 12500000."""


def minor_digits(currency: str) -> int | None:
    """The decimals of a currency's amounts (ISO 4217); None where there is no such currency.

    Funds, metals and test codes, which have no minor unit, are no currencies to sell in.
    """
    return _MINOR_DIGITS.get(currency)


def parse_price(given: str | float | Decimal) -> Price:
    """A unit price as text or as a JSON number.

    Raises:
        NotMoneyError: negative, too large, more than four decimals, or no plain decimal.
    """
    price = _scaled(given, PRICE_DIGITS, PRICE_RULE)
    if not 0 <= price <= LARGEST_PRICE:
        raise NotMoneyError("must not be negative" if price < 0 else "must be " + PRICE_RULE)
    return price


def parse_percent(given: str | float | Decimal) -> Percent:
    """A percentage as text or as a JSON number, −100 to 100.

    Raises:
        NotMoneyError: out of range, more than six decimals, or no plain decimal.
    """
    percent = _scaled(given, _PERCENT_DIGITS, PERCENT_RULE)
    if not -_WHOLE <= percent <= _WHOLE:
        raise NotMoneyError("must be " + PERCENT_RULE)
    return percent


def less(price: Price, percent: Percent) -> Price:
    """The price with the percentage taken off, rounded half up to four decimals."""
    return half_up(price * (_WHOLE - percent), _WHOLE)


def line_amount(price: Price, quantity: Milli, digits: int) -> Amount:
    """So many at this price, rounded half up at the line."""
    return half_up(price * quantity * _TENS[digits], _ONE_OF_ONE)


def half_up(numerator: int, denominator: int) -> int:
    """The nearest whole number to a quotient that is not negative; a half goes up."""
    return (_HALVES * numerator + denominator) // (_HALVES * denominator)


class TaxRate(msgspec.Struct, frozen=True, gc=False):
    """A share such as 0.25, as a fraction of whole numbers."""

    numerator: int = 0
    denominator: int = 1

    @classmethod
    def parse(cls, text: str) -> TaxRate:
        """The rate of a product record, whose text was checked when it was taken in."""
        whole, _, part = text.partition(".")
        return cls(int(whole + part), 10 ** len(part))

    def on(self, net: Amount) -> Amount:
        """The tax on a net amount, rounded half up."""
        return half_up(net * self.numerator, self.denominator)

    def net_of(self, gross: Amount) -> Amount:
        """The net amount of a gross one, rounded half up."""
        return half_up(gross * self.denominator, self.denominator + self.numerator)


class LineAmounts(msgspec.Struct, frozen=True, gc=False):
    """What a line costs; gross is always net + tax."""

    net: Amount
    tax: Amount
    gross: Amount


def line_amounts(
    price: Price, quantity: Milli, digits: int, rate: TaxRate, *, tax_included: bool
) -> LineAmounts:
    """Net, tax and gross of a line (CONTRACT 4.5); with `tax_included` the price is gross."""
    given = line_amount(price, quantity, digits)
    if tax_included:
        net = rate.net_of(given)
        return LineAmounts(net, given - net, given)
    tax = rate.on(given)
    return LineAmounts(given, tax, given + tax)


def price_text(price: Price, digits: int) -> str:
    """A unit price as it is shown: trailing zeros dropped down to the currency's decimals."""
    whole, part = divmod(price, ONE)
    shown = f"{part:04d}".rstrip("0").ljust(digits, "0")
    return f"{whole}.{shown}" if shown else str(whole)


def amount_text(amount: Amount, digits: int) -> str:
    """An amount as it is shown, with all of the currency's decimals."""
    if not digits:
        return str(amount)
    whole, part = divmod(amount, 10**digits)
    return f"{whole}.{part:0{digits}d}"


def percent_text(percent: Percent) -> str:
    """A percentage as it is shown: `12.5`."""
    return f"{Decimal(percent).scaleb(-_PERCENT_DIGITS).normalize():f}"


def _scaled(given: str | float | Decimal, digits: int, rule: str) -> int:
    text = given.strip() if isinstance(given, str) else str(given)
    # Decimal also reads "NaN" and "1_000"; exponents are taken from numbers alone.
    if isinstance(given, str) and not set(text) <= _PLAIN:
        raise NotMoneyError("must be " + rule)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise NotMoneyError("must be " + rule) from None
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS:
        raise NotMoneyError("must be " + rule)
    # Not by scaling alone: that would round at 28 digits first.
    rounded = value.quantize(Decimal(1).scaleb(-digits))
    if rounded != value:
        raise NotMoneyError("must be " + rule)
    return int(rounded.scaleb(digits))


_MINOR_DIGITS: Final[dict[str, int]] = {
    currency.code: currency.exponent
    for currency in iso4217.Currency
    if currency.exponent is not None
}
