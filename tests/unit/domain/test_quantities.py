"""Quantities: exact to three decimals, and nothing else passes."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.quantities import (
    LARGEST,
    NotAQuantityError,
    parse_quantity,
    to_milli,
    to_number,
)

millis = st.integers(-LARGEST, LARGEST)


@given(millis)
def test_a_number_comes_back_as_it_went_in(milli: int) -> None:
    assert to_milli(to_number(milli)) == milli
    assert to_milli(Decimal(milli) / 1000) == milli
    assert parse_quantity(f"{Decimal(milli) / 1000:f}") == milli


@given(millis)
def test_whole_quantities_are_shown_without_decimals(milli: int) -> None:
    assert isinstance(to_number(milli), int) == (milli % 1000 == 0)


@pytest.mark.parametrize(
    "number",
    [
        1.0005,
        0.12345,
        math.inf,
        -math.inf,
        math.nan,
        1e300,
        -1.7e308,
        10**10,
        Decimal("NaN"),
        Decimal("0.001" + "0" * 30 + "1"),
    ],
)
def test_what_is_no_quantity_is_refused(number: float | Decimal) -> None:
    with pytest.raises(NotAQuantityError):
        to_milli(number)


@pytest.mark.parametrize(
    "text", ["", " ", "1e5", "NaN", "1_000", "0x1", "1,5", "--1", "1.2.3", "½"]
)
def test_text_that_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(NotAQuantityError):
        parse_quantity(text)
