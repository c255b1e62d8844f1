"""Lines of an archive as operations of the store's script: through the same checks as any record.

What a feed brings and what an archive brings is encoded by the same code. The head alone is the
archive's: version, moment and marks are as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.domain.record_kinds import KINDS, Kind
from gateway.store.entries import FORMAT, Flag, Op, pack_op, raw_entries
from loaders.archive.lines import Line
from loaders.intake import OPERATIONS
from loaders.operations import Mark
from loaders.price_rows import Lists
from loaders.reasons import WrongFieldError
from loaders.records import RECORDS, AnyRecord
from loaders.spots import Spot

_BROKEN: Final = (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TOMB: Final = int(Flag.TOMB)
_RESTORED: Final = int(Op.RESTORED)
_UNVERSIONED: Final = int(Op.RESTORED | Op.UNVERSIONED)

_DECODERS: Final[Mapping[Kind, Any]] = {
    kind: msgspec.json.Decoder(record) for kind, record in RECORDS.items()
}


class WrongLineError(Exception):
    """A line has no record that could be written; the text says why."""


class Bearer(msgspec.Struct, frozen=True):
    """The feed that bears what is restored, and its round.

    `vouches`: what it is verified through holds for what is restored. Where it does not, a record
    is as old as itself.
    """

    number: int
    round: int = 0
    vouches: bool = True


class NoLists:
    """What is assumed of price lists where nothing is written."""

    def is_base(self, price_list: str) -> bool:
        """No: a row that was held is good."""
        del price_list
        return False

    def with_skus(self, price_list: str) -> bool:
        """No matter."""
        del price_list
        return False

    def expect(self, price_list: str) -> None:
        """Nothing."""
        del price_list


class HeldLists(NoLists):
    """Price lists as they are placed, for rows that were good when they were held.

    A list may have become one of the layer `base` since, in which no percentage is taken any more.
    """

    def __init__(self, lists: Lists) -> None:
        self._lists = lists

    def with_skus(self, price_list: str) -> bool:
        """Whether the list's rows for a SKU lie with the SKU."""
        return self._lists.with_skus(price_list)

    def expect(self, price_list: str) -> None:
        """A row for a SKU of this list is going to be written."""
        self._lists.expect(price_list)


class Drafts:
    """Makes the operations of an archive's lines."""

    def __init__(self, lists: Lists) -> None:
        self._operations = {kind: OPERATIONS[kind](lists) for kind in KINDS}

    def draft(self, line: Line, record: AnyRecord, bearer: Bearer) -> tuple[Spot, bytes]:
        """Where the line's record lies, and the operation that puts it there.

        Raises:
            WrongLineError: a value is not allowed.
        """
        mark = Mark(bearer.number, bearer.round, line.at, snapshot=False)
        try:
            (spot, name), operation, _ = self._operations[line.kind].draft(record, mark)
        except WrongFieldError as wrong:
            raise WrongLineError(f"{wrong.field} {wrong.reason}") from None
        (*_, payload) = raw_entries(FORMAT + operation[1:])[0]
        op = _UNVERSIONED if line.version is None else _RESTORED
        flags = line.flags
        if not bearer.vouches and not flags & _TOMB:
            flags |= Flag.DOUBTED
        return spot, pack_op(
            op,
            flags,
            bearer.number,
            bearer.round,
            line.version,
            line.at,
            name.encode(),
            payload,
        )


def record_of(line: Line) -> AnyRecord:
    """The record on a line.

    Raises:
        WrongLineError: it is none.
    """
    try:
        record: AnyRecord = _DECODERS[line.kind].decode(line.record)
    except _BROKEN as error:
        raise WrongLineError(str(error)) from None
    if bool(record.delete) is not bool(line.flags & _TOMB):
        raise WrongLineError("flags and record do not agree on whether it was deleted")
    return record
