"""How the journal in Redis writes reservations, answers and acknowledgements."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.domain.answers import Answer
from gateway.domain.errors import LedgerUnavailableError
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import Reservation, ReservedLine, State
from gateway.store.entries import CorruptValueError
from gateway.store.payloads import typed

VOLUMES: Final = 32
"""Into so many volumes the journal is divided, for good: each is one slot of a cluster."""

_HEAD: Final = struct.Struct(">IBBQQI")
"""Revision, state, whether its units are taken, when it changed and was confirmed, and the size of
what follows first: what was written when it was opened (`scripts/journal_volume.lua`)."""

VOID: Final = 0
STATES: Final[Mapping[State, int]] = {
    State.HELD: 1,
    State.CONFIRMED: 2,
    State.ACKNOWLEDGED: 3,
    State.RELEASED: 4,
    State.EXPIRED: 5,
    State.CANCELLED: 6,
}
_BY_NUMBER: Final = {number: state for state, number in STATES.items()}
_WORDS: Final = {AckStatus.ACCEPTED: b"a", AckStatus.CANCELLED: b"c"}
_BY_WORD: Final = {word: status for status, word in _WORDS.items()}


class _Opening(msgspec.Struct, frozen=True, array_like=True):
    channel: str
    caller: str
    customer: str | None
    lines: tuple[ReservedLine, ...]


class _Step(msgspec.Struct, frozen=True, array_like=True):
    expires_ms: int
    order_ref: str | None
    acknowledged_ms: int | None
    price_token: str | None


class AnswerRecord(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it lies under its key.

    It is worth something only if the reservation that it promises, if any, is there. `nonce` makes
    it unlike any other.
    """

    nonce: bytes
    reservation: str | None
    body_sha: bytes
    status: int
    body: bytes

    def answer(self, caller: str, key: str) -> Answer:
        """What it says, to whom it was said."""
        return Answer(caller, key, self.body_sha, self.status, self.body)


class Record(msgspec.Struct, frozen=True):
    """A reservation in the journal, and when it last changed and was confirmed (0: never)."""

    reservation: Reservation
    changed_ms: int
    confirmed_ms: int


_encode: Final = msgspec.msgpack.Encoder().encode
_opening: Final = msgspec.msgpack.Decoder(_Opening).decode
_step: Final = msgspec.msgpack.Decoder(_Step).decode
_answer: Final = msgspec.msgpack.Decoder(AnswerRecord).decode


def volume_of(name: bytes) -> int:
    """The volume in which a reservation, or an order, is found."""
    return zlib.crc32(name) % VOLUMES


def text_bytes(text: str) -> bytes | None:
    """The text as it is stored; None for half a surrogate pair, which names nothing."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def opening_bytes(reservation: Reservation) -> bytes:
    """What no step can change.

    Raises:
        ValueError: a text holds half a surrogate pair.
    """
    one = reservation
    return _encode(_Opening(one.channel, one.caller, one.customer, one.lines))


def step_bytes(reservation: Reservation) -> bytes:
    """What a step can change, but for state and revision; raises as `opening_bytes`."""
    one = reservation
    return _encode(_Step(one.expires_ms, one.order_ref, one.acknowledged_ms, one.price_token))


def decode_record(name: bytes, value: bytes | None) -> Record | None:
    """The reservation of that name; None where there is none, or it is void.

    Raises:
        LedgerUnavailableError: what lies there is damaged.
    """
    if not value:
        return None
    try:
        return _record(name.decode(), value)
    except (struct.error, CorruptValueError, UnicodeDecodeError):
        raise LedgerUnavailableError("a record is damaged") from None


def is_void(value: bytes) -> bool:
    """Whether a record says that the reservation never came to be."""
    return value[4] == VOID if len(value) >= _HEAD.size else False


def _record(name: str, value: bytes) -> Record | None:
    revision, number, _, changed_ms, confirmed_ms, size = _HEAD.unpack_from(value)
    if number == VOID:
        return None
    state = _BY_NUMBER.get(number)
    if state is None:
        raise CorruptValueError
    opening = typed(_opening, value[_HEAD.size : _HEAD.size + size])
    step = typed(_step, value[_HEAD.size + size :])
    reservation = Reservation(
        name,
        revision,
        state,
        step.expires_ms,
        opening.lines,
        opening.channel,
        opening.caller,
        opening.customer,
        step.order_ref,
        step.acknowledged_ms,
        step.price_token,
    )
    return Record(reservation, changed_ms, confirmed_ms)


def answer_bytes(record: AnswerRecord) -> bytes:
    return _encode(record)


def decode_answer(value: bytes) -> AnswerRecord:
    """The answer in a value.

    Raises:
        LedgerUnavailableError: what lies there is damaged.
    """
    try:
        return typed(_answer, value)
    except CorruptValueError:
        raise LedgerUnavailableError("an answer is damaged") from None


def word_bytes(ack: OrderAck) -> bytes:
    """The ERP's word on an order, without the order's name."""
    return _WORDS[ack.status] + b"%d" % ack.acknowledged_ms


def decode_word(order_ref: str, value: bytes | None) -> OrderAck | None:
    """The ERP's word on the order; None where there is none.

    Raises:
        LedgerUnavailableError: what lies there is damaged.
    """
    if not value:
        return None
    try:
        return OrderAck(order_ref, int(value[1:]), _BY_WORD[value[:1]])
    except (ValueError, KeyError):
        raise LedgerUnavailableError("an acknowledgement is damaged") from None


def member_of(order_ref: bytes, name: bytes) -> bytes:
    """How the set of an order's reservations names one of them."""
    return b"%d:%b:%b" % (len(order_ref), order_ref, name)


def reservation_in(order_ref: bytes, member: bytes) -> str:
    """The reservation that such a member names."""
    return member[len(member_of(order_ref, b"")) :].decode(errors="replace")
