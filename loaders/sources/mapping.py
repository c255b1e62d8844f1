"""Rows of an ERP's JSON as canonical lines: where each field is, and what it becomes.

The counterpart of a query's columns. Figures keep every digit: decimals are never floats, and
money and percentages go on as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from gateway.config.expressions import Expression, ExpressionError
from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError
from loaders.records import EXACT_FIELDS, ID_LIST_FIELDS, KEYS, NEEDED, TEXT_FIELDS, field_names
from loaders.sources.http_json import WRONG, find_broken

DELETE: Final = "delete"

_AS_TEXT: Final = TEXT_FIELDS | EXACT_FIELDS | {"tax_rate"}

_encode = msgspec.json.Encoder(decimal_format="number").encode


class MappedRow(msgspec.Struct, frozen=True):
    """One row: its canonical line, whether it says that it is deleted, and its watermark."""

    line: bytes
    deleted: bool
    mark: object


class FieldMap:
    """The mapping of one feed, compiled."""

    def __init__(
        self, feed: str, kind: Kind, mapping: Mapping[str, str], watermark: str | None
    ) -> None:
        """Compile the mapping.

        Raises:
            SourceError: it names a field that the kind does not have, or lacks one it needs.
        """
        fields = (*field_names(kind), DELETE)
        for name in mapping:
            if name not in fields and name != watermark:
                allowed = ", ".join(fields)
                raise SourceError(
                    f"feeds.{feed}.mapping.{name} is no field of {kind}; allowed: {allowed}"
                )
        for names in NEEDED[kind]:
            if mapping.keys().isdisjoint(names):
                given = ", ".join(mapping)
                wanted = " or ".join(names)
                raise SourceError(f"feeds.{feed}.mapping has no {wanted} (it has: {given})")
        self._fields = [
            (name, Expression(mapping[name]), _becomes(name)) for name in fields if name in mapping
        ]
        self._key = KEYS[kind]
        self._watermark = None if watermark is None else Expression(mapping[watermark])

    def row(self, row: object, *, whole: bool = True) -> MappedRow:
        """What the mapping makes of one row.

        A field that cannot be worked out is given a value that it cannot have, and that says why:
        the validator rejects that row alone, and tells it. Where not the `whole` of an answer could
        be read, a row with anything broken in it is rejected, as an expression may make something
        plausible of it; its key stays, so that one knows which.
        """
        broken = None if whole else find_broken(row)
        values: dict[str, object] = {}
        for name, expression, becomes in self._fields:
            try:
                found = expression.find(row)
            except ExpressionError as error:
                found = {WRONG: str(error)}
            if broken is not None and name not in self._key:
                found = broken
            if found is not None:
                values[name] = becomes(found)
        return MappedRow(_encode(values), values.get(DELETE) is True, self._mark(row))

    def _mark(self, row: object) -> object:
        try:
            return None if self._watermark is None else self._watermark.find(row)
        except ExpressionError:
            return None


def _becomes(field: str) -> Callable[[object], object]:
    if field in _AS_TEXT:
        return _text
    return _texts if field in ID_LIST_FIELDS else _as_it_is


def _text(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _texts(value: object) -> object:
    return [_text(entry) for entry in value] if isinstance(value, list) else value


def _as_it_is(value: object) -> object:
    return value
