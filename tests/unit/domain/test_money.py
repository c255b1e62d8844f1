"""Money: exact, rounded half up once and at the line, and shown without needless zeros."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.money import (
    LARGEST_PRICE,
    Charge,
    LineAmounts,
    NotMoneyError,
    TaxRate,
    amount_text,
    half_up,
    less,
    minor_digits,
    parse_percent,
    parse_price,
    percent_text,
    price_text,
)
from tests.brute_force_prices import line, rounded
from tests.examples import examples

DIGITS = (0, 2, 3)
TAX_RATES = ("0", "0.25", "0.06", "0.125", "0.2100", "0.077", "1")

prices = st.integers(0, 10_000_000) | st.integers(0, LARGEST_PRICE)
quantities = st.integers(1, 50_000) | st.integers(1, 10**12)


def shares(text: str, included: bool, unit: str, count: str, digits: int) -> tuple[str, str, str]:
    quantity = int(Decimal(count) * 1000)
    charge = Charge.of(parse_price(unit), digits, TaxRate.parse(text), tax_included=included)
    found = charge.amounts(quantity)
    net, tax, gross = (amount_text(one, digits) for one in (found.net, found.tax, found.gross))
    return net, tax, gross


def test_the_line_of_a_plain_order() -> None:
    assert shares("0.25", False, "79.00", "10", 2) == ("790.00", "197.50", "987.50")


@pytest.mark.parametrize(
    ("unit", "count", "digits", "net"),
    [
        ("0.005", "1", 2, "0.01"),
        ("0.0049", "1", 2, "0.00"),
        ("0.0049", "3", 2, "0.01"),  # at the line: three times 0.00 were nothing
        ("1.115", "1", 2, "1.12"),
        ("2.675", "1", 2, "2.68"),
        ("0.5", "1", 0, "1"),
        ("0.4999", "1", 0, "0"),
        ("2.5", "1", 0, "3"),
        ("100", "1.5", 0, "150"),
        ("0.0005", "1", 3, "0.001"),
        ("0.0004", "1", 3, "0.000"),
        ("1.2345", "1", 3, "1.235"),
        ("0.0001", "0.001", 3, "0.000"),
        ("33.3333", "0.333", 2, "11.10"),
        ("999999999999.9999", "1000000000", 2, "999999999999999900000.00"),
    ],
)
def test_a_half_goes_up_at_the_line(unit: str, count: str, digits: int, net: str) -> None:
    assert shares("0", False, unit, count, digits) == (net, amount_text(0, digits), net)


@pytest.mark.parametrize(
    ("rate", "unit", "digits", "expected"),
    [
        ("0.25", "0.02", 2, ("0.02", "0.01", "0.03")),  # 0.005 of tax
        ("0.25", "2", 0, ("2", "1", "3")),
        ("0.1", "4", 0, ("4", "0", "4")),
        ("0.05", "0.03", 3, ("0.030", "0.002", "0.032")),
    ],
)
def test_tax_is_rounded_half_up_at_the_line(
    rate: str, unit: str, digits: int, expected: tuple[str, str, str]
) -> None:
    assert shares(rate, False, unit, "1", digits) == expected


@pytest.mark.parametrize(
    ("rate", "unit", "count", "digits", "expected"),
    [
        ("0.25", "100.00", "1", 2, ("80.00", "20.00", "100.00")),
        ("0.25", "0.01", "1", 2, ("0.01", "0.00", "0.01")),
        ("0.25", "99.99", "3", 2, ("239.98", "59.99", "299.97")),
        ("0.1", "105", "1", 0, ("95", "10", "105")),  # 95.45
        ("0.1", "0.5", "1", 0, ("1", "0", "1")),
        ("0.05", "1.2345", "1", 3, ("1.176", "0.059", "1.235")),
        ("0", "12.345", "1", 2, ("12.35", "0.00", "12.35")),
    ],
)
def test_with_tax_included_the_gross_is_the_given_one(
    rate: str, unit: str, count: str, digits: int, expected: tuple[str, str, str]
) -> None:
    assert shares(rate, True, unit, count, digits) == expected


@settings(max_examples=examples(1000))
@given(prices, quantities, st.sampled_from(DIGITS), st.sampled_from(TAX_RATES), st.booleans())
def test_amounts_are_the_judges_and_gross_is_always_net_and_tax(
    price: int, quantity: int, digits: int, rate: str, included: bool
) -> None:
    charge = Charge.of(price, digits, TaxRate.parse(rate), tax_included=included)
    found = charge.amounts(quantity)
    judged = line(Fraction(price, 10_000), quantity, digits, rate, tax_included=included)
    assert found == LineAmounts(*(int(amount * 10**digits) for amount in judged))
    assert found.gross == found.net + found.tax
    assert min(found.net, found.tax) >= 0


@given(prices, st.integers(-100_000_000, 100_000_000))
def test_a_percentage_is_taken_off_to_four_decimals(price: int, percent: int) -> None:
    exact = Fraction(price, 10_000) * (1 - Fraction(percent, 100_000_000))
    assert Fraction(less(price, percent), 10_000) == rounded(exact, 4)


@pytest.mark.parametrize(
    ("price", "percent", "left"),
    [
        ("100", "10", "90"),
        ("100", "-10", "110"),
        ("0.0001", "50", "0.0001"),  # half a ten-thousandth goes up
        ("0.0003", "50", "0.0002"),
        ("0.0001", "50.000001", "0"),
        ("100", "100", "0"),
        ("100", "-100", "200"),
        ("19.99", "33.333333", "13.3267"),
    ],
)
def test_percentages_by_example(price: str, percent: str, left: str) -> None:
    assert less(parse_price(price), parse_percent(percent)) == parse_price(left)


@given(st.integers(0, 10**30), st.integers(1, 10**15))
def test_half_up_is_the_nearest_whole_number(numerator: int, denominator: int) -> None:
    found = half_up(numerator, denominator)
    assert -denominator < 2 * (numerator - found * denominator) < denominator or (
        2 * (found * denominator - numerator) == denominator
    )


def test_a_line_is_rounded_once() -> None:
    assert shares("0", False, "0.3333", "3", 2)[0] == "1.00"


@pytest.mark.parametrize(
    ("price", "digits", "shown"),
    [
        ("79", 2, "79.00"),
        ("79.5", 2, "79.50"),
        ("79.1250", 2, "79.125"),
        ("0.0001", 2, "0.0001"),
        ("0", 2, "0.00"),
        ("79", 0, "79"),
        ("79.5", 0, "79.5"),
        ("700", 0, "700"),
        ("79.1", 3, "79.100"),
        ("79.1234", 3, "79.1234"),
        ("999999999999.9999", 2, "999999999999.9999"),
        ("41.5", 4, "41.5000"),
    ],
)
def test_unit_prices_are_shown_with_the_currencys_decimals_at_least(
    price: str, digits: int, shown: str
) -> None:
    assert price_text(parse_price(price), digits) == shown


@given(prices, st.sampled_from(DIGITS))
def test_a_shown_price_is_that_price(price: int, digits: int) -> None:
    shown = price_text(price, digits)
    assert parse_price(shown) == price
    decimals = shown.partition(".")[2]
    assert len(decimals) == digits or (len(decimals) > digits and not decimals.endswith("0"))


@pytest.mark.parametrize(
    ("amount", "digits", "shown"),
    [
        (79_000, 2, "790.00"),
        (5, 2, "0.05"),
        (0, 2, "0.00"),
        (79, 0, "79"),
        (0, 0, "0"),
        (79_001, 3, "79.001"),
        (7, 3, "0.007"),
    ],
)
def test_amounts_are_shown_with_exactly_the_currencys_decimals(
    amount: int, digits: int, shown: str
) -> None:
    assert amount_text(amount, digits) == shown


@pytest.mark.parametrize(
    ("currency", "digits"),
    [
        *(("SEK", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)),
        *(("XAU", None), ("XXX", None), ("XTS", None), ("sek", None), ("", None), ("KRONOR", None)),
    ],
)
def test_decimals_of_a_currency(currency: str, digits: int | None) -> None:
    assert minor_digits(currency) == digits


@given(prices)
def test_a_price_is_read_exactly(price: int) -> None:
    assert parse_price(str(Decimal(price).scaleb(-4))) == price
    assert parse_price(Decimal(price).scaleb(-4)) == price
    assert parse_price(f"{price // 10_000}.{price % 10_000:04d}000") == price


@pytest.mark.parametrize(
    ("given_price", "price"),
    [(79, 790_000), (79.95, 799_500), (0.1, 1_000), (0, 0), ("0", 0), ("-0", 0), (1e3, 10**7)],
)
def test_prices_as_text_and_as_numbers(given_price: str | float, price: int) -> None:
    assert parse_price(given_price) == price


REFUSED = (
    *("", " ", ".", "-", "NaN", "Infinity", "1e2", "1_000", "1,5", "½", "١", "0x1", "--1", "1.2.3"),
    *(math.nan, math.inf, -math.inf, 1e300, Decimal("NaN"), Decimal("1E+999999"), True),
    *("1" * 41, "9" * 5_000),
)


@pytest.mark.parametrize("wrong", REFUSED, ids=lambda wrong: repr(wrong)[:20])
def test_what_is_no_decimal_is_neither_price_nor_percentage(wrong: str | float | Decimal) -> None:
    with pytest.raises(NotMoneyError, match="must be a decimal from"):
        parse_price(wrong)
    with pytest.raises(NotMoneyError, match="must be a decimal from"):
        parse_percent(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        *("-0.0001", "-1", -1, "0.00001", 0.00001, "1.23456", "1000000000000", 1e12),
        "1234567890.123400000000000000000000001",  # more digits than arithmetic keeps
    ],
)
def test_no_price(wrong: str | float) -> None:
    with pytest.raises(NotMoneyError):
        parse_price(wrong)


def test_a_negative_price_is_told_so() -> None:
    with pytest.raises(NotMoneyError, match=r"^must not be negative$"):
        parse_price("-5")


@pytest.mark.parametrize(
    ("given_percent", "shown"),
    [
        ("12.5", "12.5"),
        (10, "10"),
        ("-100", "-100"),
        (100, "100"),
        ("0", "0"),
        (0.000001, "0.000001"),
    ],
)
def test_percentages_are_read_and_shown(given_percent: str | float, shown: str) -> None:
    assert percent_text(parse_percent(given_percent)) == shown


@pytest.mark.parametrize(
    "wrong",
    ["100.000001", "-100.000001", 101, "0.0000001", "99.99999900000000000000000000000001"],
)
def test_no_percentage(wrong: str | float) -> None:
    with pytest.raises(NotMoneyError):
        parse_percent(wrong)


@pytest.mark.parametrize(
    ("text", "rate"), [("0", 0), ("0.25", Fraction(1, 4)), ("0.060", Fraction(6, 100)), ("1", 1)]
)
def test_tax_rates_are_exact(text: str, rate: Fraction) -> None:
    parsed = TaxRate.parse(text)
    assert Fraction(parsed.numerator, parsed.denominator) == rate
