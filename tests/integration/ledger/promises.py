"""Reservations and answers for tests of the ledger, and a look behind its back."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from gateway.domain.answers import Answer
from gateway.domain.reservations import Allocation, Reservation, ReservedLine, State
from gateway.ledger.client import LedgerClient
from gateway.ledger.codec import opening_row, step_row
from gateway.ledger.journal import Journal
from gateway.ledger.writer import Entry, enter

LINES = (
    ReservedLine("A-100", 3000, (Allocation("W1", 1000), Allocation("W2", 2000))),
    ReservedLine("a}{b", 5000, (), backordered=5000, waiting=(Allocation("W1", 5000),)),
)


def held(reservation: str | None = None, **changes: object) -> Reservation:
    """A new reservation."""
    made = Reservation(
        reservation=reservation or f"r_{secrets.token_hex(8)}",
        revision=1,
        state=State.HELD,
        expires_ms=1_800_000_000_000,
        lines=LINES,
        channel="web",
        caller="checkout",
        customer="C-1",
    )
    return msgspec.structs.replace(made, **changes)


def answered(key: str | None = None, **changes: object) -> Answer:
    """What was answered under a key."""
    made = Answer("checkout", key or f"k-{secrets.token_hex(8)}", b"\x00\xff" * 16, 201, b'{"a":1}')
    return msgspec.structs.replace(made, **changes)


def confirmed(reservation: Reservation, order_ref: str = "O-1") -> Reservation:
    return reservation.next(State.CONFIRMED, order_ref=order_ref)


def acknowledged(reservation: Reservation, acknowledged_ms: int = 7) -> Reservation:
    return reservation.next(State.ACKNOWLEDGED, acknowledged_ms=acknowledged_ms)


@asynccontextmanager
async def a_journal(dsn: str, deadline: float = 20.0) -> AsyncIterator[Journal]:
    """A journal of its own connections, as another worker would have."""
    journal = Journal(LedgerClient(dsn, deadline))
    try:
        yield journal
    finally:
        await journal.close()


@asynccontextmanager
async def a_connection(dsn: str) -> AsyncIterator[Any]:
    """A bare connection that sees the ledger's tables."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "stockspan"})
    try:
        yield connection
    finally:
        await connection.close()


async def look(dsn: str, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    """What a query gives."""
    async with a_connection(dsn) as connection:
        return [tuple(row) for row in await connection.fetch(sql, *arguments)]


async def write_by_hand(connection: Any, *steps: Reservation) -> None:
    """Write steps as the ledger does, on a connection whose transaction is the test's own."""
    entries = {
        place: Entry((opening_row if step.revision == 1 else step_row)(step, "by hand"))
        for place, step in enumerate(steps)
    }
    await enter(connection, entries, {})


async def until_somebody_waits(connection: Any, count: int = 1) -> None:
    """Return when so many sessions of this database wait for a lock."""
    waiting = 0
    while waiting < count:
        # Within a transaction the view stands still.
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        waiting = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )


async def pages(journal: Journal, page: int) -> list[Sequence[Reservation]]:
    return [found async for found in journal.open_reservations(page)]
