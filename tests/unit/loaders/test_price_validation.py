"""Price lists, prices, customers and discounts: what is taken, what is rejected and why."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.customers import CustomerStatus
from gateway.domain.price_lists import EVERYTHING, Layer, PriceList, PriceRow, Scope, Target
from gateway.domain.record_kinds import Kind
from gateway.domain.validity import ALWAYS, Validity
from gateway.store.customer_codec import decode_customer
from gateway.store.entries import FORMAT, Entry, Flag, entries
from gateway.store.price_codec import decode_discount, decode_list, decode_row
from loaders import agreements, spots
from loaders.guard import price_figure
from loaders.operations import Draft
from loaders.price_rows import PriceOperations
from loaders.records import CustomerRecord, DiscountRecord, PriceListRecord, PriceRecord
from loaders.seen import UNTOLD, SeenPrices
from loaders.validation import LineReader
from tests.unit.loaders.taking import DELTA, SNAPSHOT, Lists, taken, took

MIDNIGHT = 1_795_219_200_000  # 2026-11-21


def head(**fields: Any) -> dict[str, Any]:
    return {"price_list": "L", "currency": "SEK", "layer": "contract", **fields}


def price(**fields: Any) -> dict[str, Any]:
    return {"price_list": "L", "sku": "A", "unit_price": "79.00", **fields}


def percent(**fields: Any) -> dict[str, Any]:
    return {"price_list": "L", "sku": "A", "discount_percent": "12.5", **fields}


def customer(**fields: Any) -> dict[str, Any]:
    return {"customer": "C", **fields}


def discount(**fields: Any) -> dict[str, Any]:
    cell = {"discount_class": "gold", "product_discount_class": "tools", "discount_percent": 5}
    return {**cell, **fields}


LONG = [f"customer-with-a-long-name-{number:06}" for number in range(10_000)]

WRONG: list[tuple[Kind, object, str | None, str]] = [
    ("price_lists", head(price_list=" L"), "price_list", "1 to 64"),
    ("price_lists", head(price_list=None), "price_list", "missing"),
    ("price_lists", head(price_list=7), "price_list", "must be text"),
    ("price_lists", head(currency=None), "currency", "missing"),
    ("price_lists", head(currency="XYZ"), "currency", "ISO 4217"),
    ("price_lists", head(currency="sek"), "currency", "ISO 4217"),
    ("price_lists", head(currency="XAU"), "currency", "ISO 4217"),
    ("price_lists", head(currency=752), "currency", "ISO 4217"),
    ("price_lists", head(layer=None), "layer", "missing"),
    ("price_lists", head(layer="promo"), "layer", "base, channel, group, campaign or contract"),
    ("price_lists", head(priority=1 << 31), "priority", "32 bits"),
    ("price_lists", head(priority=0.5), "priority", "32 bits"),
    ("price_lists", head(tax_included="no"), "tax_included", "true or false"),
    ("price_lists", head(valid_from="2026-13-01"), "valid_from", "date"),
    ("price_lists", head(valid_until="infinity"), "valid_until", "date"),
    (
        "price_lists",
        head(valid_from="2026-01-01", valid_until="2026-01-01"),
        "valid_until",
        "after valid_from",
    ),
    ("price_lists", head(customers=["x"] * 32_768), "customers", "65535 bytes"),
    ("price_lists", head(customers=LONG), "customers", "65535 bytes"),
    ("price_lists", head(customers="C"), "customers", "list"),
    ("price_lists", head(groups=["x"] * 1001), "groups", "1000 ids"),
    ("price_lists", head(groups=[" "]), "groups", "ids"),
    ("price_lists", head(channels=[""]), "channels", "ids"),
    ("price_lists", head(delete="x"), "delete", "true or false"),
    ("prices", price(price_list=None), "price_list", "missing"),
    ("prices", price(price_list="L\n"), "price_list", "printable"),
    ("prices", price(sku=None), "sku", "a sku, a product_group or all"),
    ("prices", price(sku=""), "sku", "a sku, a product_group or all"),
    ("prices", price(sku=None, all=False), "sku", "a sku, a product_group or all"),
    ("prices", price(sku="x" * 65), "sku", "1 to 64"),
    ("prices", price(sku=5), "sku", "must be text"),
    ("prices", price(product_group="G"), "product_group", "together"),
    ("prices", price(all=True), "all", "together"),
    ("prices", price(sku=None, product_group="G", all=True), "all", "together"),
    ("prices", price(sku=None, all="yes"), "all", "true or false"),
    ("prices", price(sku=None, product_group="g" * 201), "product_group", "1 to 200"),
    ("prices", price(sku=None, product_group="a\x1fb"), "product_group", "control characters"),
    ("prices", price(sku=None, product_group=5), "product_group", "must be text"),
    ("prices", price(unit_price=None), "unit_price", "a unit_price or a discount_percent"),
    ("prices", price(discount_percent=5), "discount_percent", "together with unit_price"),
    ("prices", price(unit_price="-0.01"), "unit_price", "negative"),
    ("prices", price(unit_price=-1), "unit_price", "negative"),
    ("prices", price(unit_price="0.00001"), "unit_price", "four decimals"),
    ("prices", price(unit_price=0.00001), "unit_price", "four decimals"),
    ("prices", price(unit_price="1000000000000"), "unit_price", "below 1000000000000"),
    ("prices", price(unit_price=10**300), "unit_price", "below 1000000000000"),
    ("prices", price(unit_price="NaN"), "unit_price", "decimal"),
    ("prices", price(unit_price="Infinity"), "unit_price", "decimal"),
    ("prices", price(unit_price="7,90"), "unit_price", "decimal"),
    ("prices", price(unit_price="1_000"), "unit_price", "decimal"),
    ("prices", price(unit_price="1e3"), "unit_price", "decimal"),
    ("prices", price(unit_price=""), "unit_price", "decimal"),
    ("prices", price(unit_price="<b>7</b>"), "unit_price", "decimal"),
    ("prices", price(unit_price=True), "unit_price", "decimal"),
    ("prices", price(unit_price=[1]), "unit_price", "decimal"),
    ("prices", percent(discount_percent="100.000001"), "discount_percent", "-100 to 100"),
    ("prices", percent(discount_percent=-101), "discount_percent", "-100 to 100"),
    ("prices", percent(discount_percent="0.0000001"), "discount_percent", "six decimals"),
    ("prices", percent(discount_percent="ten"), "discount_percent", "decimal"),
    ("prices", percent(price_list="BASE"), "discount_percent", "layer base"),
    ("prices", price(min_quantity=0), "min_quantity", "above 0"),
    ("prices", price(min_quantity=-1), "min_quantity", "above 0"),
    ("prices", price(min_quantity=0.0001), "min_quantity", "three decimals"),
    ("prices", price(min_quantity=10**10), "min_quantity", "1000000000"),
    ("prices", price(min_quantity="10"), "min_quantity", "must be a number"),
    ("prices", price(rank=1 << 31), "rank", "32 bits"),
    ("prices", price(rank="1"), "rank", "32 bits"),
    ("prices", price(version=1 << 63), "version", "64 bits"),
    ("prices", price(version=1.5), "version", "64 bits"),
    ("prices", price(valid_from="2026-11-21T00:00:00"), "valid_from", "needs an offset"),
    ("prices", price(valid_from="yesterday"), "valid_from", "date"),
    ("prices", price(valid_from="-infinity"), "valid_from", "date"),
    ("prices", price(valid_from="٢٠٢٦-١١-٢١"), "valid_from", "date"),
    ("prices", price(valid_from=20261121), "valid_from", "date"),
    ("prices", price(valid_until="2026-02-30"), "valid_until", "date"),
    (
        "prices",
        price(valid_from="2026-11-21", valid_until="2026-11-21T01:00:00+01:00"),
        "valid_until",
        "after valid_from",
    ),
    ("customers", customer(customer=""), "customer", "1 to 64"),
    ("customers", customer(customer=None), "customer", "missing"),
    ("customers", customer(name="n" * 1001), "name", "1000"),
    ("customers", customer(groups=["g"] * 1001), "groups", "1000"),
    ("customers", customer(price_lists=[1]), "price_lists", "ids"),
    ("customers", customer(assortments=["a "]), "assortments", "ids"),
    ("customers", customer(discount_class="d" * 201), "discount_class", "200"),
    ("customers", customer(currency="EURO"), "currency", "ISO 4217"),
    ("customers", customer(channel=" web"), "channel", "1 to 64"),
    ("customers", customer(status="discontinued"), "status", "active, credit_hold or blocked"),
    ("discounts", discount(discount_class=None), "discount_class", "missing"),
    ("discounts", discount(product_discount_class=None), "product_discount_class", "missing"),
    ("discounts", discount(discount_class=""), "discount_class", "1 to 200"),
    ("discounts", discount(product_discount_class="a\tb"), "product_discount_class", "control"),
    ("discounts", discount(discount_class=7), "discount_class", "1 to 200"),
    ("discounts", discount(discount_percent=None), "discount_percent", "missing"),
    ("discounts", discount(discount_percent=100.5), "discount_percent", "-100 to 100"),
    ("discounts", discount(valid_from="x"), "valid_from", "date"),
    (
        "discounts",
        discount(valid_from="2026-01-02", valid_until="2026-01-01"),
        "valid_until",
        "after valid_from",
    ),
    ("prices", b'{"price_list":"L","sku":"A","unit_price":1%b}' % (b"0" * 5000), None, "not JSON"),
    ("prices", b"<html>", None, "not JSON"),
    ("prices", b'{"price_list":"L","sku":"A","unit_price":NaN}', None, "not JSON"),
]
GOOD: dict[str, dict[str, Any]] = {
    "price_lists": head(),
    "prices": price(),
    "customers": customer(),
    "discounts": discount(),
}


@pytest.mark.parametrize(("kind", "row", "field", "reason"), WRONG)
def test_a_wrong_row_is_rejected_alone_with_its_reason(
    kind: Kind, row: object, field: str | None, reason: str
) -> None:
    tally = taken(kind, GOOD[kind], row, GOOD[kind])
    assert (tally.rows, tally.good) == (3, 2)
    (rejection,) = tally.rejections
    assert (rejection.line, rejection.field) == (2, field)
    assert reason in rejection.reason
    assert rejection.value is None or len(rejection.value) <= 80


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_deletes_belong_to_deltas_and_need_only_the_key(kind: Any) -> None:
    names = {
        "price_lists": {"price_list": "L"},
        "prices": {"price_list": "L", "sku": "A"},
        "customers": {"customer": "C"},
        "discounts": {"discount_class": "gold", "product_discount_class": "tools"},
    }[kind]
    assert taken(kind, names | {"delete": True}).rejected == 0
    tally = taken(kind, names | {"delete": True}, mark=SNAPSHOT)
    assert tally.rejections[0].field == "delete"


def test_the_key_is_told_as_far_as_it_is_there() -> None:
    tally = taken("prices", price(unit_price=-1, min_quantity=10), price(unit_price=-1))
    assert [row.key for row in tally.rejections] == [
        {"price_list": "L", "sku": "A", "min_quantity": "10"},
        {"price_list": "L", "sku": "A"},
    ]
    tally = taken("prices", price(min_quantity=0), price(price_list=""), price(valid_from="x"))
    assert tally.keyless == 3
    assert taken("prices", price(rank="x"), percent(valid_until="x")).keyless == 0


def record(kind: Kind, row: dict[str, Any]) -> Any:
    return LineReader(kind, {}).line(json.dumps(row).encode())


def entry(draft: Draft) -> Entry:
    (held,) = entries(FORMAT + draft[1][1:])
    return held


def row_of(**fields: Any) -> tuple[PriceRow, Draft]:
    made = record("prices", {"price_list": "L", **fields})
    assert isinstance(made, PriceRecord)
    draft = PriceOperations(Lists()).draft(made, DELTA)
    # The rows of this list lie with their SKUs; others with the list.
    if made.sku:
        return decode_row(entry(draft), None, Target(Scope.SKU, made.sku)), draft
    target = Target(Scope.PRODUCT_GROUP, made.product_group) if made.product_group else EVERYTHING
    return decode_row(entry(draft), "L", target), draft


def test_a_row_as_it_is_held() -> None:
    row, draft = row_of(
        sku="A",
        min_quantity=2.5,
        unit_price="79.1234",
        rank=-3,
        valid_from="2026-11-21",
        valid_until="2026-11-22T01:00:00+01:00",
        version=7,
    )
    validity = Validity(MIDNIGHT, MIDNIGHT + 86_400_000)
    target = Target(Scope.SKU, "A")
    assert row == PriceRow(
        "L", target, 2500, 791_234, None, -3, validity, version=7, feed=7, stamp_ms=1_000
    )
    assert draft[0][0] == spots.rows_with_sku("A")
    assert draft[2] == price_figure(791_234, None)


def test_defaults_of_a_row() -> None:
    row, draft = row_of(all=True, discount_percent=-5)
    assert (row.min_quantity, row.unit_price, row.discount_percent) == (1000, None, -5_000_000)
    assert (row.rank, row.validity, row.version) == (None, ALWAYS, 0)
    assert draft[0][0] == spots.rows_with_list("L", EVERYTHING)
    row, draft = row_of(product_group="Bolts & nuts", unit_price=0)
    assert (row.unit_price, row.discount_percent) == (0, None)
    target = Target(Scope.PRODUCT_GROUP, "Bolts & nuts")
    assert draft[0][0] == spots.rows_with_list("L", target)


def test_empty_and_false_targets_are_none_at_all() -> None:
    row, _ = row_of(sku="A", product_group="", all=False, unit_price=1)
    assert row.target == Target(Scope.SKU, "A")


def test_long_ago_is_a_moment_like_any_other() -> None:
    row, _ = row_of(sku="A", unit_price=1, valid_from="1900-01-01", valid_until="9999-12-31")
    assert row.validity == Validity(-2_208_988_800_000, 253_402_214_400_000)


@given(st.integers(0, 10**16 - 1))
def test_prices_as_text_keep_every_digit(scaled: int) -> None:
    row, _ = row_of(sku="A", unit_price=f"{Decimal(scaled).scaleb(-4):f}")
    assert row.unit_price == scaled


def test_what_repeats_is_remembered_but_never_without_being_checked() -> None:
    rows = [price(sku=f"S{n}", unit_price=n % 3 - 1, valid_from="2026-11-21") for n in range(30)]
    tally = taken("prices", *rows)
    assert (tally.rejected, {r.value for r in tally.rejections}) == (10, {"-1"})


def test_a_deleted_row_is_a_tombstone_with_its_version() -> None:
    made = record("prices", {"price_list": "L", "sku": "A", "version": 4, "delete": True})
    held = entry(PriceOperations(Lists()).draft(made, DELTA)).head
    assert (held.flags, held.version, held.name) == (Flag.TOMB, 4, "L\x1f\x1f")


def test_a_head_as_it_is_held() -> None:
    row = head(
        priority=5,
        tax_included=True,
        valid_from="2026-11-21",
        customers=["b", "a"],
        groups=["g"],
        channels=["web"],
    )
    made = record("price_lists", row)
    assert isinstance(made, PriceListRecord)
    draft = agreements.price_lists().draft(made, DELTA)
    assert draft[0] == (spots.head("L"), "")
    assert decode_list(entry(draft), "L") == PriceList(
        "L",
        "SEK",
        Layer.CONTRACT,
        priority=5,
        tax_included=True,
        validity=Validity(MIDNIGHT),
        customers=frozenset("ab"),
        groups=frozenset("g"),
        channels=frozenset({"web"}),
    )


def test_many_customers_fit_when_their_ids_are_short() -> None:
    ids = [f"{number:x}" for number in range(10_000)]
    assert taken("price_lists", head(customers=ids)).rejected == 0


def test_a_customer_as_it_is_held() -> None:
    row = customer(
        name="Cee",
        groups=["g"],
        price_lists=["L"],
        discount_class="gold",
        currency="NOK",
        channel="web",
        assortments=["a"],
        status="credit_hold",
    )
    made = record("customers", row)
    assert isinstance(made, CustomerRecord)
    held = decode_customer(entry(agreements.customers().draft(made, DELTA)), "C")
    assert (held.name, *held.groups, *held.price_lists) == ("Cee", "g", "L")
    assert (held.discount_class, held.currency, held.channel) == ("gold", "NOK", "web")
    assert (*held.assortments, held.status) == ("a", CustomerStatus.CREDIT_HOLD)


def test_a_cell_as_it_is_held() -> None:
    made = record("discounts", discount(valid_from="2026-11-21", valid_until="2026-11-22"))
    assert isinstance(made, DiscountRecord)
    draft = agreements.discounts().draft(made, DELTA)
    assert draft[0][0] == spots.discounts("gold")
    held = decode_discount(entry(draft), "gold")
    assert (held.product_discount_class, held.discount_percent) == ("tools", 5_000_000)
    assert held.validity == Validity(MIDNIGHT, MIDNIGHT + 86_400_000)


def test_a_rejected_row_is_kept_wherever_it_may_lie() -> None:
    tally, commands, seen = took("prices", [price(unit_price=-1)], SNAPSHOT)
    assert (tally.rejected, len(commands)) == (1, 2)
    assert isinstance(seen, SeenPrices)
    at_sku = (spots.rows_with_sku("A"), "L\x1f\x1f")
    with_list = (spots.rows_with_list("L", Target(Scope.SKU, "A")), "\x1f")
    assert [seen.figure(at_sku), seen.figure(with_list)] == [UNTOLD, UNTOLD]
