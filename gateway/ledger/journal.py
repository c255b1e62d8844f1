"""The journal of reservations: what the services write down before they tell a customer.

Every method raises `LedgerUnavailableError` when PostgreSQL does not answer within the deadline.
What was to be written may then be written or not, and is never tried again here: whoever needs to
know asks, or makes sure with `void`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.domain.answers import Answer
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import COUNTED, Reservation, State, Traced
from gateway.gathering import Gathering
from gateway.ledger.client import LedgerClient, statement
from gateway.ledger.codec import (
    ack_of,
    answer_row,
    is_storable,
    key_bytes,
    opening_row,
    reservation_of,
    step_row,
    traced_of,
)
from gateway.ledger.lookups import Lookups
from gateway.ledger.writer import Entry, Fence, Writer

_FORGET: Final = statement("forget")
_OF_ORDER: Final = statement("of_order")
_REMEMBER: Final = statement("remember")
_ACKS_TO_APPLY: Final = statement("acks_to_apply")
_OVERDUE: Final = statement("overdue")
_OPEN_RESERVATIONS: Final = statement("open_reservations")
_CHANGED_SINCE: Final = statement("changed_since")
_MARK: Final = statement("mark")
_SETTLED: Final = statement("settled")
_UNACKNOWLEDGED: Final = statement("unacknowledged")
_REMIND: Final = statement("remind")
_AWAITING: Final = statement("awaiting")
_LISTED: Final = statement("listed")
_FIND: Final = statement("find")
_TALLY: Final = statement("tally")
_PURGES: Final = (statement("purge_answers"), statement("purge_acks"), statement("purge_voids"))

_LOT: Final = 500
_PURGE_STEP: Final = 1000


class Moved(msgspec.Struct, frozen=True):
    """A step was written. `ack` is what the ERP has already said of its order, if it was visible:
    one that is remembered at the same moment may not be (`Journal.acks_to_apply` has it then).
    """

    ack: OrderAck | None


class Journal:
    """The ledger behind `client`, which is closed with it."""

    def __init__(self, client: LedgerClient) -> None:
        self._client = client
        self._writer = Writer(client)
        self._lookups = Lookups(client)
        self._remembering: Gathering[OrderAck, None] = Gathering(self._remember, most=_LOT)

    async def open(self, reservation: Reservation, answer: Answer | None) -> None:
        """Write a reservation's first revision, event `held`, and what is answered: both or none.

        Raises:
            KeyTakenError: the caller's key has an answer younger than 24 h. Nothing was written.
            VoidedError: the id is void, or a reservation's already. Nothing was written.
            ValueError: a text holds NUL or half a surrogate pair.
            LedgerUnavailableError: as everywhere.
        """
        row = answer_row(answer) if answer is not None else None
        await self._writer.write(Entry(opening_row(reservation, "held"), row))

    async def refuse(self, answer: Answer) -> None:
        """Write what is answered where nothing was reserved.

        Raises:
            KeyTakenError: the caller's key has an answer younger than 24 h.
            LedgerUnavailableError: as everywhere.
        """
        await self._writer.write(Entry(answer=answer_row(answer)))

    async def forget(self, caller: str, key: str) -> None:
        """Remove an answer that was written down, but never given."""
        if is_storable(caller):
            await self._client.rows(_FORGET, caller, key_bytes(key))

    async def move(self, reservation: Reservation, kind: str) -> Moved | None:
        """Write a reservation's next revision if the ledger holds the one before it.

        A step never changes lines, customer, channel and caller: those of the opening stay.
        `kind` is the event's word. None: somebody was first, or there is no such reservation.

        Raises:
            ValueError: a text holds NUL or half a surrogate pair.
            LedgerUnavailableError: as everywhere.
        """
        written = await self._writer.write(Entry(step_row(reservation, kind)))
        return Moved(written.ack) if written.done else None

    async def void(self, reservation_id: str) -> bool:
        """True: the reservation is not there and can never be opened; False: it is there.

        An opening that is under way is waited for.

        Raises:
            ValueError: the id holds NUL or half a surrogate pair.
            LedgerUnavailableError: as everywhere.
        """
        if not is_storable(reservation_id):
            raise ValueError("no text that PostgreSQL can hold")
        return (await self._writer.write(Fence(reservation_id))).done

    async def find(self, ids: Sequence[str]) -> Mapping[str, Reservation]:
        """Those of the reservations that are there, by id; void ones are not."""
        return await self._lookups.find(ids)

    async def of_order(self, order_ref: str) -> Sequence[Reservation]:
        """The reservations that became this order, in any state."""
        if not is_storable(order_ref):
            return []
        return [reservation_of(row) for row in await self._client.rows(_OF_ORDER, order_ref)]

    async def answer(self, caller: str, key: str) -> Answer | None:
        """What the caller was answered under this key in the last 24 h."""
        return await self._lookups.answer(caller, key)

    async def remember(self, ack: OrderAck) -> None:
        """Keep what the ERP says of an order, whether it is known or not.

        A cancellation is never undone; of two of a kind the earlier time stands. The order in which
        they come is of no matter, and neither is how often.

        Raises:
            ValueError: the reference holds NUL or half a surrogate pair.
            LedgerUnavailableError: as everywhere.
        """
        if not is_storable(ack.order_ref):
            raise ValueError("no text that PostgreSQL can hold")
        async with self._client.in_time():
            await self._remembering.ask(ack)

    async def acks_to_apply(self, most: int = 500) -> Sequence[tuple[Reservation, OrderAck]]:
        """Reservations behind the ERP's word on their order, with that word.

        They are confirmed ones whose order it knows, and acknowledged ones whose order was
        cancelled since: what a race or a crash between remembering and moving has left.
        """
        rows = await self._client.rows(_ACKS_TO_APPLY, most, patiently=True)
        return [
            (reservation_of(row), ack_of(row["order_ref"], row["ack_ms"], row["ack_status"]))
            for row in rows
        ]

    async def overdue(self, now_ms: int, most: int = 500) -> Sequence[Reservation]:
        """Holds whose time is over at `now_ms` (the store's clock), the longest overdue first."""
        rows = await self._client.rows(_OVERDUE, now_ms, most, patiently=True)
        return [reservation_of(row) for row in rows]

    async def open_reservations(self, page: int = 1000) -> AsyncIterator[Sequence[Reservation]]:
        """Every reservation that takes units, by id, so many at a time.

        Each page is of its own moment: what is opened meanwhile may be among them or not, and a
        `mark` taken before the first page says from where to follow.
        """
        last = ""
        while rows := await self._client.rows(_OPEN_RESERVATIONS, last, page, patiently=True):
            yield [reservation_of(row) for row in rows]
            last = rows[-1]["id"]

    async def changed_since(self, mark: int, most: int = 5000) -> tuple[int, Sequence[Reservation]]:
        """The reservations with events since a mark, as they are now, and the next mark.

        None is missed, however late its transaction commits; some are given more than once. About
        `most` events are read at a time: ask again until nothing comes. A mark is a number of
        PostgreSQL's (`mark`): it means nothing to another server, where everything is given again.
        """
        rows = await self._client.rows(_CHANGED_SINCE, mark, most, patiently=True)
        return rows[0]["mark"], [reservation_of(row) for row in rows if row["id"] is not None]

    async def mark(self) -> int:
        """The present, for `changed_since`."""
        rows = await self._client.rows(_MARK, patiently=True)
        mark: int = rows[0]["mark"]
        return mark

    async def settled(self, ids: Sequence[str]) -> None:
        """The ERP's figure has the units of these acknowledged orders: they count no more.

        Others among them stay as they are. It is no step, and has no revision.
        """
        await self._client.rows(_SETTLED, list(filter(is_storable, ids)), patiently=True)

    async def unacknowledged(
        self, before: datetime | None = None, most: int = 1000
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Orders without a word from the ERP, with the times when they were confirmed.

        Oldest first. `before` (with a time zone) leaves out those confirmed then or later.
        """
        rows = await self._client.rows(_UNACKNOWLEDGED, before, most, patiently=True)
        return [(reservation_of(row), row["confirmed_at"]) for row in rows]

    async def remind(
        self, before: datetime, most: int = 500
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Orders confirmed before, still without a word from the ERP; each is given once, ever."""
        rows = await self._client.rows(_REMIND, before, most, patiently=True)
        return [(reservation_of(row), row["confirmed_at"]) for row in rows]

    async def awaiting(self) -> tuple[int, datetime | None]:
        """How many orders are without a word from the ERP, and when the oldest was confirmed."""
        rows = await self._client.rows(_AWAITING, patiently=True)
        return rows[0]["orders"], rows[0]["oldest"]

    async def listed(
        self, state: State | None, most: int
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Reservations in a state, or in any, with the times of their last steps, newest first."""
        states = list(State) if state is None else [state]
        rows = await self._client.rows(_LISTED, states, most, patiently=True)
        return [(reservation_of(row), row["changed_at"]) for row in rows]

    async def traced(self, ids: Sequence[str]) -> Mapping[str, Traced]:
        """Those of the reservations that are there, by id, with the times of their steps."""
        rows = await self._client.rows(_FIND, list(filter(is_storable, ids)), patiently=True)
        return {row["id"]: traced_of(row) for row in rows}

    async def tally(self) -> Mapping[State, int]:
        """How many reservations take units, by state; of acknowledged ones, those that still do."""
        rows = await self._client.rows(_TALLY, patiently=True)
        return dict.fromkeys(COUNTED, 0) | {
            State(row["state"]): row["reservations"] for row in rows
        }

    async def purge(self) -> int:
        """Remove answers older than 24 h, acknowledgements older than 90 days, and voids older
        than a day, some at a time; how many.
        """
        removed = 0
        for purge in _PURGES:
            while rows := await self._client.rows(purge, _PURGE_STEP, patiently=True):
                removed += len(rows)
        return removed

    async def ping(self) -> None:
        """Return when the ledger answers."""
        await self._client.rows("SELECT 1")

    async def close(self) -> None:
        """Let what is under way end, within the deadline, and close every connection."""
        await self._client.close()
        await self._writer.end()
        await self._lookups.end()
        await self._remembering.end()

    async def _remember(self, acks: Sequence[OrderAck]) -> Sequence[None]:
        told: dict[str, OrderAck] = {}
        for ack in acks:
            told[ack.order_ref] = min(ack, told.get(ack.order_ref, ack), key=_precedence)
        await self._client.rows(
            _REMEMBER,
            list(told),
            [ack.acknowledged_ms for ack in told.values()],
            [ack.status for ack in told.values()],
        )
        return [None] * len(acks)


def _precedence(ack: OrderAck) -> tuple[bool, int]:
    return ack.status is not AckStatus.CANCELLED, ack.acknowledged_ms
