"""A record as the operation that writes it, its values checked on the way.

What all kinds have in common is here; each kind's own module says where its records lie
(`Address`) and what is written there. Built for millions of rows: nothing is made for a row that
is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from gateway.store.entries import LARGEST_PAYLOAD, Flag, Head, Op, pack_op
from loaders.reasons import DELETE_IN_SNAPSHOT, WrongFieldError
from loaders.records import AnyRecord
from loaders.spots import Spot

R = TypeVar("R", bound=AnyRecord)
R_contra = TypeVar("R_contra", bound=AnyRecord, contravariant=True)

_PUT: Final = int(Op.PUT)
_UNVERSIONED: Final = int(Op.UNVERSIONED)
_SNAPSHOT: Final = int(Op.SNAPSHOT)
_TOMB: Final = int(Flag.TOMB)
_RECENT: Final = int(Flag.TOMB | Flag.RECENT)
_ABSENT: Final = int(Flag.TOMB | Flag.ABSENT)


class Mark(msgspec.Struct, frozen=True):
    """What all entries of one sync carry: who wrote them, in which round, and when they came.

    `staging`: this is a delta, and a snapshot of the same feed is being staged beside it.
    `learning`: how fast levels sell is to be learnt.
    `current`: a delta that tells, as a snapshot does, what there is now, of some records.
    """

    feed: int
    round: int
    arrival_ms: int
    snapshot: bool
    staging: bool = False
    learning: bool = False
    current: bool = False

    @property
    def op(self) -> int:
        """What is asked of the script for a plain record."""
        return _SNAPSHOT if self.snapshot or self.current else _PUT


# Plain tuples, as there is one of each for every row.
Address = tuple[Spot, str]
"""Where a record lies: a spot, and the name of its entry there."""

Draft = tuple[Address, bytes, int]
"""What is to be written of a record: where, the operation, and what the guard remembers of it."""


class Operations(Protocol[R_contra]):
    """What is known of one kind of record."""

    def draft(self, record: R_contra, mark: Mark) -> Draft:
        """The operation that writes or deletes the record.

        Raises:
            WrongFieldError: a value is not allowed.
        """

    def addresses(self, record: R_contra) -> Sequence[Address]:
        """Where the last good record with the same key may lie; nothing but the key is looked at.

        Raises:
            WrongFieldError: the key is not allowed.
        """


class PlainOperations(Generic[R]):
    """Records that are ordered by their arrival alone, each at one address."""

    def __init__(self, address: Callable[[R], Address], payload: Callable[[R], bytes]) -> None:
        self._address = address
        self._payload = payload

    def draft(self, record: R, mark: Mark) -> Draft:
        address = self._address(record)
        if record.delete:
            refuse_in_snapshot(mark)
            return address, packed(mark, address[1].encode(), None), 0
        return address, packed(mark, address[1].encode(), self._payload(record)), 0

    def addresses(self, record: R) -> Sequence[Address]:
        return (self._address(record),)


def packed(
    mark: Mark,
    name: bytes,
    payload: bytes | None,
    version: int | None = None,
    stamp_ms: int | None = None,
) -> bytes:
    """The operation that writes a record, or deletes it where there is no payload.

    Without a version it counts by its arrival.
    """
    op = mark.op if version is not None else mark.op | _UNVERSIONED
    stamp_ms = mark.arrival_ms if stamp_ms is None else stamp_ms
    flags = 0
    if payload is None:
        flags, payload = _TOMB, b""
        if version is None:
            # Whatever version is held, it is gone now; the tombstone keeps that version.
            op = _PUT | _UNVERSIONED if mark.current else op
            flags = _RECENT if mark.staging else _ABSENT if mark.current else _TOMB
    return pack_op(op, flags, mark.feed, mark.round, version, stamp_ms, name, payload)


def touch(mark: Mark, name: str) -> bytes:
    """The operation that keeps, and doubts, what is held of a row that was rejected."""
    return pack_op(Op.TOUCH, 0, mark.feed, mark.round, None, mark.arrival_ms, name.encode(), b"")


def sweep(mark: Mark, name: str) -> bytes:
    """The operation that removes what the snapshot lacks, or a tombstone whose time is over."""
    return pack_op(Op.SWEEP, 0, mark.feed, mark.round, None, mark.arrival_ms, name.encode(), b"")


def eviction(mark: Mark, held: Head) -> bytes:
    """The operation that removes this record, whichever feed wrote it."""
    another_round = held.round + 1
    name = held.name.encode()
    return pack_op(Op.SWEEP, 0, held.feed, another_round, None, mark.arrival_ms, name, b"")


def fitting(field: str, payload: bytes) -> bytes:
    """The payload, if a record may be that large.

    Raises:
        WrongFieldError: it may not; `field` is the one that can make it so.
    """
    if len(payload) > LARGEST_PAYLOAD:
        raise WrongFieldError(field, f"makes the record larger than {LARGEST_PAYLOAD} bytes")
    return payload


def refuse_in_snapshot(mark: Mark) -> None:
    """Deletes belong to deltas.

    Raises:
        WrongFieldError: this is a snapshot.
    """
    if mark.snapshot:
        raise WrongFieldError("delete", DELETE_IN_SNAPSHOT)
