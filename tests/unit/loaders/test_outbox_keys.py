"""Keys that triggers noted, as keys of a feed's records."""

from __future__ import annotations

import json

import pytest

from gateway.config.outbox_section import Outbox
from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError, WholeNeededError
from loaders.sources.outbox import OutboxKeys, columns_of

BALANCE = {"sku": "item_no", "location": "whs"}
LINE = {"sku": "item"}


def keys(kind: Kind = "stock", **tables: dict[str, str]) -> OutboxKeys:
    return OutboxKeys("f", kind, Outbox(tables=tables or {"balance": BALANCE, "line": LINE}))


def test_only_whole_keys_that_the_query_lacks_are_gone() -> None:
    made = keys()
    found = made.read(
        [
            ["balance", json.dumps({"item_no": "A", "whs": "W1", "more": "x"})],
            ["balance", json.dumps({"item_no": "A", "whs": "W2"})],
            ["line", json.dumps({"item": "B"})],
        ]
    )
    assert list(found) == ["A", "B"]
    lines = b'{"sku":"A","location":"W1","quantity":1}\n{"sku":"A","location":"W3","quantity":1}'
    assert [json.loads(line) for line in made.gone(found, lines)] == [
        {"sku": "A", "location": "W2", "delete": True}
    ]


def test_of_prices_nothing_is_gone() -> None:
    made = keys("prices", row={"price_list": "l", "sku": "i"})
    found = made.read([["row", json.dumps({"l": "L", "i": "A"})]])
    assert list(made.gone(found, b"")) == []


@pytest.mark.parametrize(
    "changed", [["balance", None], ["", None], ["balance", '{"item_no": null, "whs": "W1"}']]
)
def test_what_names_no_record_names_all(changed: list[str | None]) -> None:
    with pytest.raises(WholeNeededError):
        keys().read([changed])


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"location": "whs"}, r"outbox.tables.t needs the column that gives sku"),
        ({"sku": "i", "quantity": "q"}, "quantity is not of the key, which has: sku, location"),
    ],
)
def test_a_mapping_that_names_no_record_is_refused(columns: dict[str, str], told: str) -> None:
    with pytest.raises(SourceError, match=told):
        keys(t=columns)


def test_feeds_that_share_a_table_have_all_their_columns_noted() -> None:
    shared = [Outbox(tables={"t": LINE}), Outbox(tables={"t": BALANCE, "u": LINE})]
    noted = {table: set(columns) for table, columns in columns_of(shared).items()}
    assert noted == {"t": {"item", "item_no", "whs"}, "u": {"item"}}
