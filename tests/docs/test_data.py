"""The data that the pages show can be read."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser

import pytest

from tests.pages import Block, tried

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


@pytest.mark.parametrize("block", [*tried("json"), *tried("ndjson")], ids=str)
def test_json_is_json(block: Block) -> None:
    for text in block.text.splitlines() if block.language == "ndjson" else [block.text]:
        assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize("block", tried("csv"), ids=str)
def test_csv_has_a_header_and_rows_as_wide(block: Block) -> None:
    header, *rows = csv.reader(block.text.splitlines(), strict=True)
    assert rows
    assert {len(row) for row in rows} == {len(header)}


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("block", tried("html"), ids=str)
def test_html_closes_what_it_opens(block: Block) -> None:
    balance = _Balance()
    balance.feed(block.text)
    balance.close()
    assert balance.open == []
