"""Stock records as operations; what repeats from row to row is made once.

Most rows have one of some thousand quantities at one of a few places, stamped within one
statement: what was found good once need not be looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.domain.identifiers import is_identifier
from gateway.domain.quantities import Milli
from gateway.domain.stock import Basis, StockLevel
from gateway.store.level_codec import level_payload
from loaders import fields, spots
from loaders.operations import Address, Draft, Mark, packed, refuse_in_snapshot
from loaders.reasons import MISSING, WrongFieldError
from loaders.records import Number, StockRecord

_REMEMBERED: Final = 50_000


class StockOperations:
    """Makes the operations of stock records; their figure is whether something is left to sell."""

    def __init__(self) -> None:
        self._quantities: dict[Number, Milli] = {}
        self._names: dict[str, bytes] = {}
        self._moment: datetime | None = None
        self._stamp_ms = 0

    def draft(self, record: StockRecord, mark: Mark) -> Draft:
        """The operation that writes or deletes a level.

        Raises:
            WrongFieldError: a value is not allowed.
        """
        address, name = self._address(record)
        version, moment, stamp_ms = record.version, record.updated_at, mark.arrival_ms
        if version is not None:
            fields.version(version)
        if moment is not None:
            stamp_ms = self._stamp_ms if moment == self._moment else self._stamp(moment)
            if version is None:
                version = stamp_ms
        if record.delete:
            refuse_in_snapshot(mark)
            return address, packed(mark, name, None, version, stamp_ms), 0
        payload, sells = self._level(record, learning=mark.learning)
        return address, packed(mark, name, payload, version, stamp_ms), int(sells)

    def addresses(self, record: StockRecord) -> Sequence[Address]:
        """The one address.

        Raises:
            WrongFieldError: the key is not allowed.
        """
        return (self._address(record)[0],)

    def _address(self, record: StockRecord) -> tuple[Address, bytes]:
        if not is_identifier(record.sku):
            raise WrongFieldError("sku")
        location = record.location
        name = self._names.get(location)
        if name is None:
            name = fields.identifier("location", location).encode()
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            self._names[location] = name
        return (spots.levels(record.sku), location), name

    def _level(self, record: StockRecord, *, learning: bool) -> tuple[bytes, bool]:
        if record.quantity is None:
            raise WrongFieldError("quantity", MISSING)
        level = StockLevel(
            self._quantity("quantity", record.quantity),
            record.basis or Basis.AVAILABLE,
            self._quantity("allocated", record.allocated or 0),
            self._quantity("safety_stock", record.safety_stock or 0),
            fields.supplies(record.incoming) if record.incoming else (),
        )
        return level_payload(level, learning=learning), level.salable() > 0

    def _quantity(self, field: str, number: Number) -> Milli:
        milli = self._quantities.get(number)
        if milli is None:
            milli = fields.quantity(field, number)
            if len(self._quantities) >= _REMEMBERED:
                self._quantities.clear()
            self._quantities[number] = milli
        return milli

    def _stamp(self, moment: datetime) -> int:
        self._stamp_ms = fields.stamp_ms("updated_at", moment)
        self._moment = moment
        return self._stamp_ms
