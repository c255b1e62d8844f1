"""What can be read of an answer in which something is broken: the rows beside it, exactly."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.records import AnyRecord, StockRecord
from loaders.sources.http_json import decoded, find_broken
from loaders.sources.http_page import PageReader
from loaders.sources.mapping import FieldMap
from loaders.validation import LineReader, RejectedRowError

FIELDS = {"sku": "no", "location": "at", "quantity": "stock", "safety_stock": "least || `0`"}
PAGE = PageReader("rows", FieldMap("stock", "stock", FIELDS, None))


def good(number: int) -> bytes:
    return b'{"no": "G%d", "at": "W1", "stock": %d.5}' % (number, number)


def taken(*rows: bytes) -> tuple[list[AnyRecord | None], list[RejectedRowError]]:
    """The records, and the rows that are rejected."""
    content = PAGE.read(b'{"rows": [' + b", ".join(rows) + b"]}")
    reader = LineReader("stock", {})
    records: list[AnyRecord | None] = []
    rejected: list[RejectedRowError] = []
    for row in content.rows:
        try:
            records.append(reader.line(row.line))
        except RejectedRowError as error:
            rejected.append(error)
    return records, rejected


BROKEN = {
    "NaN": (b'{"no": "B", "at": "W1", "stock": NaN}', "NaN or Infinity is no number"),
    "Infinity": (b'{"no": "B", "at": "W1", "stock": Infinity}', "NaN or Infinity"),
    "-Infinity": (b'{"no": "B", "at": "W1", "stock": -Infinity}', "NaN or Infinity"),
    "what has a default": (b'{"no": "B", "at": "W1", "stock": 1, "least": NaN}', "NaN"),
    "deeper": (b'{"no": "B", "at": "W1", "stock": 1, "more": [{"x": NaN}]}', "NaN"),
    "a byte": (b'{"no": "B", "at": "W1", "stock": 1, "name": "\xc4rm"}', "the text is not UTF-8"),
    "half a pair": (b'{"no": "B", "at": "W1", "stock": 1, "name": "\\ud800"}', "is not UTF-8"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_value_costs_its_row_alone(what: str) -> None:
    row, told = BROKEN[what]
    records, rejected = taken(good(1), row, good(2))
    assert [
        (record.sku, record.quantity) for record in records if isinstance(record, StockRecord)
    ] == [("G1", 1.5), ("G2", 2.5)]
    (error,) = rejected
    assert (error.row["sku"], error.row["location"]) == ("B", "W1")
    assert told in f"{error.value} {error.reason}"


def test_of_a_row_whose_key_is_broken_nothing_is_known() -> None:
    records, (error,) = taken(good(1), b'{"no": "\xc4", "at": "W1", "stock": 1}')
    assert len(records) == 1
    assert error.row["sku"] != "\ufffd"


def test_a_broken_name_breaks_no_value() -> None:
    records, rejected = taken(b'{"no": "A", "at": "W1", "stock": 1, "n\xc4": 1}', b'{"x": NaN}')
    assert len(records) == 1
    assert len(rejected) == 1


FLOATS = st.sampled_from([0.5, -1.25, 1e30, 1e-9, math.nan, math.inf, -math.inf])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | FLOATS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def has_broken(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, str):
        return any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return any(has_broken(one) for one in value.values())
    return isinstance(value, list) and any(has_broken(one) for one in value)


@given(PLAIN)
def test_what_is_broken_is_found_and_the_rest_is_read_exactly(value: object) -> None:
    content, whole = decoded(json.dumps([value]).encode())
    assert whole is not has_broken(value)
    assert (find_broken(content) is None) is whole
    if whole:
        assert json.loads(json.dumps(content, default=float)) == json.loads(json.dumps([value]))
