"""JMESPath with exact figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.expressions import Expression, ExpressionError

ROW: dict[str, Any] = {
    "price": Decimal("1.10"),
    "parts": [Decimal("0.1"), Decimal("0.2")],
    "tax": {"percent": 25},
    "at": "2026-07-01 12:00:00",
    "text": "12.50",
    "none": None,
    "yes": True,
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("price", Decimal("1.10")),
        ("sum(parts)", Decimal("0.3")),
        ("avg(parts)", Decimal("0.15")),
        ("max(parts)", Decimal("0.2")),
        ("parts[?@ == `0.1`] | [0]", Decimal("0.1")),
        ("price > `1.05`", True),
        ("multiply(tax.percent, `0.01`)", Decimal("0.25")),
        ("multiply(price, `3`)", Decimal("3.30")),
        ("to_number(text)", Decimal("12.50")),
        ("to_number('7')", 7),
        ("to_number('1e999')", None),
        ("to_number('NaN')", None),
        ("to_number('many')", None),
        ("to_number(price)", Decimal("1.10")),
        ("to_number(yes)", None),
        ("to_string(price)", "1.10"),
        ("to_string(tax.percent)", "25"),
        ("type(price)", "number"),
        ("type(yes)", "boolean"),
        ("sort_by([{n: price}, {n: tax.percent}], &n)[0].n", Decimal("1.10")),
        ("ceil(price)", 2),
        ("in_zone(at, 'Europe/Stockholm')", "2026-07-01T12:00:00+02:00"),
        ("in_zone('2026-07-01T12:00:00Z', 'Europe/Stockholm')", "2026-07-01T12:00:00+00:00"),
        ("in_zone(none, 'Europe/Stockholm')", None),
        ("not_null(none, 'x')", "x"),
        ("tax.none.deeper", None),
    ],
)
def test_what_is_found_is_exact(text: str, found: object) -> None:
    assert Expression(text).find(ROW) == found
    assert type(Expression(text).find(ROW)) is type(found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sum(tax)", "sum() was given object, and takes array-number"),
        ("join('', parts)", "join() was given number, and takes array-string"),
        ("multiply(text, `2`)", "multiply() was given string, and takes number"),
        ("contains(text, `1`)", "cannot be worked out"),
        ("text < `1`", "cannot be worked out"),
        ("in_zone(text, 'UTC')", "in_zone() was given '12.50', which is no time"),
        ("in_zone(at, text)", "knows no time zone '12.50'"),
    ],
)
def test_what_cannot_be_worked_out_is_said(text: str, told: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text).find(ROW)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "a b", "a.", "#", "'open", "a[?b", "nothing(a)", "join(a)", "(" * 3000, "a" * 2001]
)
def test_what_is_no_expression_is_one_line(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    assert "\n" not in str(caught.value)


_names = st.sampled_from(["a", "b", "c"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("xy", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=8,
)
_expressions = st.sampled_from(
    ["a", "a.b", "a[0]", "a[*].b", "a || b", "a && b", "[a, b]", "{x: a}", "a[?b == c]", "@", "!a"]
)


@given(_expressions, _values)
def test_without_decimals_it_finds_what_the_library_finds(text: str, value: Any) -> None:
    assert Expression(text).find(value) == jmespath.search(text, value)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, max_value=10**9, min_value=0))
def test_every_digit_stays(figure: Decimal) -> None:
    row = {"n": figure}
    assert Expression("n").find(row) == figure
    assert Expression("sum([n, n])").find(row) == figure + figure
    assert Expression(f"n == `{figure}`").find(row) is True
