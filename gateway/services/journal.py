"""What services need of the ledger: the journal of what was promised (`gateway.ledger.journal`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateway.domain.answers import Answer
from gateway.domain.orders import OrderAck
from gateway.domain.reservations import Reservation, State, Traced


class Moved(Protocol):
    """A step was written down."""

    @property
    def ack(self) -> OrderAck | None:
        """What the ERP has said of the order before, if it did."""


class Steps(Protocol):
    """Writes steps of reservations down, each only if none has come before it.

    Everything here may raise LedgerUnavailableError: it may have been done all the same.
    """

    async def open(self, reservation: Reservation, answer: Answer | None) -> None:
        """Write a new reservation and what its caller is told, both or neither.

        Raises:
            KeyTakenError: the caller was told something else for this key.
            VoidedError: it was declared never to have come to be.
        """

    async def refuse(self, answer: Answer) -> None:
        """Write what a caller was told that got nothing.

        Raises:
            KeyTakenError: the caller was told something else for this key.
        """

    async def forget(self, caller: str, key: str) -> None:
        """What the caller was told for this key was never said."""

    async def move(self, reservation: Reservation, kind: str) -> Moved | None:
        """Write the next step; None where another has come first."""

    async def void(self, reservation_id: str) -> bool:
        """Let a reservation never come to be; False where it has."""

    async def find(self, ids: Sequence[str]) -> Mapping[str, Reservation]:
        """Those of these reservations that there are."""

    async def answer(self, caller: str, key: str) -> Answer | None:
        """What the caller was told for this key within a day."""


class Acks(Protocol):
    """Remembers what ERPs say of orders."""

    async def remember(self, ack: OrderAck) -> None:
        """Write down what was said; a cancelled order stays cancelled."""

    async def of_order(self, order_ref: str) -> Sequence[Reservation]:
        """The reservations that were confirmed for this order."""

    async def acks_to_apply(self, most: int = 500) -> Sequence[tuple[Reservation, OrderAck]]:
        """Reservations with what was said of their orders, where that is not applied yet."""


class Promises(Protocol):
    """Everything that was promised, for a store that lost it."""

    async def mark(self) -> int:
        """Where the journal is now."""

    async def changed_since(self, mark: int, most: int = 5000) -> tuple[int, Sequence[Reservation]]:
        """What reservations have become that went on since, and where the journal is then."""

    def open_reservations(self, page: int = 1000) -> AsyncIterator[Sequence[Reservation]]:
        """Every reservation that takes units."""


class Housekeeping(Steps, Protocol):
    """What is looked after in the background."""

    async def overdue(self, now_ms: int, most: int = 500) -> Sequence[Reservation]:
        """Holds whose time is over."""

    async def settled(self, ids: Sequence[str]) -> None:
        """The ERP's figures have these orders: they take no units any more."""

    async def ping(self) -> None:
        """Return if it answers."""

    async def purge(self) -> int:
        """Forget answers and acknowledgements that nobody can ask for again."""


class Records(Protocol):
    """What an operator looks at."""

    async def listed(
        self, state: State | None, most: int
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Reservations in a state, or in any, with the times of their last steps, newest first."""

    async def unacknowledged(
        self, before: datetime | None = None, most: int = 1000
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Orders without a word from the ERP, with the times of confirmation, oldest first."""

    async def traced(self, ids: Sequence[str]) -> Mapping[str, Traced]:
        """Those of these reservations that there are, with the times of their steps."""

    async def tally(self) -> Mapping[State, int]:
        """How many reservations take units, by state."""


class Waiting(Protocol):
    """Knows which orders wait for the ERP's word."""

    async def remind(
        self, before: datetime, most: int = 500
    ) -> Sequence[tuple[Reservation, datetime]]:
        """Those confirmed before that wait still, with the times; each is given once, ever."""

    async def awaiting(self) -> tuple[int, datetime | None]:
        """How many wait, and when the oldest was confirmed."""


class Journal(Housekeeping, Acks, Promises, Records, Waiting, Protocol):
    """All of it."""

    async def close(self) -> None:
        """Let go of the ledger."""
