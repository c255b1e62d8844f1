"""What several feeds say of one SKU, and when it is worth a question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.confirmations import Confirmation, Unconfirmed, could_turn

DOWN, BUSY, UNKNOWN = Unconfirmed.ERP_DOWN, Unconfirmed.ERP_BUSY, Unconfirmed.NOT_IN_ERP


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (None, None, None),
        (None, DOWN, DOWN),
        (DOWN, None, DOWN),
        (UNKNOWN, None, UNKNOWN),
        (None, UNKNOWN, UNKNOWN),
        (UNKNOWN, DOWN, DOWN),
        (DOWN, UNKNOWN, DOWN),
        (BUSY, DOWN, BUSY),
    ],
)
def test_a_failure_is_told_rather_than_that_a_feed_knows_nothing(
    one: Unconfirmed | None, other: Unconfirmed | None, both: Unconfirmed | None
) -> None:
    said = Confirmation({"W1": 1}, one) | Confirmation({"W2": 2}, other)
    assert said == Confirmation({"W1": 1, "W2": 2}, both)


amounts = st.integers(0, 10**6)


@given(amounts, amounts, amounts)
def test_a_question_is_worth_it_where_few_are_left_or_less_than_twice_as_many(
    salable: int, few_below: int, wanted: int
) -> None:
    assert could_turn(salable, few_below, wanted) is not (
        salable >= few_below and salable >= 2 * wanted
    )
    if salable < wanted:
        assert could_turn(salable, few_below, wanted)
