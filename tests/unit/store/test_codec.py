"""The codec: what is written is what is read, and what is not ours is never half read."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.stock import (
    Basis,
    Incoming,
    Location,
    LocationKind,
    Product,
    ProductStatus,
    StockLevel,
)
from gateway.store.codec import decode_locations, decode_sku, location_payload, product_payload
from gateway.store.entries import FORMAT, VERSION_BIAS, CorruptValueError, Flag, pack_op
from gateway.store.level_codec import level_payload

milli = st.integers(0, 10**12)
# As `str.isprintable` has it; filtered by that, there would now and then be too few.
printable = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
names = st.text(printable, min_size=1, max_size=64)
levels = st.builds(
    StockLevel,
    milli,
    st.sampled_from(Basis),
    milli,
    milli,
    st.lists(st.builds(Incoming, milli, st.dates()), max_size=3).map(tuple),
    st.integers(1 - VERSION_BIAS, VERSION_BIAS - 1),
    st.integers(0, 2**47),
    st.integers(1, 255),
)
products = st.builds(
    Product,
    name=st.text(max_size=20),
    status=st.sampled_from(ProductStatus),
    available_from=st.none() | st.dates().map(date.isoformat),
    stock_class=st.none() | names,
    min_order_quantity=milli,
    max_order_quantity=st.none() | milli,
    lead_time_days=st.none() | st.integers(0, 3650),
    backorder=st.booleans(),
    assortments=st.lists(names, max_size=3).map(tuple),
)
locations = st.builds(
    Location,
    names,
    st.text(max_size=20),
    st.sampled_from(LocationKind),
    st.integers(0, 365),
    st.booleans(),
    st.booleans(),
    st.lists(names, max_size=3).map(tuple),
    st.integers(-100, 100),
)


def entry(name: str, payload: bytes, flags: int = 0, level: StockLevel | None = None) -> bytes:
    version = None if level is None else level.version
    stamp = 0 if level is None else level.stamp_ms
    feed = 1 if level is None else level.feed
    return pack_op(0, flags, feed, 0, version, stamp, name.encode(), payload)[1:]


@given(st.none() | products, st.dictionaries(names, levels, max_size=4))
def test_a_sku_is_read_as_it_was_written(
    product: Product | None, held: dict[str, StockLevel]
) -> None:
    value = FORMAT
    if product is not None:
        value += entry("", product_payload(product))
    for name, level in held.items():
        value += entry(name, level_payload(level), level=level)
    found = decode_sku(value)
    if product is None and not held:
        assert found is None
    else:
        assert found is not None
        assert found.product == product
        assert found.levels == held


@given(st.lists(locations, max_size=4, unique_by=lambda place: place.location))
def test_locations_are_read_as_they_were_written(places: list[Location]) -> None:
    parts = [entry(place.location, location_payload(place)) for place in places]
    assert list(decode_locations(FORMAT + b"".join(parts))) == places


def test_a_deleted_product_hides_its_levels() -> None:
    level = StockLevel(1000, version=1)
    value = FORMAT + entry("W1", level_payload(level), level=level)
    assert decode_sku(value + entry("", b"", Flag.TOMB)) is None
    assert decode_sku(value) is not None


def test_a_deleted_level_is_gone_and_nothing_but_tombs_is_nothing() -> None:
    assert decode_sku(FORMAT + entry("W1", b"", Flag.TOMB)) is None


@given(st.binary(max_size=80))
def test_other_bytes_are_refused_whole(value: bytes) -> None:
    try:
        decode_sku(value)
    except CorruptValueError:
        return
    assert value[:1] == FORMAT


@given(levels, st.data())
def test_a_value_cut_short_is_refused(level: StockLevel, data: st.DataObject) -> None:
    value = FORMAT + entry("W1", level_payload(level), level=level)
    cut = data.draw(st.integers(2, len(value) - 1))
    with pytest.raises(CorruptValueError):
        decode_sku(value[:cut])


@pytest.mark.parametrize(
    "payload",
    [
        msgspec.msgpack.encode([1.00005]),
        msgspec.msgpack.encode([1e300]),
        msgspec.msgpack.encode([1, False, 0, 0, [(1, "someday")]]),
        msgspec.msgpack.encode(["many"]),
    ],
)
def test_figures_that_cannot_be_are_corrupt(payload: bytes) -> None:
    with pytest.raises(CorruptValueError):
        decode_sku(FORMAT + entry("W1", payload))
    with pytest.raises(CorruptValueError):
        decode_sku(FORMAT + entry("", msgspec.msgpack.encode({"i": 0.00001})))
