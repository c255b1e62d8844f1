"""The codec of acknowledgements: what is written is what is read, and nothing else is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.orders import AckStatus, OrderAck
from gateway.store.ack_codec import ack_payload, decode_ack
from gateway.store.entries import MOMENTS, CorruptValueError, Entry, Head

acks = st.builds(
    OrderAck,
    st.text(min_size=1, max_size=64).filter(str.isprintable),
    st.integers(0, MOMENTS[-1]),
    st.sampled_from(AckStatus),
)


def entry(payload: bytes) -> Entry:
    return Entry(Head(0, 1, 1, None, 1, ""), payload)


@given(acks)
def test_an_acknowledgement_is_read_as_it_was_written(ack: OrderAck) -> None:
    assert decode_ack(entry(ack_payload(ack)), ack.order_ref) == ack


def test_the_usual_status_takes_no_room() -> None:
    assert msgspec.msgpack.decode(ack_payload(OrderAck("O-1", 5))) == {"a": 5}


@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"a": -1},
        {"a": len(MOMENTS)},
        {"a": 1 << 63},
        {"a": "5"},
        {"a": 5.5},
        {"a": None},
        {"a": 5, "s": "lost"},
        [5],
        5,
    ],
)
def test_what_no_acknowledgement_says_is_corrupt(wire: object) -> None:
    with pytest.raises(CorruptValueError):
        decode_ack(entry(msgspec.msgpack.encode(wire)), "O-1")


@given(st.binary(max_size=30))
def test_other_bytes_are_refused_or_mean_something_that_can_be(payload: bytes) -> None:
    try:
        ack = decode_ack(entry(payload), "O-1")
    except CorruptValueError:
        return
    assert ack.acknowledged_ms in MOMENTS
