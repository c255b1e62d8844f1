"""Workers of one ledger who want the same thing at the same time: exactly one gets it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from gateway.domain.errors import KeyTakenError, VoidedError
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import State
from gateway.ledger.journal import Journal
from tests.integration.ledger.promises import (
    a_connection,
    a_journal,
    answered,
    confirmed,
    held,
    look,
    until_somebody_waits,
    write_by_hand,
)

DEADLINE = 30


async def test_of_two_steps_on_one_revision_the_first_alone_is_written(
    journal: Journal, database: str
) -> None:
    rounds = [held() for _ in range(200)]
    await asyncio.gather(*[journal.open(reservation, None) for reservation in rounds])
    async with a_journal(database) as other:
        for reservation in rounds:
            confirm, release = confirmed(reservation), reservation.next(State.RELEASED)
            won = await asyncio.gather(
                journal.move(confirm, "confirm"), other.move(release, "release")
            )
            assert [one is not None for one in won].count(True) == 1
            there = (await journal.find([reservation.reservation]))[reservation.reservation]
            assert there == (confirm if won[0] else release)
    assert await look(
        database, "SELECT count(*), count(DISTINCT reservation) FROM reservation_event"
    ) == [(400, 200)]


async def test_of_many_steps_on_one_revision_in_one_worker(journal: Journal) -> None:
    reservation = held()
    await journal.open(reservation, None)
    steps = [
        reservation.next(State.HELD, expires_ms=reservation.expires_ms + number)
        for number in range(20)
    ]
    won = await asyncio.gather(*[journal.move(step, "extend") for step in steps])
    assert [one is not None for one in won].count(True) == 1


async def test_crossing_lots_of_steps_do_not_block_one_another(
    journal: Journal, database: str
) -> None:
    # Every worker sweeps up the same holds, each in an order of its own.
    reservations = [held() for _ in range(200)]
    await asyncio.gather(*[journal.open(reservation, None) for reservation in reservations])
    lapsed = [reservation.next(State.EXPIRED) for reservation in reservations]
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(a_journal(database)) for _ in range(4)]
        won = await asyncio.gather(
            *[
                worker.move(step, "lapse")
                for number, worker in enumerate(workers)
                for step in (lapsed if number % 2 else reversed(lapsed))
            ]
        )
    assert len([one for one in won if one is not None]) == 200
    assert await look(database, "SELECT sum(deadlocks) FROM pg_stat_database") == [(0,)]


@pytest.mark.parametrize("workers", [1, 2])
async def test_of_openings_with_one_key_one_opens(database: str, workers: int) -> None:
    async with AsyncExitStack() as stack:
        journals = [await stack.enter_async_context(a_journal(database)) for _ in range(workers)]
        tried = [
            (held(), answered("same", body=str(number).encode(), caller="checkout"))
            for number in range(20)
        ]
        results = await asyncio.gather(
            *[
                journals[number % workers].open(reservation, answer)
                for number, (reservation, answer) in enumerate(tried)
            ],
            return_exceptions=True,
        )
        opened = [pair for pair, result in zip(tried, results, strict=True) if result is None]
        assert [type(result) for result in results].count(KeyTakenError) == 19
        assert len(opened) == 1
        assert await journals[0].answer("checkout", "same") == opened[0][1]
        assert await look(database, "SELECT id FROM reservation") == [(opened[0][0].reservation,)]
        assert await look(database, "SELECT reservation FROM reservation_event") == [
            (opened[0][0].reservation,)
        ]


async def test_void_and_open_at_once(journal: Journal, database: str) -> None:
    outcomes = Counter[bool]()
    async with a_journal(database) as other:
        for number in range(200):
            reservation, answer = held(), answered()
            both = [
                asyncio.create_task(journal.open(reservation, answer)),
                asyncio.create_task(other.void(reservation.reservation)),
            ]
            opened, void = await asyncio.gather(
                *(reversed(both) if number % 2 else both), return_exceptions=True
            )
            opened, void = (task.exception() or task.result() for task in both)
            assert (opened is None and void is False) or (
                isinstance(opened, VoidedError) and void is True
            )
            there = await other.find([reservation.reservation])
            assert (reservation.reservation in there) is not void
            assert (await journal.answer(answer.caller, answer.key) is None) is void
            outcomes[bool(void)] += 1
    assert sum(outcomes.values()) == 200


@pytest.mark.parametrize("committed", [True, False])
async def test_a_void_waits_for_an_opening_under_way(
    journal: Journal, database: str, committed: bool
) -> None:
    reservation = held()
    await journal.ping()
    async with asyncio.timeout(DEADLINE), a_connection(database) as by_hand:
        transaction = by_hand.transaction()
        await transaction.start()
        await write_by_hand(by_hand, reservation)
        void = asyncio.create_task(journal.void(reservation.reservation))
        await until_somebody_waits(by_hand)
        await (transaction.commit() if committed else transaction.rollback())
        assert await void is not committed
    if not committed:
        with pytest.raises(VoidedError):
            await journal.open(reservation, None)
    found = await journal.find([reservation.reservation])
    assert found == ({reservation.reservation: reservation} if committed else {})


@pytest.mark.parametrize("committed", [True, False])
async def test_an_opening_waits_for_a_void_under_way(
    journal: Journal, database: str, committed: bool
) -> None:
    reservation, answer = held(), answered()
    await journal.ping()
    async with asyncio.timeout(DEADLINE), a_connection(database) as by_hand:
        transaction = by_hand.transaction()
        await transaction.start()
        await by_hand.execute(
            "INSERT INTO reservation (id, revision, state, counted, expires_ms, channel, caller, "
            "lines) VALUES ($1, 0, 'void', false, 0, '', '', '')",
            reservation.reservation,
        )
        opening = asyncio.create_task(journal.open(reservation, answer))
        await until_somebody_waits(by_hand)
        await (transaction.commit() if committed else transaction.rollback())
        if committed:
            with pytest.raises(VoidedError):
                await opening
        else:
            await opening
    assert (await journal.find([reservation.reservation]) == {}) is committed
    assert (await journal.answer(answer.caller, answer.key) is None) is committed


async def test_a_step_waits_for_one_under_way_and_yields(journal: Journal, database: str) -> None:
    reservation = held()
    await journal.open(reservation, None)
    first, second = confirmed(reservation), reservation.next(State.RELEASED)
    async with asyncio.timeout(DEADLINE), a_connection(database) as by_hand:
        transaction = by_hand.transaction()
        await transaction.start()
        await write_by_hand(by_hand, first)
        late = asyncio.create_task(journal.move(second, "release"))
        await until_somebody_waits(by_hand)
        await transaction.commit()
        assert await late is None
    assert await journal.find([reservation.reservation]) == {reservation.reservation: first}


async def test_two_fences_and_an_opening_in_one_lot(journal: Journal) -> None:
    reservation = held()
    opened, first, second = await asyncio.gather(
        journal.open(reservation, None),
        journal.void(reservation.reservation),
        journal.void(reservation.reservation),
    )
    assert (opened, first, second) == (None, False, False)


async def test_acks_from_many_workers_come_to_the_same(database: str) -> None:
    acks = [OrderAck(f"O-{number % 5}", number) for number in range(50)]
    acks += [OrderAck("O-3", 99, AckStatus.CANCELLED), OrderAck("O-3", 98, AckStatus.CANCELLED)]
    async with AsyncExitStack() as stack:
        journals = [await stack.enter_async_context(a_journal(database)) for _ in range(3)]
        await asyncio.gather(
            *[
                journals[number % 3].remember(ack)
                for number, ack in enumerate([*acks, *reversed(acks)])
            ]
        )
    assert await look(
        database, "SELECT order_ref, acknowledged_ms, status FROM order_ack ORDER BY order_ref"
    ) == [
        ("O-0", 0, "accepted"),
        ("O-1", 1, "accepted"),
        ("O-2", 2, "accepted"),
        ("O-3", 98, "cancelled"),
        ("O-4", 4, "accepted"),
    ]
