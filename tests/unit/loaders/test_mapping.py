"""Rows of an ERP's JSON as canonical lines: exact, whatever they hold."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.record_kinds import KINDS, Kind
from loaders.errors import SourceError
from loaders.records import NEEDED, field_names
from loaders.sources.http_call import AnswerError
from loaders.sources.http_page import PageReader
from loaders.sources.mapping import FieldMap
from loaders.validation import LineReader, RejectedRowError

PRICE = {"price_list": "'P'", "sku": "no", "unit_price": "price", "min_quantity": "from"}


def lines(kind: Kind, mapping: dict[str, str], body: bytes, rows: str = "@") -> list[bytes]:
    content = PageReader(rows, FieldMap("feed", kind, mapping, None)).read(body)
    return [row.line for row in content.rows]


@given(st.decimals(0, 10**12, places=4), st.decimals(0, 10**9, places=3), st.integers(0, 10**18))
def test_every_digit_arrives(price: Decimal, quantity: Decimal, number: int) -> None:
    body = f'[{{"no": {number}, "price": {price}, "from": {quantity}}}]'.encode()
    (line,) = lines("prices", PRICE, body)
    record = msgspec.json.Decoder(float_hook=Decimal).decode(line)
    assert record == {
        "price_list": "P",
        "sku": str(number),
        "unit_price": f"{price:f}",
        "min_quantity": quantity,
    }


@pytest.mark.parametrize(
    "figure", ["1e400", "-1e-400", "1e999999999", "1e99999999999999999999", "9" * 60 + ".5"]
)
def test_a_figure_beyond_all_others_stays_text(figure: str) -> None:
    body = f'[{{"no": "A", "price": {figure}, "from": {figure}}}]'.encode()
    (line,) = lines("prices", PRICE, body)
    record = json.loads(line)
    assert (record["unit_price"], record["min_quantity"]) == (figure, figure)


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
_expressions = st.sampled_from(["a", "b.c", "sum(a)", "@", "to_number(a)", "'x'", "join('', a)"])


@given(st.sampled_from(KINDS), st.data())
def test_no_row_whatever_breaks_the_mapping(kind: Kind, chosen: st.DataObject) -> None:
    names = chosen.draw(st.sets(st.sampled_from((*field_names(kind), "delete"))))
    names |= {wanted[0] for wanted in NEEDED[kind]}
    mapping = {name: chosen.draw(_expressions) for name in sorted(names)}
    rows = chosen.draw(st.lists(st.fixed_dictionaries({"a": _values, "b": _values}) | _values))
    reader = LineReader(kind, {})
    for line in lines(kind, mapping, json.dumps(rows).encode()):
        # A row as a whole is never broken: what is wrong is one of its fields.
        assert _wrong_field(reader, line) is not None


def _wrong_field(reader: LineReader, line: bytes) -> str | None:
    try:
        reader.line(line)
    except RejectedRowError as rejected:
        return rejected.field
    return "none is"


@given(st.binary(max_size=40) | st.text('{}[]":,nNaIfity01.e-', max_size=40).map(str.encode))
def test_no_body_whatever_breaks_the_page(body: bytes) -> None:
    with suppress(AnswerError):
        lines("prices", PRICE, body)


def test_what_is_nothing_is_left_out_and_lists_of_ids_become_text() -> None:
    mapping = {"customer": "id", "groups": "groups", "name": "name", "status": "state"}
    body = b'[{"id": 7, "groups": [1, "b", null], "name": null}]'
    (line,) = lines("customers", mapping, body)
    assert json.loads(line) == {"customer": "7", "groups": ["1", "b", None]}


def test_a_watermark_need_be_no_field_and_is_not_in_the_line() -> None:
    fields = FieldMap("feed", "stock", _stock(rev="rev"), "rev")
    row = fields.row({"no": "A", "rev": 7})
    assert row.mark == 7
    assert b"rev" not in row.line


def _stock(**more: str) -> dict[str, str]:
    return {"sku": "no", "location": "'W1'", "quantity": "`1`", **more}


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_is_none_of_the_kind_is_named(kind: Kind) -> None:
    needed = {wanted[0]: "a" for wanted in NEEDED[kind]}
    FieldMap("feed", kind, needed, None)
    with pytest.raises(SourceError, match=rf"feeds\.feed\.mapping\.shade is no field of {kind}"):
        FieldMap("feed", kind, {**needed, "shade": "a"}, None)
    for missing in needed:
        left = {name: text for name, text in needed.items() if name != missing}
        with pytest.raises(SourceError, match=rf"has no {missing}"):
            FieldMap("feed", kind, left, None)


def test_a_row_with_everything_unusual_keeps_its_key() -> None:
    mapping: dict[str, Any] = _stock(updated_at="sum(no)")
    (line,) = lines("stock", mapping, '[{"no": "Ärm-42 ☃"}]'.encode())
    assert json.loads(line) == {
        "sku": "Ärm-42 ☃",
        "location": "W1",
        "quantity": 1,
        "updated_at": {"mapping": "sum() was given string, and takes array-number"},
    }
