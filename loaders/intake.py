"""Rows in, commands out: what a sync does with every chunk of lines it is handed.

Rows of one SKU within a chunk become one command. A row that is wrong is tallied and leaves what
is held as it is; within a snapshot it also keeps that record from being swept away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from gateway.domain.identifiers import is_identifier
from gateway.store.bulk import BulkEncoder
from gateway.store.entries import PRODUCT_NAME
from loaders.fields import WrongFieldError
from loaders.operations import (
    Mark,
    StockOperations,
    location_operation,
    product_operation,
    touch,
)
from loaders.outcome import Tally
from loaders.records import KEYS, AnyRecord, Kind, LocationRecord, ProductRecord, StockRecord
from loaders.seen import Seen
from loaders.validation import LineReader, RejectedRowError

# A sender may name its unknown fields without end; only so many names are told apart.
_MOST_UNKNOWN: Final = 100
_OTHERS: Final = "…"


class Intake:
    """Turns chunks of lines into commands; `seen` is filled for a snapshot, None for deltas."""

    def __init__(
        self, kind: Kind, mark: Mark, encoder: BulkEncoder, tally: Tally, seen: Seen | None
    ) -> None:
        self._kind: Kind = kind
        self.mark = mark
        self._encoder = encoder
        self._tally = tally
        self._seen = seen
        self._reader = LineReader(kind, tally.unknown)
        self._stock = StockOperations()
        self._lines = 0
        self._skus: dict[str, list[bytes]] = {}
        self._places: list[bytes] = []

    def take(self, lines: bytes) -> list[bytes]:
        """The commands for a chunk of whole lines."""
        records = self._reader.chunk(lines)
        if records is None:
            self._take_each(lines)
        else:
            self._tally.rows += len(records)
            self._lines += len(records)
            self._take_all(records, self._lines - len(records))
        return self._commands()

    def _take_each(self, lines: bytes) -> None:
        for line in lines.removesuffix(b"\n").split(b"\n"):
            self._lines += 1
            try:
                record = self._reader.line(line)
            except RejectedRowError as row:
                self._tally.rows += 1
                self._reject(self._lines, row.key, row.field, row.value, row.reason)
                continue
            if record is not None:
                self._tally.rows += 1
                self._take_all([record], self._lines - 1)
        self._bound_unknown()

    def _take_all(self, records: list[AnyRecord], before: int) -> None:
        for line, record in enumerate(records, before + 1):
            try:
                self._take(record)
            except WrongFieldError as wrong:
                named = {name: getattr(record, name) for name in KEYS[self._kind]}
                key = {name: text for name, text in named.items() if is_identifier(text)}
                value = getattr(record, wrong.field)
                self._reject(line, key, wrong.field, value, wrong.reason)

    def _take(self, record: AnyRecord) -> None:
        if isinstance(record, StockRecord):
            operation, sells = self._stock.operation(record, self.mark)
            self._put(record.sku, record.location, operation)
            if sells and self._seen is not None:
                self._seen.selling.add((record.sku,))
        elif isinstance(record, ProductRecord):
            self._put(record.sku, PRODUCT_NAME, product_operation(record, self.mark))
        elif isinstance(record, LocationRecord):
            self._places.append(location_operation(record, self.mark))
            if self._seen is not None:
                self._seen.records.add(("", record.location))
        else:
            assert_never(record)

    def _put(self, sku: str, name: str, operation: bytes) -> None:
        operations = self._skus.get(sku)
        if operations is None:
            self._skus[sku] = [operation]
        else:
            operations.append(operation)
        if self._seen is not None:
            self._seen.records.add((sku, name))

    def _reject(
        self, line: int, key: Mapping[str, str], field: str | None, value: object, reason: str
    ) -> None:
        self._tally.reject(line, key, field, value, reason)
        if any(name not in key for name in KEYS[self._kind]):
            self._tally.keyless += 1
        else:
            self._keep(key.get("sku", ""), key.get("location", PRODUCT_NAME))

    def _keep(self, sku: str, name: str) -> None:
        """The last good record stays, doubted; it counts as seen, and as selling if it did."""
        if self._seen is not None:
            self._seen.records.add((sku, name))
            self._seen.selling.add((sku,))
        operation = touch(self.mark, name)
        if self._kind == "locations":
            self._places.append(operation)
        else:
            self._skus.setdefault(sku, []).append(operation)

    def _commands(self) -> list[bytes]:
        commands = [self._encoder.sku(sku, ops) for sku, ops in self._skus.items()]
        if self._places:
            commands.append(self._encoder.locations(self._places))
        self._skus, self._places = {}, []
        return commands

    def _bound_unknown(self) -> None:
        unknown = self._tally.unknown
        if len(unknown) > _MOST_UNKNOWN:
            for name, count in unknown.most_common()[_MOST_UNKNOWN:]:
                del unknown[name]
                unknown[_OTHERS] += count
