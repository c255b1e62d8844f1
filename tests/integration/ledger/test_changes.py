"""Following the journal: nothing is missed, however late it commits."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.domain.reservations import Reservation, State
from gateway.ledger.journal import Journal
from tests.integration.ledger.promises import (
    a_connection,
    a_journal,
    held,
    look,
    write_by_hand,
)


class Follower:
    """Somebody who knows of reservations by their changes alone."""

    def __init__(self, journal: Journal, most: int) -> None:
        self.known: dict[str, Reservation] = {}
        self._journal = journal
        self._most = most
        self._mark = 0

    async def follow(self) -> int:
        """Take over one part; how much it was."""
        self._mark, changed = await self._journal.changed_since(self._mark, self._most)
        self.known |= {one.reservation: one for one in changed}
        return len(changed)

    async def catch_up(self) -> None:
        while await self.follow():
            pass


async def test_what_commits_late_is_not_missed(journal: Journal, database: str) -> None:
    late, early = held("r_late"), held("r_early")
    await journal.ping()
    follower = Follower(journal, 100)
    async with a_connection(database) as by_hand:
        transaction = by_hand.transaction()
        await transaction.start()
        await write_by_hand(by_hand, late)
        await journal.open(early, None)
        # Its number and its transaction are above the late one's, and yet it is told at once.
        await follower.follow()
        assert list(follower.known) == ["r_early"]
        await follower.follow()
        await transaction.commit()
    await follower.follow()
    assert follower.known == {"r_late": late, "r_early": early}
    assert await follower.follow() == 0


async def test_a_transaction_that_never_ends_hides_nothing_new(
    journal: Journal, database: str
) -> None:
    await journal.ping()
    follower = Follower(journal, 2)
    async with a_connection(database) as foreign:
        transaction = foreign.transaction()
        await transaction.start()
        await foreign.execute("CREATE TABLE public.somebody_elses (n integer)")
        for number in range(6):
            await journal.open(held(f"r_{number}"), None)
            await follower.follow()
        assert len(follower.known) == 6
        await transaction.commit()
    await follower.catch_up()
    assert len(follower.known) == 6


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_the_order_of_commits(database: str, seed: int) -> None:
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(a_journal(database))
        await journal.ping()
        follower = Follower(journal, chance.randint(1, 4))
        idle = [await stack.enter_async_context(a_connection(database)) for _ in range(4)]
        busy: list[tuple[Any, Any, Reservation | None]] = []
        there: dict[str, Reservation] = {}
        for number in range(60):
            action = chance.choice(["begin", "begin", "end", "end", "follow"])
            if action == "begin" and idle:
                connection = idle.pop(chance.randrange(len(idle)))
                transaction = connection.transaction()
                await transaction.start()
                # Nobody else is at work on it: it would be waited for.
                free = sorted(there.keys() - {one.reservation for _, _, one in busy if one})
                if free and chance.random() < 0.5:
                    held_one = there[chance.choice(free)]
                    step = held_one.next(State.HELD, expires_ms=number)
                else:
                    step = held(f"r_{number}")
                await write_by_hand(connection, step)
                busy.append((connection, transaction, step))
            elif action == "end" and busy:
                connection, transaction, ended = busy.pop(chance.randrange(len(busy)))
                if chance.random() < 0.2:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    assert ended is not None
                    there[ended.reservation] = ended
                idle.append(connection)
            elif action == "follow":
                await follower.follow()
        for _, transaction, _ in busy:
            await transaction.rollback()
        await follower.catch_up()
        assert follower.known == there
        assert there


async def test_while_many_write(database: str) -> None:
    async with AsyncExitStack() as stack:
        journals = [await stack.enter_async_context(a_journal(database)) for _ in range(5)]
        follower = Follower(journals[0], 10)
        written: dict[str, Reservation] = {}

        async def write(journal: Journal) -> None:
            reservation = held()
            await journal.open(reservation, None)
            for number in range(5):
                reservation = reservation.next(State.HELD, expires_ms=number)
                assert await journal.move(reservation, "extend")
            written[reservation.reservation] = reservation

        writing = asyncio.gather(*[write(journals[1 + number % 4]) for number in range(80)])
        while not writing.done():
            await follower.follow()
        await writing
        await follower.catch_up()
        assert follower.known == written


async def test_a_walk_and_its_mark_give_all(database: str) -> None:
    """What a rebuild does: a mark, a walk, and whatever has changed since the mark."""
    async with a_journal(database) as journal, a_journal(database) as other:
        before = [held() for _ in range(40)]
        await asyncio.gather(*[other.open(one, None) for one in before])

        async def write(one: Reservation) -> None:
            await other.move(one.next(State.RELEASED), "release")
            await other.open(held(), None)

        follower = Follower(journal, 7)
        follower._mark = await journal.mark()
        writing = asyncio.gather(*[write(one) for one in before])
        async for page in journal.open_reservations(5):
            follower.known |= {one.reservation: one for one in page}
        await writing
        await follower.catch_up()
        counted = {one for one, known in follower.known.items() if known.state is State.HELD}
        rows = await look(database, "SELECT id FROM reservation WHERE counted")
        assert counted == {id_ for (id_,) in rows}
        assert len(counted) == 40
