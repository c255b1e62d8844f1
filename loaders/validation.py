"""Lines of JSON as records: a whole chunk at once when all is well, line by line when not.

The strict decoder takes a chunk of good lines in one call. Only where it stumbles is each line
looked at alone, and only a line that is wrong is taken apart to say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from gateway.domain.record_kinds import Kind
from loaders.reasons import MISSING, reason_for
from loaders.records import RECORDS, AnyRecord, IncomingRecord, always_named

_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BLANK: Final = b" \t\r\n"

Wrong = tuple[str | None, object, str]
"""A field (None for the row as a whole), its value and what is allowed there."""


class RejectedRowError(Exception):
    """A row that is no record; `row` holds what could be read of it."""

    def __init__(self, row: Mapping[str, object], wrong: Wrong) -> None:
        self.row = row
        self.field, self.value, self.reason = wrong
        super().__init__(self.reason)


class LineReader:
    """Reads the lines of one kind of record; unknown fields are counted in `unknown`."""

    def __init__(self, kind: Kind, unknown: dict[str, int]) -> None:
        self._kind: Kind = kind
        self._type = RECORDS[kind]
        self._always_named = always_named(kind)
        self._unknown = unknown
        decoder = msgspec.json.Decoder(self._type)
        self._decode = decoder.decode
        self._decode_lines = decoder.decode_lines
        self._fields = _types_of(kind)

    def chunk(self, lines: bytes) -> list[AnyRecord] | None:
        """The records of a chunk of whole lines, one a line; None when any line is not plain."""
        try:
            records: list[AnyRecord] = self._decode_lines(lines)
        except _BROKEN:
            return None
        count = lines.count(b"\n") + (not lines.endswith(b"\n"))
        # The decoder would also take two objects on one line, or one on two, or no object at all.
        return records if len(records) == count else None

    def line(self, line: bytes) -> AnyRecord | None:
        """The record on a line; None for a blank one.

        Raises:
            RejectedRowError: it is none, with the reason.
        """
        try:
            return self._decode(line)
        except _BROKEN:
            if not line.strip(_BLANK):
                return None
        return self._explained(line)

    def _explained(self, line: bytes) -> AnyRecord:
        row = _object(line)
        known = {name: value for name, value in row.items() if name in self._fields}
        unknown = [name for name in row if name not in self._fields]
        if "incoming" in known:
            known["incoming"] = _known_supplies(known["incoming"], unknown)
        wrong = self._wrong(known)
        if wrong is not None:
            raise RejectedRowError(known, wrong)
        for name in unknown:
            self._unknown[name] = self._unknown.get(name, 0) + 1
        return msgspec.convert(known, self._type)

    def _wrong(self, row: Mapping[str, Any]) -> Wrong | None:
        for name in self._always_named:
            if row.get(name) is None:
                return name, None, MISSING
        for name, value in row.items():
            try:
                msgspec.convert(value, self._fields[name])
            except msgspec.ValidationError as error:
                return name, value, reason_for(self._kind, name, error, value)
        return None


@cache
def _types_of(kind: Kind) -> Mapping[str, Any]:
    # Some hundred microseconds: a refresh, for which somebody waits, does not pay them again.
    return {field.name: field.type for field in msgspec.structs.fields(RECORDS[kind])}


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except UnicodeDecodeError:
        raise RejectedRowError({}, (None, line, "is not UTF-8")) from None
    except RecursionError:
        raise RejectedRowError({}, (None, line, "is nested too deeply")) from None
    except msgspec.DecodeError:
        raise RejectedRowError({}, (None, line, "is not JSON")) from None
    if not isinstance(row, dict):
        raise RejectedRowError({}, (None, line, "must be a JSON object"))
    return row


def _known_supplies(incoming: object, unknown: list[str]) -> object:
    if not isinstance(incoming, list):
        return incoming
    known = IncomingRecord.__struct_fields__
    supplies: list[object] = []
    for entry in incoming:
        if isinstance(entry, dict):
            unknown += [f"incoming.{name}" for name in entry if name not in known]
            supplies.append({name: entry[name] for name in entry if name in known})
        else:
            supplies.append(entry)
    return supplies
