"""The codec of prices: what is written is what is read, and what is not ours is never half read."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.customers import Customer, CustomerStatus
from gateway.domain.money import LARGEST_PRICE
from gateway.domain.price_lists import (
    EVERYTHING,
    Discount,
    Layer,
    PriceList,
    PriceRow,
    Scope,
    Target,
)
from gateway.domain.quantities import LARGEST
from gateway.domain.stock import Product
from gateway.domain.validity import Validity
from gateway.store.codec import decode_product, product_payload
from gateway.store.customer_codec import customer_payload, decode_customer
from gateway.store.entries import (
    FORMAT,
    VERSION_BIAS,
    CorruptValueError,
    Flag,
    entries,
    only_entry,
    pack_op,
)
from gateway.store.price_codec import (
    decode_discount,
    decode_list,
    decode_row,
    decode_rows,
    discount_name,
    discount_payload,
    list_payload,
    name_of_discount,
    name_of_row,
    row_name,
    row_payload,
    target_field,
    target_of,
)

PLAIN = Product(name="Bolt", discount_class="metal")
SKU = Target(Scope.SKU, "A-100")
names = st.text(min_size=1, max_size=64).filter(str.isprintable)
optional = st.none() | names
sets = st.frozensets(names, max_size=3)
moments = st.none() | st.integers(-(10**12), 10**13)
validities = st.builds(Validity, moments, moments)
feeds = st.integers(0, 255)
stamps = st.integers(0, 2**47)
percents = st.integers(-(10**8), 10**8)
targets = st.builds(Target, st.sampled_from([Scope.SKU, Scope.PRODUCT_GROUP]), names) | st.just(
    EVERYTHING
)


def rows_of(target: Target) -> st.SearchStrategy[PriceRow]:
    def row(
        price_list: str, minimum: int, sets_: tuple[int | None, int | None], rank: int | None
    ) -> PriceRow:
        return PriceRow(price_list, target, minimum, *sets_, rank)

    price = st.tuples(st.integers(0, LARGEST_PRICE), st.none())
    percent = st.tuples(st.none(), percents)
    plain = st.builds(
        row, names, st.integers(1, LARGEST), price | percent, st.none() | st.integers(-9, 10**9)
    )
    return st.builds(
        lambda r, v, version, feed, stamp: msgspec.structs.replace(
            r, validity=v, version=version, feed=feed, stamp_ms=stamp
        ),
        plain,
        validities,
        st.integers(1, VERSION_BIAS - 1),
        feeds,
        stamps,
    )


lists = st.builds(
    PriceList,
    names,
    st.sampled_from(["SEK", "JPY"]),
    st.sampled_from(Layer),
    st.integers(-5, 5),
    st.booleans(),
    validities,
    sets,
    sets,
    sets,
)
customers = st.builds(
    Customer,
    names,
    st.text(max_size=20),
    sets,
    sets,
    optional,
    st.sampled_from([None, "SEK", "JPY"]),
    optional,
    sets,
    st.sampled_from(CustomerStatus),
)
discounts = st.builds(Discount, names, names, percents, validities, feeds, stamps)


def entry(name: str, payload: bytes, feed: int = 1, stamp_ms: int = 1, flags: int = 0) -> bytes:
    return pack_op(0, flags, feed, 0, None, stamp_ms, name.encode(), payload)[1:]


def value_of(rows: Sequence[PriceRow], *, with_list: bool) -> bytes:
    return FORMAT + b"".join(
        pack_op(
            0,
            0,
            row.feed,
            0,
            row.version,
            row.stamp_ms,
            row_name(row, with_list=with_list).encode(),
            row_payload(row),
        )[1:]
        for row in rows
    )


@given(st.lists(rows_of(SKU), max_size=4))
def test_rows_with_their_sku_are_read_as_they_were_written(rows: list[PriceRow]) -> None:
    value = value_of(rows, with_list=True)
    assert decode_rows(value, None, SKU) == tuple(rows)
    assert [decode_row(found, None, SKU) for found in entries(value)] == rows


@given(targets.flatmap(rows_of))
def test_rows_with_their_list_are_read_as_they_were_written(row: PriceRow) -> None:
    value = value_of([row], with_list=False)
    assert decode_rows(value, row.price_list, row.target) == (row,)
    assert [decode_row(e, row.price_list, row.target) for e in entries(value)] == [row]


@given(rows_of(SKU))
def test_a_row_is_named_by_its_key_alone(row: PriceRow) -> None:
    known = (row.min_quantity, row.validity.from_ms)
    assert row_name(row, with_list=True) == name_of_row(row.price_list, *known)
    assert row_name(row, with_list=False) == name_of_row(None, *known)


def test_most_rows_are_small() -> None:
    row = PriceRow("contract-42", SKU, unit_price=790_000)
    assert row_name(row, with_list=False) == "\x1f"
    assert len(row_payload(row)) == 6
    half = msgspec.structs.replace(row, min_quantity=500, validity=Validity(5))
    assert row_name(half, with_list=False) == "0.5\x1f5"


@given(targets)
def test_a_field_says_what_it_is_for(target: Target) -> None:
    assert target_of(target_field(target)) == target


@pytest.mark.parametrize("field", [b"", b"?", b"x1", b"*1", b"s\xff"])
def test_other_fields_are_refused(field: bytes) -> None:
    with pytest.raises(CorruptValueError):
        target_of(field)


@given(lists)
def test_a_list_is_read_as_it_was_written(head: PriceList) -> None:
    found = only_entry(FORMAT + entry("", list_payload(head)))
    assert found is not None
    assert decode_list(found, head.price_list) == head


@given(customers)
def test_a_customer_is_read_as_it_was_written(customer: Customer) -> None:
    value = FORMAT + entry("", customer_payload(customer))
    found = only_entry(value)
    assert found is not None
    assert decode_customer(found, customer.customer) == customer


@given(discounts)
def test_a_discount_is_read_as_it_was_written(cell: Discount) -> None:
    name = discount_name(cell)
    assert name == name_of_discount(cell.product_discount_class, cell.validity.from_ms)
    (found,) = entries(FORMAT + entry(name, discount_payload(cell), cell.feed, cell.stamp_ms))
    assert decode_discount(found, cell.discount_class) == cell


def test_sets_are_written_in_order() -> None:
    one, other = frozenset("abcdefgh"), frozenset("hgfedcba")
    assert customer_payload(Customer("C", groups=one)) == customer_payload(
        Customer("C", groups=other)
    )
    wire = msgspec.msgpack.decode(list_payload(PriceList("L", "SEK", Layer.BASE, groups=one)))
    assert wire["g"] == sorted(one)


def test_the_dead_are_passed_over_and_the_doubted_have_no_feed() -> None:
    payload = row_payload(PriceRow("L", SKU, unit_price=1))
    dead = entry("\x1f", b"", flags=Flag.TOMB)
    assert decode_rows(FORMAT + dead, "L", SKU) == ()
    assert only_entry(FORMAT + entry("", b"", flags=Flag.TOMB)) is None
    doubted = FORMAT + entry("\x1f", payload, 7, flags=Flag.DOUBTED)
    (row,) = decode_rows(doubted, "L", SKU)
    assert row.feed == 0
    (held,) = entries(doubted)
    assert decode_row(held, "L", SKU).feed == 0


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("\x1f", b"junk"),
        ("\x1f", msgspec.msgpack.encode([])),
        ("\x1f", msgspec.msgpack.encode([1, 2])),
        ("\x1f", msgspec.msgpack.encode(["1"])),
        ("", msgspec.msgpack.encode([1])),
        ("x\x1f", msgspec.msgpack.encode([1])),
        ("\x1fx", msgspec.msgpack.encode([1])),
        ("1.x\x1f", msgspec.msgpack.encode([1])),
        ("\x1f\x1f", msgspec.msgpack.encode([1])),
    ],
)
def test_rows_that_cannot_be_are_corrupt(name: str, payload: bytes) -> None:
    with pytest.raises(CorruptValueError):
        decode_rows(FORMAT + entry(name, payload), "L", SKU)


@given(st.binary(max_size=80))
def test_other_bytes_are_refused_whole(value: bytes) -> None:
    for decode in (lambda: decode_rows(value, None, SKU), lambda: decode_product(value)):
        try:
            decode()
        except CorruptValueError:
            continue
        assert value[:1] == FORMAT


def test_a_product_is_read_without_its_levels() -> None:
    level = entry("W1", b"not looked at")
    product = entry("", product_payload(PLAIN))
    assert decode_product(FORMAT + level + product) == (PLAIN, True)
    assert decode_product(FORMAT + level) == (None, True)
    assert decode_product(FORMAT + entry("W1", b"", flags=Flag.TOMB)) == (None, False)
    assert decode_product(FORMAT + level + entry("", b"", flags=Flag.TOMB)) is None
