"""`stockspan reservations`: what was promised, for an operator, and whether the store holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
from rich.table import Column, Table

from gateway.config.settings import Settings
from gateway.domain.errors import LedgerUnavailableError
from gateway.domain.quantities import to_number
from gateway.domain.reservations import Reservation, State
from gateway.services.journal import Journal
from gateway.services.verification import Difference, Report, Verification
from gateway.store.client import StoreClient
from gateway.store.clock import StoreClock
from gateway.store.due import DueIndex
from gateway.store.hold_entries import HoldEntries
from gateway.store.holds import Holds
from gateway.store.keys import Keyspace
from gateway.store.lane import Lane
from gateway.wiring.connections import clock_ms, local_ms
from gateway.wiring.promising import can_promise, open_journal
from stockspan.ages import age_text
from stockspan.failure import Failure

_STORE_SECONDS = 2.0
_REPAIRS = 3

_ID = Column("reservation", no_wrap=True, min_width=24)


class Verified(msgspec.Struct, frozen=True):
    """What was found, and what of it could not be put right; where nothing was to be, all of it."""

    report: Report
    left: Sequence[Difference]


async def listed(settings: Settings, state: State | None, most: int) -> Table:
    """Reservations in a state, or in any, newest first.

    Raises:
        Failure: nothing is promised here.
        LedgerUnavailableError: it does not answer.
    """
    async with _journal(settings) as journal:
        found = await journal.listed(state, most)
    table = Table(_ID, "state", "changed", "order", "customer", "lines")
    for held, changed in found:
        table.add_row(*_row(held, changed))
    return table


async def unacknowledged(settings: Settings, most: int) -> tuple[Table, int]:
    """Orders that the ERP has not acknowledged, oldest first; and how many are overdue.

    Raises:
        Failure: nothing is promised here.
        LedgerUnavailableError: it does not answer.
    """
    async with _journal(settings) as journal:
        found = await journal.unacknowledged(None, most)
    overdue = _now() - timedelta(seconds=settings.reservations.acknowledge_within)
    table = Table(_ID, "order", "confirmed", "customer", "lines", "")
    late = 0
    for held, confirmed in found:
        name, _, age, order, customer, lines = _row(held, confirmed)
        is_late = confirmed <= overdue
        late += is_late
        table.add_row(name, order, age, customer, lines, "overdue" if is_late else "")
    return table, late


async def verify(settings: Settings, *, repair: bool) -> Verified:
    """Hold the store against the ledger; with `repair`, make it hold what the ledger says.

    Raises:
        Failure: nothing is promised here.
        LedgerUnavailableError, StoreUnavailableError: it does not answer.
    """
    async with _store(settings) as (client, lane):
        keys = Keyspace(settings.store.prefix)
        clock = StoreClock(local_ms, clock_ms)
        journal = open_journal(settings, client, lane)
        holds = Holds(client, keys, lane, DueIndex(keys, lane, clock), clock, _nothing)
        verification = Verification(journal, HoldEntries(client, keys, lane), holds)
        try:
            await holds.is_restored()  # which is how the store's clock is learnt
            report = await verification.verify(clock.now_ms())
            left = report.differences
            for _ in range(_REPAIRS if repair else 0):
                if left:
                    await verification.repair(left)
                    left = (await verification.verify(clock.now_ms())).differences
        finally:
            await journal.close()
    return Verified(report, left)


async def problems(settings: Settings) -> Sequence[str]:
    """What is wrong with the ledger; nothing where none is configured."""
    if not can_promise(settings):
        return []
    try:
        async with _journal(settings) as journal:
            await journal.ping()
    except LedgerUnavailableError as error:
        return [f"the ledger (ledger.dsn) cannot be used: {error}"]
    return []


def differences_table(differences: Sequence[Difference]) -> Table:
    """A row for each."""
    table = Table("SKU", "reservation", "difference")
    for one in differences:
        table.add_row(one.sku, one.reservation or "–", one.kind)
    return table


@asynccontextmanager
async def _journal(settings: Settings) -> AsyncIterator[Journal]:
    async with _store(settings) as (client, lane):
        journal = open_journal(settings, client, lane)
        try:
            yield journal
        finally:
            await journal.close()


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[tuple[StoreClient, Lane]]:
    if not can_promise(settings):
        raise Failure(
            'nothing is promised here: set ledger.dsn, or reservations.durability = "redis"'
        )
    store = settings.store
    # An operator has more time than a request.
    deadline = max(store.timeout, _STORE_SECONDS)
    client = StoreClient.connect(store.url, mode=store.mode, deadline=deadline)
    lane = Lane(client, Keyspace(store.prefix))
    try:
        yield client, lane
    finally:
        await lane.end()
        await client.close()


def _row(held: Reservation, since: datetime) -> tuple[str, str, str, str, str, str]:
    lines = ", ".join(f"{to_number(line.quantity)} × {line.sku}" for line in held.lines)
    age = age_text(int((_now() - since).total_seconds() * 1000))
    return held.reservation, held.state, age, held.order_ref or "–", held.customer or "–", lines


def _now() -> datetime:
    return datetime.fromtimestamp(clock_ms() / 1000, UTC)


def _nothing() -> None:
    return
