"""PostgreSQL goes away, comes back, or falls silent; the gateway's process goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.domain.errors import LedgerUnavailableError
from gateway.domain.reservations import State
from gateway.ledger.client import LedgerClient
from gateway.ledger.journal import Journal
from stockspan.embedded.postgres import EmbeddedPostgres
from tests.integration.ledger.promises import (
    a_connection,
    a_journal,
    answered,
    confirmed,
    held,
    look,
)

HUNG = 30
"""Seconds after which a test that should have been refused has hung."""


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    server.prepare()
    try:
        yield server
    finally:
        server.stop()


async def test_a_server_that_stops_and_comes_back(own_server: EmbeddedPostgres) -> None:
    # The gateway starts first.
    async with asyncio.timeout(120), a_journal(own_server.dsn()) as journal:
        reservation = held()
        with pytest.raises(LedgerUnavailableError, match="no connection"):
            await journal.open(reservation, None)
        own_server.start()
        await journal.open(reservation, None)
        order = confirmed(reservation)
        for stop in (own_server.stop, own_server.kill):
            stop()
            for use in (
                journal.open(held(), answered()),
                journal.find([reservation.reservation]),
                journal.answer("checkout", "k"),
                journal.void("r_1"),
                journal.ping(),
            ):
                with pytest.raises(LedgerUnavailableError):
                    await use
            own_server.start()
            assert reservation.reservation in await journal.find([reservation.reservation])
        assert await journal.move(order, "confirm")
        assert await journal.find([reservation.reservation]) == {reservation.reservation: order}


class Road:
    """A way to a server on which everything can get lost."""

    def __init__(self) -> None:
        self.silent = False
        self.port = 0


@asynccontextmanager
async def a_road(dsn: str) -> AsyncIterator[Road]:
    road, to = Road(), urlsplit(dsn)
    travellers: set[asyncio.Task[None]] = set()

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if not road.silent:
                target.write(data)

    async def arrived(here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(to.hostname, to.port)
        directions = [asyncio.create_task(carry(*way)) for way in ((here, onward), (there, back))]
        travellers.update(directions)
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        onward.close()
        back.close()

    server = await asyncio.start_server(arrived, "127.0.0.1", 0)
    road.port = server.sockets[0].getsockname()[1]
    try:
        yield road
    finally:
        server.close()
        for traveller in travellers:
            traveller.cancel()
        for traveller in travellers:
            with suppress(asyncio.CancelledError, OSError):
                await traveller


async def test_a_server_that_falls_silent(database: str) -> None:
    async with a_road(database) as road:
        port = urlsplit(database).port
        dsn = database.replace(f":{port}/", f":{road.port}/")
        async with asyncio.timeout(HUNG), a_journal(dsn, 0.5) as journal:
            reservation = held()
            road.silent = True
            with pytest.raises(LedgerUnavailableError, match="in time"):
                await journal.open(reservation, None)
            road.silent = False
            await _once_it_answers(journal)
            await journal.open(reservation, None)
            road.silent = True
            uses = [journal.move(confirmed(reservation), "confirm") for _ in range(5)]
            uses += [journal.open(held(), None) for _ in range(5)]
            results = await asyncio.gather(
                *uses, journal.find(["r"]), journal.ping(), return_exceptions=True
            )
            assert {type(result) for result in results} == {LedgerUnavailableError}
            road.silent = False
            await _once_it_answers(journal)
            assert await journal.void(reservation.reservation) is False


async def _once_it_answers(journal: Journal) -> None:
    while True:
        with suppress(LedgerUnavailableError):
            return await journal.ping()


async def test_a_connection_whose_deadline_has_passed_is_closed(database: str) -> None:
    async with a_journal(database) as patient:
        await patient.ping()
    client = LedgerClient(database, 0.2)
    journal = Journal(client)
    await _once_it_answers(journal)
    async with asyncio.timeout(HUNG), a_connection(database) as by_hand:
        transaction = by_hand.transaction()
        await transaction.start()
        await by_hand.execute("LOCK TABLE reservation IN ACCESS EXCLUSIVE MODE")
        for use in (journal.open(held(), None), journal.find(["r_1"]), journal.of_order("O-1")):
            with pytest.raises(LedgerUnavailableError):
                await use
        await transaction.rollback()
        # Nobody of ours waits for the lock any more, and there is room for others.
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while await by_hand.fetchval(waiting):
            pass
    await _once_it_answers(journal)
    reservation = held()
    await journal.open(reservation, None)
    assert await journal.find([reservation.reservation]) != {}
    await journal.close()


async def test_an_unknown_outcome_is_settled_by_the_fence(database: str) -> None:
    """Whoever was told "unavailable" asks `void`: it is there, or never will be."""
    async with a_journal(database) as other, a_connection(database) as by_hand:
        await other.ping()
        journal = Journal(LedgerClient(database, 0.2))
        await _once_it_answers(journal)
        transaction = by_hand.transaction()
        await transaction.start()
        await by_hand.execute("LOCK TABLE reservation IN ACCESS EXCLUSIVE MODE")
        reservations = [held() for _ in range(10)]
        results = await asyncio.gather(
            *[journal.open(one, answered()) for one in reservations], return_exceptions=True
        )
        assert {type(result) for result in results} == {LedgerUnavailableError}
        await transaction.commit()
        voided = await asyncio.gather(*[other.void(one.reservation) for one in reservations])
        there = await other.find([one.reservation for one in reservations])
        for one, void in zip(reservations, voided, strict=True):
            assert (one.reservation in there) is not void
        await journal.close()


async def test_cancelled_uses_leave_the_ledger_as_good_as_before(journal: Journal) -> None:
    reservation = held()
    await journal.open(reservation, None)
    for turns in range(40):
        tasks = [
            asyncio.create_task(use)
            for use in (
                journal.of_order("O-1"),
                journal.find([reservation.reservation]),
                journal.mark(),
                journal.listed(State.HELD, 1),
            )
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert [one for one, _ in await journal.listed(None, 5)] == [reservation]


async def test_nothing_begins_after_the_end(database: str) -> None:
    journal = Journal(LedgerClient(database))
    await journal.close()
    journal = Journal(LedgerClient(database, 20))
    await journal.ping()
    await journal.close()
    for use in (journal.ping(), journal.open(held(), None), journal.find(["r_1"])):
        with pytest.raises(LedgerUnavailableError, match="closed"):
            await use


async def test_what_is_under_way_at_the_end_may_end(database: str) -> None:
    journal = Journal(LedgerClient(database, 20))
    await journal.ping()
    reservation = held()
    opening = asyncio.create_task(journal.open(reservation, None))
    async with a_connection(database) as by_hand:
        transaction = by_hand.transaction()
        await transaction.start()
        await by_hand.execute("LOCK TABLE reservation IN ACCESS EXCLUSIVE MODE")
        while not opening.done() and not await by_hand.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
        ):
            pass
        closing = asyncio.create_task(journal.close())
        await transaction.commit()
    await opening
    await closing
    assert await look(database, "SELECT id FROM reservation") == [(reservation.reservation,)]


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("postgresql://postgres:secret@127.0.0.1:1/none", "no connection"),
        ("nonsense://postgres:secret@127.0.0.1/none", "the dsn is not valid"),
    ],
)
async def test_no_error_tells_the_password(dsn: str, told: str) -> None:
    async with a_journal(dsn) as journal:
        with pytest.raises(LedgerUnavailableError, match=told) as caught:
            await journal.ping()
    assert "secret" not in str(caught.value)


async def test_a_wrong_password_is_named(database: str) -> None:
    user = urlsplit(database)
    assert user.password
    async with a_journal(database.replace(user.password, "secret")) as journal:
        with pytest.raises(LedgerUnavailableError, match="refused this user or password"):
            await journal.ping()


async def test_what_is_written_is_on_disk_whatever_the_server_does_for_others(
    database: str,
) -> None:
    # The server of the tests runs with synchronous_commit = off.
    client = LedgerClient(database, 20)
    async with client.using() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW application_name") == "stockspan-ledger"
    await client.close()
