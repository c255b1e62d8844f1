"""How languages write figures, and which form goes with them: against CLDR's rules by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel.numbers import parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.quantities import LARGEST, UNIT
from gateway.domain.writing import is_known, plural_form, plural_forms, write_quantity
from gateway.words import LOCALES

QUANTITIES = st.one_of(
    st.integers(0, 300).map(UNIT.__mul__), st.integers(0, 5_000), st.integers(0, LARGEST)
)
FEW = range(1, 20)


def _by_hand(locale: str, milli: int) -> str:
    """CLDR's rules for the languages that are shipped, as its tables have them."""
    if milli == UNIT:
        return "one"
    if locale != "ro":
        return "other"
    whole, rest = divmod(milli, UNIT)
    return "few" if rest or whole == 0 or whole % 100 in FEW else "other"


@given(st.sampled_from(LOCALES), QUANTITIES)
def test_form_is_that_of_the_language(locale: str, milli: int) -> None:
    form = plural_form(locale, milli)
    assert form == _by_hand(locale, milli)
    assert form in plural_forms(locale)


@given(st.sampled_from(LOCALES), QUANTITIES)
def test_what_is_written_is_the_figure(locale: str, milli: int) -> None:
    written = write_quantity(locale, milli)
    assert parse_decimal(written, locale=locale, strict=True) * UNIT == milli
    assert not written.endswith((".0", ",0"))


@pytest.mark.parametrize(
    ("locale", "large", "half"),
    [
        ("en", "12,000", "1.5"),
        ("sv", "12\N{NO-BREAK SPACE}000", "1,5"),
        ("nl", "12.000", "1,5"),
        ("ro", "12.000", "1,5"),
        ("de", "12.000", "1,5"),
    ],
)
def test_separators(locale: str, large: str, half: str) -> None:
    assert write_quantity(locale, 12_000 * UNIT) == large
    assert write_quantity(locale, int(Decimal("1.5") * UNIT)) == half


@pytest.mark.parametrize(
    ("name", "known"),
    [("fr", True), ("ar", True), ("xx", False), ("pt_BR", False), ("EN", False), ("", False)],
)
def test_a_language_is_known_by_its_shortest_code(name: str, *, known: bool) -> None:
    assert is_known(name) is known
