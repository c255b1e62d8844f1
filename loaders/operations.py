"""A record as the operation that writes it, its values checked on the way.

The one place where a canonical record meets the codec. Built for millions of rows: nothing is
made for a row that is not kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from gateway.domain.identifiers import is_identifier
from gateway.domain.quantities import Milli
from gateway.domain.stock import Basis, Location, LocationKind, Product, ProductStatus, StockLevel
from gateway.store.codec import level_payload, location_payload, product_payload
from gateway.store.entries import LARGEST_PAYLOAD, Flag, Op, pack_op
from loaders import fields
from loaders.fields import WrongFieldError
from loaders.records import LocationRecord, Number, ProductRecord, StockRecord

DELETE_IN_SNAPSHOT: Final = "deletes belong to deltas: a snapshot lacks what is gone"

_PUT: Final = int(Op.PUT)
_UNVERSIONED: Final = int(Op.UNVERSIONED)
_SNAPSHOT: Final = int(Op.SNAPSHOT)
_TOMB: Final = int(Flag.TOMB)
_REMEMBERED: Final = 50_000


class Mark(msgspec.Struct, frozen=True):
    """What all entries of one sync carry: who wrote them, in which round, and when they came."""

    feed: int
    round: int
    arrival_ms: int
    snapshot: bool

    @property
    def op(self) -> int:
        """What is asked of the script for a plain record."""
        return _SNAPSHOT if self.snapshot else _PUT


class StockOperations:
    """Makes the operations of stock records; what repeats from row to row is made once.

    Most rows have one of some thousand quantities at one of a few places, stamped within one
    statement: what was found good once need not be looked at again.
    """

    def __init__(self) -> None:
        self._quantities: dict[Number, Milli] = {}
        self._places: dict[str, bytes] = {}
        self._moment: datetime | None = None
        self._stamp_ms = 0

    def operation(self, record: StockRecord, mark: Mark) -> tuple[bytes, bool]:
        """The operation, and whether the record leaves anything to sell there.

        Raises:
            WrongFieldError: a value is not allowed.
        """
        if not is_identifier(record.sku):
            raise WrongFieldError("sku")
        place = self._places.get(record.location) or self._place(record.location)
        version, moment, stamp_ms = record.version, record.updated_at, mark.arrival_ms
        if version is not None:
            fields.version(version)
        if moment is not None:
            stamp_ms = self._stamp_ms if moment == self._moment else self._stamp(moment)
            if version is None:
                version = stamp_ms
        op = mark.op if version is not None else mark.op | _UNVERSIONED
        if record.delete:
            _refuse_in_snapshot(mark)
            return pack_op(op, _TOMB, mark.feed, mark.round, version, stamp_ms, place, b""), False
        payload, sells = self._level(record)
        return pack_op(op, 0, mark.feed, mark.round, version, stamp_ms, place, payload), sells

    def _level(self, record: StockRecord) -> tuple[bytes, bool]:
        if record.quantity is None:
            raise WrongFieldError("quantity", "is missing")
        level = StockLevel(
            self._quantity("quantity", record.quantity),
            record.basis or Basis.AVAILABLE,
            self._quantity("allocated", record.allocated or 0),
            self._quantity("safety_stock", record.safety_stock or 0),
            fields.supplies(record.incoming) if record.incoming else (),
        )
        return level_payload(level), level.salable() > 0

    def _quantity(self, field: str, number: Number) -> Milli:
        milli = self._quantities.get(number)
        if milli is None:
            milli = fields.quantity(field, number)
            if len(self._quantities) >= _REMEMBERED:
                self._quantities.clear()
            self._quantities[number] = milli
        return milli

    def _place(self, location: str) -> bytes:
        place = fields.identifier("location", location).encode()
        if len(self._places) >= _REMEMBERED:
            self._places.clear()
        self._places[location] = place
        return place

    def _stamp(self, moment: datetime) -> int:
        self._stamp_ms = fields.stamp_ms(moment)
        self._moment = moment
        return self._stamp_ms


def product_operation(record: ProductRecord, mark: Mark) -> bytes:
    """The operation that writes or deletes a product.

    Raises:
        WrongFieldError: a value is not allowed.
    """
    fields.identifier("sku", record.sku)
    if record.delete:
        _refuse_in_snapshot(mark)
        return _unversioned(mark, _TOMB, b"", b"")
    return _unversioned(mark, 0, b"", _fitting("assortments", product_payload(_product(record))))


def location_operation(record: LocationRecord, mark: Mark) -> bytes:
    """The operation that writes or deletes a location.

    Raises:
        WrongFieldError: a value is not allowed.
    """
    name = fields.identifier("location", record.location).encode()
    if record.delete:
        _refuse_in_snapshot(mark)
        return _unversioned(mark, _TOMB, name, b"")
    return _unversioned(mark, 0, name, _fitting("channels", location_payload(_location(record))))


def touch(mark: Mark, name: str) -> bytes:
    """The operation that keeps, and doubts, what is held of a row that was rejected."""
    return pack_op(Op.TOUCH, 0, mark.feed, mark.round, None, mark.arrival_ms, name.encode(), b"")


def sweep(mark: Mark, name: str) -> bytes:
    """The operation that removes what the snapshot lacks."""
    return pack_op(Op.SWEEP, 0, mark.feed, mark.round, None, mark.arrival_ms, name.encode(), b"")


def _fitting(field: str, payload: bytes) -> bytes:
    """The payload, if a record may be that large.

    Raises:
        WrongFieldError: it may not; `field` is the one that can make it so.
    """
    if len(payload) > LARGEST_PAYLOAD:
        raise WrongFieldError(field, f"makes the record larger than {LARGEST_PAYLOAD} bytes")
    return payload


def _unversioned(mark: Mark, flags: int, name: bytes, payload: bytes) -> bytes:
    op = mark.op | _UNVERSIONED
    return pack_op(op, flags, mark.feed, mark.round, None, mark.arrival_ms, name, payload)


def _refuse_in_snapshot(mark: Mark) -> None:
    if mark.snapshot:
        raise WrongFieldError("delete", DELETE_IN_SNAPSHOT)


def _product(record: ProductRecord) -> Product:
    available_from = fields.release(record.available_from)
    status = record.status or ProductStatus.ACTIVE
    if status is ProductStatus.PREORDER and available_from is None:
        raise WrongFieldError("available_from", "is needed with the status preorder")
    return Product(
        name=fields.name(record.name),
        status=status,
        available_from=available_from,
        product_group=fields.text_or_none("product_group", record.product_group),
        discount_class=fields.text_or_none("discount_class", record.discount_class),
        stock_class=fields.text_or_none("stock_class", record.stock_class),
        unit=fields.text_or_none("unit", record.unit) or "EA",
        min_order_quantity=fields.quantity("min_order_quantity", record.min_order_quantity or 0),
        order_multiple=fields.quantity("order_multiple", record.order_multiple or 0),
        max_order_quantity=fields.optional_quantity(
            "max_order_quantity", record.max_order_quantity
        ),
        tax_rate=fields.rate(record.tax_rate),
        lead_time_days=fields.days("lead_time_days", record.lead_time_days),
        backorder=bool(record.backorder),
        assortments=fields.identifiers("assortments", record.assortments),
    )


def _location(record: LocationRecord) -> Location:
    return Location(
        record.location,
        name=fields.name(record.name),
        kind=record.kind or LocationKind.WAREHOUSE,
        handling_days=fields.days("handling_days", record.handling_days) or 0,
        ships=record.ships is not False,
        pickup=bool(record.pickup),
        channels=fields.identifiers("channels", record.channels),
        priority=fields.priority(record.priority),
    )
