from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import Answer
from gateway.domain.reservations import COUNTED, Allocation, Reservation, ReservedLine, State
from gateway.ledger.codec import (
    answer_of,
    answer_row,
    is_storable,
    key_bytes,
    opening_row,
    reservation_of,
    step_row,
)

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=64)
milli = st.integers(0, 10**15)
allocations = st.lists(st.builds(Allocation, names, milli), max_size=3).map(tuple)
lines = st.lists(st.builds(ReservedLine, names, milli, allocations, milli, allocations), max_size=3)
reservations = st.builds(
    Reservation,
    reservation=names,
    revision=st.integers(1, 1000),
    state=st.sampled_from(State),
    expires_ms=milli,
    lines=lines.map(tuple),
    channel=names,
    caller=names,
    customer=st.none() | names,
    order_ref=st.none() | names,
    acknowledged_ms=st.none() | milli,
    price_token=st.none() | names,
)


@given(reservations)
def test_a_reservation_is_read_as_it_was_written(reservation: Reservation) -> None:
    row = opening_row(reservation, "held")
    assert reservation_of(row._asdict()) == reservation
    assert row.counted is (reservation.state in COUNTED)
    assert msgspec.json.decode(row.detail, type=Reservation) == reservation


@given(reservations)
def test_a_step_writes_only_what_it_may_change(reservation: Reservation) -> None:
    opening, step = opening_row(reservation, "x"), step_row(reservation, "x")
    assert step[-4:] == (None, None, None, None)
    assert step._replace(detail="")[:-4] == opening._replace(detail="")[:-4]
    assert json.loads(step.detail).keys() <= {
        "expires_ms",
        "order_ref",
        "acknowledged_ms",
        "price_token",
    }


@given(names, st.text(), st.binary(), st.binary())
def test_an_answer_is_read_as_it_was_written(
    caller: str, key: str, sha: bytes, body: bytes
) -> None:
    answer = Answer(caller, key, sha, 409, body)
    assert answer_of(answer_row(answer)._asdict()) == answer


@given(st.text(), st.text())
def test_no_two_keys_are_the_same_bytes(one: str, other: str) -> None:
    assert (key_bytes(one) == key_bytes(other)) is (one == other)


@given(st.text())
def test_what_can_be_stored(text: str) -> None:
    encoded = text.encode(errors="replace").decode()
    assert is_storable(text) is ("\0" not in text and encoded == text)


@pytest.mark.parametrize(
    "field", ["reservation", "channel", "caller", "customer", "order_ref", "price_token"]
)
@pytest.mark.parametrize("text", ["a\0", "\ud800"])
def test_what_cannot_be_stored_is_refused_before_it_meets_others(field: str, text: str) -> None:
    changes: dict[str, Any] = {field: text}
    plain = Reservation("r", 1, State.HELD, 1, (), "web", "checkout")
    with pytest.raises(ValueError, match="no text that PostgreSQL can hold"):
        opening_row(msgspec.structs.replace(plain, **changes), "held")
