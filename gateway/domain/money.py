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
_TWO_OF_ONE: Final = _HALVES * _ONE_OF_ONE


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


class LineAmounts(msgspec.Struct, frozen=True, gc=False):
    """What a line costs; gross is always net + tax."""

    net: Amount
    tax: Amount
    gross: Amount


class Charge(msgspec.Struct, gc=False):
    """A unit price made ready for any quantity: what does not depend on it is reckoned once.

    A line is `each` × quantity; of that a part is rounded off, the tax, or with `tax_included` the
    net amount. Factors are doubled where a half is to go up.
    """

    each: int
    factor: int
    divisor: int
    tax_included: bool

    @classmethod
    def of(cls, price: Price, digits: int, rate: TaxRate, *, tax_included: bool) -> Charge:
        """The charge of this unit price, in a currency of so many decimals."""
        each = _HALVES * price * _TENS[digits]
        if tax_included:
            whole = rate.denominator + rate.numerator
            return cls(each, _HALVES * rate.denominator, whole, tax_included=True)
        return cls(each, _HALVES * rate.numerator, rate.denominator, tax_included=False)

    def amounts(self, quantity: Milli) -> LineAmounts:
        """Net, tax and gross of a line (CONTRACT 4.5), each rounded half up at the line."""
        given = (self.each * quantity + _ONE_OF_ONE) // _TWO_OF_ONE
        divisor = self.divisor
        part = (given * self.factor + divisor) // (divisor + divisor)
        if self.tax_included:
            return LineAmounts(part, given - part, given)
        return LineAmounts(given, part, given + part)


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
