"""What is taken, what is rejected and why: rows through the whole intake, without a store."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.identifiers import is_identifier
from gateway.domain.record_kinds import KINDS, Kind
from gateway.domain.stock import Basis, SkuStock
from gateway.store.codec import decode_sku
from gateway.store.entries import FORMAT
from loaders.catalogue import locations, products
from loaders.levels import StockOperations
from loaders.reasons import WrongFieldError
from loaders.records import NEEDED, RECORDS, LocationRecord, ProductRecord, StockRecord
from loaders.validation import LineReader
from tests.unit.loaders.taking import DELTA, SNAPSHOT, taken


def stock(**fields: Any) -> dict[str, Any]:
    return {"sku": "A", "location": "W1", "quantity": 1, **fields}


def product(**fields: Any) -> dict[str, Any]:
    return {"sku": "A", **fields}


def location(**fields: Any) -> dict[str, Any]:
    return {"location": "W1", **fields}


WRONG: list[tuple[Kind, object, str | None, str]] = [
    ("stock", stock(quantity=-1), "quantity", "negative"),
    ("stock", stock(quantity=1.0001), "quantity", "three decimals"),
    ("stock", stock(quantity=10**12), "quantity", "1000000000"),
    ("stock", stock(quantity="5"), "quantity", "must be a number"),
    ("stock", stock(quantity=True), "quantity", "must be a number"),
    ("stock", stock(quantity=None), "quantity", "missing"),
    ("stock", {"sku": "A", "location": "W1"}, "quantity", "missing"),
    ("stock", {"location": "W1", "quantity": 1}, "sku", "missing"),
    ("stock", {"sku": "A", "quantity": 1}, "location", "missing"),
    ("stock", stock(sku=""), "sku", "1 to 64"),
    ("stock", stock(sku="x" * 65), "sku", "1 to 64"),
    ("stock", stock(sku=" A"), "sku", "space"),
    ("stock", stock(sku="A\nB"), "sku", "printable"),
    ("stock", stock(sku=5), "sku", "must be text"),
    ("stock", stock(location="a\x00"), "location", "printable"),
    ("stock", stock(basis="guess"), "basis", "available or on_hand"),
    ("stock", stock(allocated=-1), "allocated", "negative"),
    ("stock", stock(safety_stock=-0.5), "safety_stock", "negative"),
    ("stock", stock(version=1.5), "version", "64 bits"),
    ("stock", stock(version=1 << 63), "version", "64 bits"),
    ("stock", stock(version=-(1 << 63)), "version", "64 bits"),
    ("stock", stock(version=10**30), "version", "64 bits"),
    ("stock", stock(updated_at="2026-01-01T00:00:00"), "updated_at", "needs an offset"),
    ("stock", stock(updated_at="yesterday"), "updated_at", "RFC 3339"),
    ("stock", stock(updated_at="1969-12-31T23:59:59Z"), "updated_at", "1970"),
    ("stock", stock(updated_at=1), "updated_at", "RFC 3339"),
    ("stock", stock(updated_at="9999-12-31T23:59:59-00:01"), "updated_at", "RFC 3339"),
    ("stock", stock(incoming=[{"quantity": 1}]), "incoming", "date"),
    ("stock", stock(incoming=[{"quantity": -1, "date": "2026-01-01"}]), "incoming", "negative"),
    ("stock", stock(incoming=[{"quantity": 1, "date": "2026-02-30"}]), "incoming", "date"),
    ("stock", stock(incoming=[1]), "incoming", "list"),
    ("stock", stock(incoming="none"), "incoming", "list"),
    ("stock", stock(incoming=[{"quantity": 1, "date": "2026-01-01"}] * 101), "incoming", "100"),
    ("stock", stock(delete="yes"), "delete", "true or false"),
    ("products", product(status="sold"), "status", "discontinued"),
    ("products", product(status="preorder"), "available_from", "preorder"),
    ("products", product(available_from="2026-13-01"), "available_from", "date"),
    ("products", product(available_from="2026-01-01T00:00:00"), "available_from", "offset"),
    ("products", product(available_from="20260101"), "available_from", "date"),
    ("products", product(tax_rate="-0.1"), "tax_rate", "decimal"),
    ("products", product(tax_rate="25 %"), "tax_rate", "decimal"),
    ("products", product(tax_rate="١"), "tax_rate", "decimal"),
    ("products", product(tax_rate=True), "tax_rate", "decimal"),
    ("products", product(lead_time_days=-1), "lead_time_days", "3650"),
    ("products", product(lead_time_days=3651), "lead_time_days", "3650"),
    ("products", product(backorder="no"), "backorder", "true or false"),
    ("products", product(order_multiple=-2), "order_multiple", "negative"),
    ("products", product(max_order_quantity="x"), "max_order_quantity", "number"),
    ("products", product(name="n" * 1001), "name", "1000"),
    ("products", product(product_group="g" * 201), "product_group", "200"),
    ("products", product(assortments=["a"] * 1001), "assortments", "1000"),
    ("products", product(assortments=[""]), "assortments", "ids"),
    ("products", product(assortments="a"), "assortments", "list"),
    ("locations", location(kind="shed"), "kind", "warehouse or store"),
    ("locations", location(handling_days=4000), "handling_days", "3650"),
    ("locations", location(priority=1 << 31), "priority", "32 bits"),
    ("locations", location(channels=[" "]), "channels", "ids"),
    ("locations", {"name": "x"}, "location", "missing"),
    ("stock", b"{", None, "not JSON"),
    ("stock", b'{"sku":"A","location":"W1","quantity":NaN}', None, "not JSON"),
    ("stock", b'{"sku":"A","location":"W1","quantity":1e999}', None, "not JSON"),
    ("stock", b'{"sku":"\xff","location":"W1","quantity":1}', None, "not UTF-8"),
    ("stock", b"[" * 100_000, None, "nested too deeply"),
    ("stock", b"[]", None, "JSON object"),
    ("stock", b"5", None, "JSON object"),
    ("stock", b"<html>", None, "not JSON"),
    ("stock", b'{"sku":"A"} {"sku":"B"}', None, "not JSON"),
]


@pytest.mark.parametrize(("kind", "row", "field", "reason"), WRONG)
def test_a_wrong_row_is_rejected_alone_with_its_reason(
    kind: Kind, row: object, field: str | None, reason: str
) -> None:
    good: Any = {"products": product(sku="G"), "locations": location(location="G")}.get(
        kind, stock(sku="G")
    )
    tally = taken(kind, good, row, good)
    assert (tally.rows, tally.good) == (3, 2)
    (rejection,) = tally.rejections
    assert rejection.line == 2
    assert rejection.field == field
    assert reason in rejection.reason
    assert rejection.value is None or len(rejection.value) <= 80


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_may_be_null_but_what_is_needed(kind: Kind) -> None:
    given_ = {
        "quantity": 1,
        "currency": "EUR",
        "layer": "base",
        "unit_price": 1,
        "discount_percent": 5,
    }
    row = dict.fromkeys(RECORDS[kind].__struct_fields__) | {
        alternatives[0]: given_.get(alternatives[0], "A") for alternatives in NEEDED[kind]
    }
    tally = taken(kind, row)
    assert (tally.rows, tally.rejected, dict(tally.unknown)) == (1, 0, {})


def test_unknown_fields_are_counted_by_name_and_ignored() -> None:
    supply = {"quantity": 1, "date": "2026-01-01", "ship": "M"}
    tally = taken("stock", stock(colour="red"), stock(colour="blue", x=1, incoming=[supply]))
    assert (tally.rows, tally.rejected) == (2, 0)
    assert tally.unknown == {"colour": 2, "x": 1, "incoming.ship": 1}


def test_names_of_unknown_fields_do_not_pile_up() -> None:
    tally = taken("stock", *[stock(**{f"f{number}": 1}) for number in range(500)])
    assert tally.unknown["…"] == 400
    assert len(tally.unknown) == 101


def test_a_key_that_could_be_read_is_told() -> None:
    tally = taken("stock", stock(quantity=-1), {"sku": "B"}, b"{")
    assert [r.key for r in tally.rejections] == [
        {"sku": "A", "location": "W1"},
        {"sku": "B"},
        {},
    ]
    assert tally.keyless == 2


def test_blank_lines_are_no_rows_but_count_as_lines() -> None:
    tally = taken("stock", b"", b"  ", stock(), b"\r", stock(quantity=-1))
    assert (tally.rows, tally.rejected) == (2, 1)
    assert tally.rejections[0].line == 5


def test_only_a_hundred_rejections_are_kept() -> None:
    tally = taken("stock", *[stock(quantity=-1)] * 150)
    assert (tally.rejected, len(tally.rejections)) == (150, 100)


def test_deletes_belong_to_deltas() -> None:
    row = {"sku": "A", "location": "W1", "delete": True}
    assert taken("stock", row).rejected == 0
    tally = taken("stock", row, mark=SNAPSHOT)
    assert tally.rejections[0].field == "delete"
    assert taken("products", product(delete=True), mark=SNAPSHOT).rejected == 1
    assert taken("locations", location(delete=True), mark=SNAPSHOT).rejected == 1


def held(operation: bytes) -> SkuStock:
    found = decode_sku(FORMAT + operation[1:])
    assert found is not None
    return found


@given(
    st.integers(0, 10**12),
    st.sampled_from([None, "available", "on_hand"]),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
)
def test_what_goes_in_comes_out_exactly(
    milli: int, basis: str | None, allocated: int, safety: int
) -> None:
    def number(value: int) -> str:
        return f"{value // 1000}.{value % 1000:03}"

    line = (
        f'{{"sku":"A","location":"W1","quantity":{number(milli)},"basis":{json.dumps(basis)},'
        f'"allocated":{number(allocated)},"safety_stock":{number(safety)}}}'
    )
    record = LineReader("stock", {}).line(line.encode())
    assert isinstance(record, StockRecord)
    _, operation, sells = StockOperations().draft(record, DELTA)
    level = held(operation).levels["W1"]
    assert (level.quantity, level.allocated, level.safety_stock) == (milli, allocated, safety)
    assert level.basis is Basis(basis or "available")
    assert bool(sells) == (level.salable() > 0)
    assert (level.feed, level.stamp_ms) == (7, 1_000)


@given(st.text(max_size=70))
def test_an_id_is_taken_or_rejected_by_the_one_rule(text: str) -> None:
    line = json.dumps(stock(sku=text, location=text), ensure_ascii=True).encode()
    tally = taken("stock", line)
    assert tally.good == is_identifier(text)


@settings(max_examples=25)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_value_whatever_gets_past_or_breaks_the_intake(value: object) -> None:
    for kind in KINDS:
        for name in (*RECORDS[kind].__struct_fields__, "surprise"):
            row = {"sku": "A", "location": "W1", "quantity": 1, "price_list": "L"}
            row |= {"customer": "C", "discount_class": "d", "product_discount_class": "p"}
            row |= {"currency": "EUR", "layer": "base", "unit_price": 1, name: value}
            tally = taken(kind, json.dumps(row).encode(), mark=SNAPSHOT)
            assert tally.rows == 1


@given(st.binary(max_size=200))
def test_no_bytes_break_the_intake(data: bytes) -> None:
    tally = taken("stock", data)
    assert tally.good <= tally.rows <= data.count(b"\n") + 1


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("2026-05-01", "2026-05-01"),
        ("2026-05-01T10:00:00+02:00", "2026-05-01T08:00:00Z"),
        ("2026-05-01T08:00:00Z", "2026-05-01T08:00:00Z"),
    ],
)
def test_a_release_is_kept_as_a_date_or_in_utc(given_: str, kept: str) -> None:
    record = LineReader("products", {}).line(
        json.dumps(product(status="preorder", available_from=given_)).encode()
    )
    assert isinstance(record, ProductRecord)
    found = held(products().draft(record, DELTA)[1]).product
    assert found is not None
    assert found.available_from == kept


@pytest.mark.parametrize(
    ("given_", "kept"), [("0.25", "0.25"), (0.25, "0.25"), (0, "0"), (1e-7, "0.0000001")]
)
def test_a_rate_is_kept_as_text(given_: object, kept: str) -> None:
    record = LineReader("products", {}).line(json.dumps(product(tax_rate=given_)).encode())
    assert isinstance(record, ProductRecord)
    found = held(products().draft(record, DELTA)[1]).product
    assert found is not None
    assert found.tax_rate == kept


def test_milliseconds_are_exact() -> None:
    line = json.dumps(stock(updated_at="2026-01-01T00:00:00.123999+01:00")).encode()
    record = LineReader("stock", {}).line(line)
    assert isinstance(record, StockRecord)
    level = held(StockOperations().draft(record, DELTA)[1]).levels["W1"]
    assert level.stamp_ms == 1_767_222_000_123
    assert level.version == level.stamp_ms


def test_a_location_without_an_id_is_refused() -> None:
    with pytest.raises(WrongFieldError, match="location"):
        locations().draft(LocationRecord(" x"), DELTA)


def test_what_repeats_is_remembered_but_never_without_being_checked() -> None:
    rows = [stock(sku=f"S{n}", quantity=n % 3 - 1, location=f"W{n % 2}") for n in range(30)]
    tally = taken("stock", *rows)
    assert tally.rejected == 10
    assert {r.value for r in tally.rejections} == {"-1"}
