"""How reservations, answers and acknowledgements lie in rows.

What PostgreSQL cannot hold as text is refused here, before it meets anybody else's: many callers'
rows are written by one statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from gateway.domain.answers import Answer
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import COUNTED, Reservation, ReservedLine, State, Traced

Row = Mapping[str, Any]
"""An `asyncpg.Record`."""

_pack: Final = msgspec.msgpack.Encoder()
_lines: Final = msgspec.msgpack.Decoder(tuple[ReservedLine, ...])


class AnswerRow(NamedTuple):
    """The arguments `answers` of `write.sql`."""

    caller: str
    key: bytes
    body_sha: bytes
    status: int
    body: bytes


class StepRow(NamedTuple):
    """The arguments `steps` of `write.sql`, without `answer`; the last four are an opening's."""

    id: str
    revision: int
    kind: str
    state: str
    counted: bool
    expires_ms: int
    order_ref: str | None
    acknowledged_ms: int | None
    price_token: str | None
    detail: str
    customer: str | None = None
    channel: str | None = None
    caller: str | None = None
    lines: bytes | None = None


def is_storable(text: str | None) -> bool:
    """Whether PostgreSQL can hold the text: it knows neither NUL nor half a surrogate pair."""
    return text is None or text.isprintable() or ("\0" not in text and _is_unicode(text))


def opening_row(reservation: Reservation, kind: str) -> StepRow:
    """A reservation that is new.

    Raises:
        ValueError: a text of it cannot be held.
    """
    return step_row(reservation, kind)._replace(
        customer=_stored(reservation.customer),
        channel=_stored(reservation.channel),
        caller=_stored(reservation.caller),
        lines=_pack.encode(reservation.lines),
        detail=msgspec.json.encode(reservation).decode(),
    )


def step_row(reservation: Reservation, kind: str) -> StepRow:
    """What a step can change of a reservation: not its lines, nor who asked for it.

    Raises:
        ValueError: a text of it cannot be held.
    """
    _stored(reservation.reservation)
    changed = {
        "expires_ms": reservation.expires_ms,
        "order_ref": _stored(reservation.order_ref),
        "acknowledged_ms": reservation.acknowledged_ms,
        "price_token": _stored(reservation.price_token),
    }
    held = {name: value for name, value in changed.items() if value is not None}
    return StepRow(
        id=reservation.reservation,
        revision=reservation.revision,
        kind=kind,
        state=reservation.state,
        counted=reservation.state in COUNTED,
        expires_ms=reservation.expires_ms,
        order_ref=reservation.order_ref,
        acknowledged_ms=reservation.acknowledged_ms,
        price_token=reservation.price_token,
        detail=msgspec.json.encode(held).decode(),
    )


def reservation_of(row: Row) -> Reservation:
    """The reservation in a row of the table."""
    return Reservation(
        reservation=row["id"],
        revision=row["revision"],
        state=State(row["state"]),
        expires_ms=row["expires_ms"],
        lines=_lines.decode(row["lines"]),
        channel=row["channel"],
        caller=row["caller"],
        customer=row["customer"],
        order_ref=row["order_ref"],
        acknowledged_ms=row["acknowledged_ms"],
        price_token=row["price_token"],
    )


def traced_of(row: Row) -> Traced:
    """The same, with the times of its steps."""
    confirmed = row["confirmed_at"]
    return Traced(
        reservation_of(row),
        _ms(row["changed_at"]),
        None if confirmed is None else _ms(confirmed),
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def key_bytes(key: str) -> bytes:
    """An idempotency key as it is held: whatever a caller has sent, and no two the same."""
    return key.encode("utf-8", "surrogatepass")


def answer_row(answer: Answer) -> AnswerRow:
    """An answer under its key.

    Raises:
        ValueError: its caller's name cannot be held.
    """
    _stored(answer.caller)
    return AnswerRow(
        answer.caller, key_bytes(answer.key), answer.body_sha, answer.status, answer.body
    )


def answer_of(row: Row) -> Answer:
    """The answer in a row of `answers.sql`."""
    return Answer(
        caller=row["caller"],
        key=row["key"].decode("utf-8", "surrogatepass"),
        body_sha=row["body_sha"],
        status=row["status"],
        body=row["body"],
    )


def ack_of(order_ref: str, acknowledged_ms: int, status: str) -> OrderAck:
    """What the ERP has said, from columns of a row."""
    return OrderAck(order_ref, acknowledged_ms, AckStatus(status))


def _stored(text: str | None) -> str | None:
    if not is_storable(text):
        raise ValueError(f"no text that PostgreSQL can hold: {text!a}")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
