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
from loaders.records import EXACT_FIELDS, ID_LIST_FIELDS, NEEDED, TEXT_FIELDS, field_names

DELETE: Final = "delete"

_AS_TEXT: Final = TEXT_FIELDS | EXACT_FIELDS | {"tax_rate"}
_MOST_DIGITS: Final = 40
_WRONG: Final = "mapping"

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
        self._watermark = None if watermark is None else Expression(mapping[watermark])

    def row(self, row: object) -> MappedRow:
        """What the mapping makes of one row.

        A field that cannot be worked out is given a value that it cannot have, and that says why:
        the validator rejects that row alone, and tells it.
        """
        values: dict[str, object] = {}
        for name, expression, becomes in self._fields:
            try:
                found = expression.find(row)
            except ExpressionError as error:
                found = {_WRONG: str(error)}
            if found is not None:
                values[name] = becomes(found)
        return MappedRow(_encode(values), values.get(DELETE) is True, self._mark(row))

    def _mark(self, row: object) -> object:
        try:
            return None if self._watermark is None else self._watermark.find(row)
        except ExpressionError:
            return None


def figure(text: str) -> Decimal | str:
    """A number of a JSON text, exactly; one that is longer than any of ours as the text it is.

    Written out, such a one could fill the memory; as text it is rejected where it stands.
    """
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    fits = len(number.as_tuple().digits) <= _MOST_DIGITS and abs(number.adjusted()) <= _MOST_DIGITS
    return number if fits else text


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
