"""What is taken, as the scripts write it: read as it stands, and never mistaken."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.absorption import Acknowledged, Taken
from gateway.domain.stock import Basis, StockLevel
from gateway.store.codec import decode_sku
from gateway.store.entries import FORMAT, CorruptValueError, Flag, Op, pack_op
from gateway.store.level_codec import level_payload
from gateway.store.taken_codec import decode_taken

encode = msgspec.msgpack.encode
STAMP = 1_795_255_200_000

orders = st.lists(st.tuples(st.integers(0, 2**48), st.integers(1, 2**40)), max_size=3)
places = st.dictionaries(st.text(max_size=64), st.tuples(st.integers(0, 2**50), orders))


@given(places)
def test_read_as_it_was_written(held: dict[str, tuple[int, list[tuple[int, int]]]]) -> None:
    value = encode([(name, units, some) for name, (units, some) in held.items()])
    assert decode_taken(value) == {
        name: Taken(units, tuple(Acknowledged(*order) for order in some))
        for name, (units, some) in held.items()
    }


def test_a_place_without_orders_may_leave_them_out() -> None:
    assert decode_taken(encode([("W1", 5)])) == {"W1": Taken(5)}


CORRUPT = [
    b"",
    b"\xc1",
    b"not a value of ours",
    encode(None),
    encode(5),
    encode({"W1": 5}),
    encode([5]),
    encode([["W1"]]),
    encode([["W1", "5"]]),
    encode([["W1", 1.5]]),
    encode([["W1", 5, 6]]),
    encode([["W1", 5, [[1]]]]),
    encode([["W1", 5, [["1", 2]]]]),
    b"\x91\x92\xa2\xff\xff\x05",  # a name that is no UTF-8
    b"\x91" * 100_000,  # too deep to follow
    encode([("W1", 5)])[:-1],
]


@pytest.mark.parametrize("value", CORRUPT, ids=range(len(CORRUPT)))
def test_anything_else_is_told(value: bytes) -> None:
    with pytest.raises(CorruptValueError):
        decode_taken(value)
    with pytest.raises(CorruptValueError):
        decode_sku(sku_value(), value)


@given(st.binary(max_size=40))
def test_whatever_lies_there_is_read_or_told(value: bytes) -> None:
    try:
        found = decode_taken(value)
    except CorruptValueError:
        return
    assert all(isinstance(taken, Taken) for taken in found.values())


def entry(name: str, payload: bytes, flags: int = 0, stamp_ms: int = STAMP) -> bytes:
    return pack_op(Op.PUT, flags, 1, 1, 1, stamp_ms, name.encode(), payload)[1:]


def sku_value() -> bytes:
    level = StockLevel(10_000, Basis.ON_HAND, 1000, 500)
    return FORMAT + entry("W1", level_payload(level)) + entry("W2", level_payload(level))


def taken_at(value: bytes, taken: bytes | None) -> dict[str, tuple[int, int]]:
    """What is taken and what is salable at each location."""
    found = decode_sku(value, taken)
    assert found is not None
    return {name: (level.taken, level.salable()) for name, level in found.levels.items()}


def test_without_holds_nothing_is_taken() -> None:
    assert taken_at(sku_value(), None) == {"W1": (0, 8500), "W2": (0, 8500)}
    assert taken_at(sku_value(), encode([])) == {"W1": (0, 8500), "W2": (0, 8500)}


def test_a_level_is_less_by_what_its_figure_does_not_have() -> None:
    orders = [(STAMP - 1, 100), (STAMP, 200), (STAMP + 1, 400)]
    taken = encode([("W2", 3000, orders), ("elsewhere", 7, [])])
    assert taken_at(sku_value(), taken) == {"W1": (0, 8500), "W2": (3400, 5100)}


def test_more_taken_than_there_is_leaves_nothing_and_no_less() -> None:
    assert taken_at(sku_value(), encode([("W1", 99_000, [])]))["W1"] == (99_000, 0)


def test_a_deleted_product_is_unknown_whatever_is_taken() -> None:
    value = sku_value() + entry("", b"", Flag.TOMB)
    assert decode_sku(value, encode([("W1", 1, [])])) is None
