"""CSV as lines of JSON: the header names canonical fields, a cell is typed by its field.

An empty cell is a missing value. A cell that cannot be what its field is stays text, and the
validator rejects that row with its reason, as it does a line that is no row at all.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError
from loaders.records import field_names

_NUMBER: Final = re.compile(r"-?\d{1,30}(\.\d{1,30})?")
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_NUMBERS: Final = frozenset(
    {
        "quantity",
        "allocated",
        "safety_stock",
        "version",
        "min_order_quantity",
        "order_multiple",
        "max_order_quantity",
        "lead_time_days",
        "handling_days",
        "priority",
        "min_quantity",
        "rank",
    }
)
_FLAGS: Final = frozenset({"backorder", "ships", "pickup", "tax_included", "all", "delete"})
_JSON: Final = frozenset(
    {"incoming", "assortments", "channels", "customers", "groups", "price_lists"}
)

# What may not stand in a JSON text as it is.
_UNQUOTED: Final = dict.fromkeys((*range(32), ord('"'), ord("\\")), " ")

_encode = msgspec.json.Encoder().encode


class CsvLines:
    """The rows of one file; `unknown` are columns that mean nothing here."""

    def __init__(self, name: str, kind: Kind, lines: Iterable[str]) -> None:
        self._name = name
        self._rows = csv.reader(lines, strict=True)
        self.rows = 0
        header = self._next() or []
        self._columns = [column.strip().removeprefix("\ufeff") for column in header]
        known = {*field_names(kind), "delete"}
        self.unknown = tuple(c for c in self._columns if c not in known)
        self._fields = [column if column in known else None for column in self._columns]

    def __iter__(self) -> Iterator[bytes]:
        while (row := self._next()) is not None:
            if row:
                self.rows += 1
                yield self._line(row)

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as error:
            raise SourceError(f"{self._name}: line {self._rows.line_num}: {error}") from error

    def _line(self, row: list[str]) -> bytes:
        if len(row) != len(self._fields):
            # No object, so its row is rejected with what this says.
            return _encode(f"{len(row)} cells under {len(self._fields)} columns: {row[0]}")
        values = {
            field: _value(field, cell)
            for field, cell in zip(self._fields, row, strict=True)
            if field is not None and cell
        }
        try:
            return _encode(values)
        except UnicodeEncodeError:
            # As broken as it came, so that it is rejected for what it is.
            text = "".join(row).translate(_UNQUOTED)
            return b'"' + text.encode("utf-8", "surrogateescape") + b'"'


def _value(field: str, cell: str) -> object:
    if field in _NUMBERS and _NUMBER.fullmatch(cell.strip()):
        return msgspec.Raw(_plain(cell.strip()).encode())
    if field in _FLAGS:
        return _BOOLEANS.get(cell.strip().lower(), cell)
    if field in _JSON:
        try:
            return msgspec.json.decode(cell)
        except (msgspec.DecodeError, RecursionError):
            return cell
    return cell


def _plain(number: str) -> str:
    """JSON knows no leading zeros."""
    sign = "-" if number.startswith("-") else ""
    whole, point, rest = number.lstrip("-").partition(".")
    return sign + (whole.lstrip("0") or "0") + point + rest
