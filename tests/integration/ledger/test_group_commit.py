"""Many steps share a commit, and yet each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.domain.errors import KeyTakenError, LedgerUnavailableError, VoidedError
from gateway.domain.reservations import State
from gateway.ledger.journal import Journal
from tests.integration.ledger.promises import (
    a_connection,
    answered,
    confirmed,
    held,
    look,
    until_somebody_waits,
)

COMMITS = "SELECT count(DISTINCT xact) FROM reservation_event"


async def test_steps_share_a_commit(journal: Journal, database: str) -> None:
    reservations = [held() for _ in range(200)]
    await asyncio.gather(*[journal.open(one, answered()) for one in reservations])
    [(opening,)] = await look(database, COMMITS)
    assert opening <= 4
    moved = await asyncio.gather(*[journal.move(confirmed(one), "c") for one in reservations])
    assert None not in moved
    [(both,)] = await look(database, COMMITS)
    assert both - opening <= 4


async def test_one_that_cannot_be_written_keeps_no_other_from_it(
    journal: Journal, database: str
) -> None:
    taken = answered("taken")
    await journal.refuse(taken)
    void = {7, 60, 61, 199}
    key_taken = {3, 60, 120}
    reservations = [held(f"r_{number:03}") for number in range(200)]
    for number in void:
        assert await journal.void(f"r_{number:03}")
    released = held("r_released")
    await journal.open(released, None)
    results = await asyncio.gather(
        *[
            journal.open(one, taken if number in key_taken else answered(f"k-{number:03}"))
            for number, one in enumerate(reservations)
        ],
        journal.move(released.next(State.RELEASED), "release"),
        journal.refuse(answered("refused")),
        return_exceptions=True,
    )
    for number, result in enumerate(results[:200]):
        if number in key_taken:
            assert isinstance(result, KeyTakenError)
        elif number in void:
            assert isinstance(result, VoidedError)
        else:
            assert result is None
    assert results[200] is not None
    assert not isinstance(results[200], BaseException)
    assert results[201] is None
    # Both or none: whoever was opened has an answer, and nobody else.
    wanted = [number for number in range(200) if number not in void | key_taken]
    ids = [f"r_{number:03}" for number in wanted]
    assert sorted(await journal.find([one.reservation for one in reservations])) == ids
    keys = [
        bytes(key).decode()
        for (key,) in await look(database, "SELECT key FROM idempotency_record ORDER BY key")
    ]
    assert keys == sorted([*(f"k-{number:03}" for number in wanted), "refused", "taken"])
    assert [
        id_
        for (id_,) in await look(
            database,
            "SELECT reservation FROM reservation_event WHERE kind = 'held' "
            "AND reservation <> 'r_released' ORDER BY 1",
        )
    ] == ids


async def test_what_the_database_refuses_keeps_no_other_from_it(journal: Journal) -> None:
    # No clock says so; it stands for whatever asyncpg or the database will not take.
    impossible = held(expires_ms=2**70)
    reservations = [held() for _ in range(20)]
    tried = [*reservations[:10], impossible, *reservations[10:]]
    results = await asyncio.gather(
        *[journal.open(one, None) for one in tried], return_exceptions=True
    )
    assert [result for result in results if result is not None] == [results[10]]
    assert isinstance(results[10], LedgerUnavailableError)
    assert str(2**70) not in str(results[10])
    assert len(await journal.find([one.reservation for one in tried])) == 20


async def test_who_gives_up_takes_nobody_along(journal: Journal, database: str) -> None:
    await journal.ping()
    reservations = [held() for _ in range(30)]
    async with a_connection(database) as by_hand:
        transaction = by_hand.transaction()
        await transaction.start()
        await by_hand.execute("LOCK TABLE reservation IN ACCESS EXCLUSIVE MODE")
        tasks = [asyncio.create_task(journal.open(one, None)) for one in reservations]
        finds = [asyncio.create_task(journal.find([one.reservation])) for one in reservations]
        await asyncio.wait_for(until_somebody_waits(by_hand, 2), 30)
        for task in [*tasks[::2], *finds[::2]]:
            task.cancel()
        await asyncio.wait([*tasks[::2], *finds[::2]])
        await transaction.commit()
    await asyncio.gather(*tasks[1::2], *finds[1::2])
    found = await journal.find([one.reservation for one in reservations])
    assert {one.reservation for one in reservations[1::2]} <= found.keys()


async def test_questions_share_a_round_trip(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservation, answer = held(), answered()
    await journal.open(reservation, answer)
    asked: list[str] = []
    client = journal._client
    rows = client.rows

    async def counting(sql: str, *arguments: object, patiently: bool = False) -> Sequence[object]:
        asked.append(sql)
        return await rows(sql, *arguments, patiently=patiently)

    monkeypatch.setattr(client, "rows", counting)
    found = await asyncio.gather(
        *[journal.find([reservation.reservation, f"r_{number}"]) for number in range(50)],
        *[journal.answer(answer.caller, answer.key) for _ in range(50)],
        journal.answer(answer.caller, "other"),
    )
    assert found[:50] == [{reservation.reservation: reservation}] * 50
    assert found[50:] == [answer] * 50 + [None]
    assert len(asked) == 2
