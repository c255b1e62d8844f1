"""Rows in, commands out: what a sync does with every chunk of lines it is handed.

Rows that lie at one spot within a chunk become one command. A row that is wrong is tallied and
leaves what is held as it is; within a snapshot it also keeps that record from being swept away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from gateway.domain.identifiers import is_identifier
from gateway.domain.record_kinds import Kind
from gateway.store.bulk import BulkEncoder
from loaders import agreements, catalogue, spots
from loaders.levels import StockOperations
from loaders.operations import Address, Mark, Operations, touch
from loaders.orders import AckOperations
from loaders.outcome import Tally, shortened
from loaders.price_rows import Lists, PriceOperations
from loaders.reasons import WrongFieldError
from loaders.records import KEYS, RECORDS, AnyRecord, always_named
from loaders.seen import Seen
from loaders.spots import Spot
from loaders.validation import LineReader, RejectedRowError, Wrong

# A sender may name its unknown fields without end; only so many names are told apart.
_MOST_UNKNOWN: Final = 100
_OTHERS: Final = "…"


class Rows(NamedTuple):
    """The rows of some lines: each a record, or why it is none; and the numbers of their lines."""

    lines: Sequence[int]
    each: Sequence[AnyRecord | RejectedRowError]


class Intake:
    """Turns chunks of lines into commands; `seen` is filled for a snapshot, None for deltas."""

    def __init__(
        self,
        kind: Kind,
        mark: Mark,
        encoder: BulkEncoder,
        tally: Tally,
        seen: Seen | None,
        lists: Lists,
    ) -> None:
        self._kind: Kind = kind
        self.mark = mark
        self._encoder = encoder
        self._tally = tally
        self._seen = seen
        self._reader = LineReader(kind, tally.unknown)
        self._operations = OPERATIONS[kind](lists)
        self._always_named = always_named(kind)
        self._lines = 0
        self._pending: dict[Spot, list[bytes]] = {}

    def read(self, lines: bytes) -> Rows:
        """The rows of a chunk of whole lines; blank lines are none."""
        first = self._lines + 1
        records = self._reader.chunk(lines)
        if records is not None:
            self._lines += len(records)
            return Rows(range(first, self._lines + 1), records)
        numbers: list[int] = []
        rows: list[AnyRecord | RejectedRowError] = []
        for number, row in enumerate(self._read_each(lines), first):
            self._lines = number
            if row is not None:
                numbers.append(number)
                rows.append(row)
        self._bound_unknown()
        return Rows(numbers, rows)

    def take(self, rows: Rows) -> list[bytes]:
        """The commands for these rows."""
        return self.commands(self.draft(rows))

    def commands(self, drafted: Mapping[Spot, Sequence[bytes]]) -> list[bytes]:
        """The commands that write these operations."""
        return [spots.command(self._encoder, *pending) for pending in drafted.items()]

    def draft(self, rows: Rows) -> Mapping[Spot, Sequence[bytes]]:
        """The operations for these rows, by where they lie."""
        self._tally.rows += len(rows.each)
        for line, row in zip(*rows, strict=True):
            if isinstance(row, RejectedRowError):
                self._reject(line, row.row, (row.field, row.value, row.reason))
                continue
            try:
                self._take(row)
            except WrongFieldError as wrong:
                value = getattr(row, wrong.field)
                self._reject(line, _fields(row), (wrong.field, value, wrong.reason))
        drafted, self._pending = self._pending, {}
        return drafted

    def spare(self, rows: Rows) -> None:
        """What is held of these rows stays as it is; a snapshot does not miss it."""
        self._tally.rows += len(rows.each)
        for row in rows.each:
            kept = self._kept(row.row if isinstance(row, RejectedRowError) else _fields(row))
            if not kept:
                self._tally.keyless += 1
            for address in kept:
                if self._seen is not None:
                    self._seen.keep(address)

    def _read_each(self, lines: bytes) -> Iterator[AnyRecord | RejectedRowError | None]:
        for line in lines.removesuffix(b"\n").split(b"\n"):
            try:
                yield self._reader.line(line)
            except RejectedRowError as rejected:
                yield rejected

    def _take(self, record: AnyRecord) -> None:
        address, operation, figure = self._operations.draft(record, self.mark)
        operations = self._pending.get(address[0])
        if operations is None:
            self._pending[address[0]] = [operation]
        else:
            operations.append(operation)
        if self._seen is not None:
            self._seen.add(address, figure)

    def _reject(self, line: int, row: Mapping[str, object], wrong: Wrong) -> None:
        self._tally.reject(line, self._told_key(row), *wrong)
        kept = self._kept(row)
        if not kept:
            self._tally.keyless += 1
        for address in kept:
            if self._seen is not None:
                self._seen.keep(address)
            spot, name = address
            self._pending.setdefault(spot, []).append(touch(self.mark, name))

    def _told_key(self, row: Mapping[str, object]) -> Mapping[str, str]:
        told: dict[str, str] = {}
        for name in KEYS[self._kind]:
            value = row.get(name)
            if name not in self._always_named:
                text = shortened(value)
                if text is not None:
                    told[name] = text
            elif isinstance(value, str) and is_identifier(value):
                told[name] = value
        return told

    def _kept(self, row: Mapping[str, object]) -> Sequence[Address]:
        """Where the last good record lies that a wrong row is about; none if its key is wrong."""
        given = {name: row[name] for name in KEYS[self._kind] if name in row}
        try:
            key = msgspec.convert(given, RECORDS[self._kind])
            return self._operations.addresses(key)
        except (msgspec.ValidationError, WrongFieldError):
            return ()

    def _bound_unknown(self) -> None:
        unknown = self._tally.unknown
        if len(unknown) > _MOST_UNKNOWN:
            for name, count in unknown.most_common()[_MOST_UNKNOWN:]:
                del unknown[name]
                unknown[_OTHERS] += count


OPERATIONS: Final[Mapping[Kind, Callable[[Lists], Operations[Any]]]] = {
    "products": lambda _: catalogue.products(),
    "locations": lambda _: catalogue.locations(),
    "stock": lambda _: StockOperations(),
    "price_lists": lambda _: agreements.price_lists(),
    "prices": PriceOperations,
    "customers": lambda _: agreements.customers(),
    "discounts": lambda _: agreements.discounts(),
    "order_acks": lambda _: AckOperations(),
}


def _fields(record: AnyRecord) -> Mapping[str, object]:
    return {name: getattr(record, name) for name in record.__struct_fields__}
