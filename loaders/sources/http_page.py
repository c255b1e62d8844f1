"""One page of an ERP's answer: its JSON read exactly, its rows found and mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from gateway.config.expressions import Expression, ExpressionError
from loaders.sources.http_call import AnswerError
from loaders.sources.http_json import decoded
from loaders.sources.http_paging import kind_of
from loaders.sources.mapping import FieldMap, MappedRow

_LINES: Final = 2000
_SHOWN: Final = 200


class PageContent(msgspec.Struct, frozen=True):
    """The JSON of a page, and its rows; `digest` tells the rows of two pages apart."""

    body: object
    rows: Sequence[MappedRow]
    digest: bytes

    def chunks(self, *, deleted: bool, most: int | None = None) -> Iterator[bytes]:
        """The lines, some thousand a chunk; what is `deleted` is in deltas alone."""
        lines = [row.line for row in self.rows[:most] if deleted or not row.deleted]
        for at in range(0, len(lines), _LINES):
            yield b"\n".join(lines[at : at + _LINES])


class PageReader:
    """Reads the pages of one feed; pure, so that it can be done in a thread."""

    def __init__(self, rows: str, fields: FieldMap) -> None:
        self._rows = Expression(rows)
        self._fields = fields

    def read(self, body: bytes) -> PageContent:
        """The content of a page.

        Raises:
            AnswerError: it is no JSON, or has no rows where they should be.
        """
        content, whole = decoded(body)
        try:
            found = self._rows.find(content)
        except ExpressionError as error:
            raise AnswerError(f"rows {self._rows.text!r}: {error}") from None
        if not isinstance(found, list):
            has = f" (it has: {_names(content)})" if isinstance(content, dict) else ""
            raise AnswerError(f"rows {self._rows.text!r} finds no list but {kind_of(found)}{has}")
        rows = [self._fields.row(row, whole=whole) for row in found]
        digest = hashlib.sha256()
        for row in rows:
            digest.update(row.line)
            digest.update(b"\n")
        return PageContent(content, rows, digest.digest())


def _names(content: dict[str, object]) -> str:
    """What an object has, so that one sees what was meant; names alone, no values."""
    names = ", ".join(name if name.isprintable() else "?" for name in content)
    return names if len(names) <= _SHOWN else names[: _SHOWN - 1] + "…"
