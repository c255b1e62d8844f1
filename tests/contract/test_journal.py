"""What services may rely on of a journal, whichever it is: PostgreSQL's, or Redis's own."""

from __future__ import annotations

import asyncio
import itertools
from asyncio import gather
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.domain.errors import KeyTakenError, VoidedError
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import COUNTED, Reservation, State
from gateway.services.journal import Journal
from gateway.store.client import StoreClient
from tests.integration.ledger.promises import (
    a_journal,
    acknowledged,
    answered,
    confirmed,
    held,
)
from tests.redis_journals import a_redis_journal

ODD = [
    "a}{b",
    "*",
    "'; DROP TABLE reservation; --",
    '"',
    "\r\n",
    "\\",
    "Ärm-42 🙂",
    "{a,NULL}",
    ":1:",
]
SURROGATE = "r_\ud800"
CANCELLED = AckStatus.CANCELLED

Worker = Callable[[], AbstractAsyncContextManager[Journal]]


@pytest.fixture(params=["ledger", "single_client", "cluster_client"])
def worker(request: pytest.FixtureRequest) -> Worker:
    """Makes journals of one ledger, each as another worker would have it."""
    if request.param == "ledger":
        dsn: str = request.getfixturevalue("ledger_dsn")
        return lambda: a_journal(dsn)
    client: StoreClient = request.getfixturevalue(request.param)
    return lambda: a_redis_journal(client)


@pytest.fixture
async def journal(worker: Worker) -> AsyncIterator[Journal]:
    async with worker() as made:
        yield made


async def opened(journal: Journal, *reservations: Reservation) -> None:
    await gather(*(journal.open(one, None) for one in reservations))


async def moved(journal: Journal, *steps: Reservation) -> None:
    for step in steps:
        assert await journal.move(step, "stepped") is not None


async def found(journal: Journal, reservation: Reservation) -> Reservation | None:
    return (await journal.find([reservation.reservation])).get(reservation.reservation)


async def walked(journal: Journal, page: int = 1000) -> list[Sequence[Reservation]]:
    return [some async for some in journal.open_reservations(page)]


def names(reservations: Sequence[Reservation]) -> list[str]:
    return sorted(one.reservation for one in reservations)


class Follower:
    """Knows what it was told has changed."""

    def __init__(self, journal: Journal, mark: int, most: int = 5000) -> None:
        self._journal = journal
        self._mark = mark
        self._most = most
        self.known: dict[str, Reservation] = {}

    async def follow(self) -> int:
        self._mark, changed = await self._journal.changed_since(self._mark, self._most)
        self.known |= {one.reservation: one for one in changed}
        return len(changed)

    async def catch_up(self) -> None:
        while await self.follow():
            pass


async def test_what_is_opened_is_found_and_answered_again(journal: Journal) -> None:
    one, answer = held(price_token="eyJ.a.b"), answered()
    await journal.open(one, answer)
    assert await journal.find([one.reservation, "r_other"]) == {one.reservation: one}
    assert await journal.answer(answer.caller, answer.key) == answer
    assert await journal.find([]) == {}


async def test_an_opening_without_an_answer_and_without_a_customer(journal: Journal) -> None:
    one = held(customer=None)
    await journal.open(one, None)
    assert await found(journal, one) == one


async def test_a_refusal_is_answered_again(journal: Journal) -> None:
    answer = answered(status=409, body=b"")
    await journal.refuse(answer)
    assert await journal.answer(answer.caller, answer.key) == answer
    for other in (answer, msgspec.structs.replace(answer, status=201)):
        with pytest.raises(KeyTakenError):
            await journal.refuse(other)
    assert await journal.answer(answer.caller, answer.key) == answer


async def test_a_key_that_is_taken_opens_nothing(journal: Journal) -> None:
    mark, refused, promised, first = await journal.mark(), answered(), answered(), held()
    await journal.refuse(refused)
    await journal.open(first, promised)
    for answer in (refused, promised):
        one = held()
        with pytest.raises(KeyTakenError):
            await journal.open(one, msgspec.structs.replace(answer, body=b"other"))
        assert await found(journal, one) is None
        assert await journal.answer(answer.caller, answer.key) == answer
    follower = Follower(journal, mark)
    await follower.catch_up()
    assert follower.known == {first.reservation: first}


async def test_keys_of_two_callers_never_meet(journal: Journal) -> None:
    one = answered("same")
    other = msgspec.structs.replace(one, caller="other", status=409)
    await journal.refuse(one)
    await journal.refuse(other)
    assert await journal.answer(one.caller, "same") == one
    assert await journal.answer("other", "same") == other
    assert await journal.answer("third", "same") is None


async def test_what_was_never_said_is_forgotten(journal: Journal) -> None:
    answer, other, one = answered(), answered(), held()
    await journal.refuse(other)
    await journal.open(one, answer)
    await journal.forget(answer.caller, answer.key)
    await journal.forget("nobody", other.key)
    await journal.forget(SURROGATE, SURROGATE)
    assert await journal.answer(answer.caller, answer.key) is None
    assert await journal.answer(other.caller, other.key) == other
    assert await found(journal, one) == one
    await journal.refuse(answer)
    assert await journal.answer(answer.caller, answer.key) == answer


async def test_an_id_is_opened_once(journal: Journal) -> None:
    one, answer = held(), answered()
    await journal.open(one, None)
    with pytest.raises(VoidedError):
        await journal.open(one.next(State.HELD), answer)
    assert await found(journal, one) == one
    assert await journal.answer(answer.caller, answer.key) is None
    other = held()
    await journal.open(other, answer)
    assert await journal.answer(answer.caller, answer.key) == answer


async def test_a_step_is_written_on_the_one_before_it_alone(journal: Journal) -> None:
    first = held()
    second = confirmed(first)
    await journal.open(first, None)
    assert await journal.move(msgspec.structs.replace(second, revision=3), "confirm") is None
    assert await journal.move(msgspec.structs.replace(second, revision=1), "confirm") is None
    assert await journal.of_order("O-1") == []
    written = await journal.move(second, "confirm")
    assert written is not None
    assert written.ack is None
    assert await journal.move(first.next(State.RELEASED), "release") is None
    assert await journal.move(second, "confirm") is None
    assert await found(journal, first) == second


async def test_a_step_changes_no_more_than_it_may(journal: Journal) -> None:
    first = held()
    await journal.open(first, None)
    step = first.next(
        State.HELD,
        lines=(),
        customer="C-2",
        channel="app",
        caller="x",
        expires_ms=7,
        price_token="t",
    )
    await moved(journal, step)
    changed = msgspec.structs.replace(first, revision=2, expires_ms=7, price_token="t")
    assert await found(journal, first) == changed


async def test_nothing_is_moved_that_was_not_opened(journal: Journal) -> None:
    one = held()
    assert await journal.move(confirmed(one), "confirm") is None
    assert await journal.void(one.reservation)
    assert await journal.move(one, "x") is None
    assert await journal.move(confirmed(one), "confirm") is None
    assert await found(journal, one) is None


async def test_what_is_void_is_never_opened(journal: Journal) -> None:
    one, answer, mark = held(), answered(), await journal.mark()
    assert await journal.void(one.reservation)
    assert await journal.void(one.reservation)
    with pytest.raises(VoidedError):
        await journal.open(one, answer)
    assert await found(journal, one) is None
    assert await journal.answer(answer.caller, answer.key) is None
    assert await walked(journal) == []
    assert (await journal.changed_since(mark))[1] == []
    assert await journal.listed(None, 10) == []


@pytest.mark.parametrize("state", State)
async def test_what_was_opened_is_never_void(journal: Journal, state: State) -> None:
    one = held()
    await journal.open(one, None)
    await moved(journal, one.next(state))
    assert await journal.void(one.reservation) is False
    assert await found(journal, one) == one.next(state)


WORDS = [
    OrderAck("O-1", 5),
    OrderAck("O-1", 3),
    OrderAck("O-1", 9, CANCELLED),
    OrderAck("O-1", 8, CANCELLED),
]


@pytest.mark.parametrize("some", [1, 2, 3, 4])
async def test_of_what_was_said_the_same_stands_whatever_the_order(
    journal: Journal, some: int
) -> None:
    for number, words in enumerate(itertools.permutations(WORDS, some)):
        order_ref = f"O-{number}"
        for word in words:
            await journal.remember(msgspec.structs.replace(word, order_ref=order_ref))
        one = held()
        await journal.open(one, None)
        written = await journal.move(confirmed(one, order_ref), "confirm")
        stands = min(words, key=lambda word: (word.status is not CANCELLED, word.acknowledged_ms))
        assert written is not None
        assert written.ack == msgspec.structs.replace(stands, order_ref=order_ref)


async def test_the_reservations_of_an_order(journal: Journal) -> None:
    ones, other, open_one = [held(f"r_{number}") for number in range(4)], held(), held()
    await opened(journal, *ones, other, open_one)
    await moved(journal, *map(confirmed, ones), confirmed(other, "O-11"))
    ended = confirmed(ones[2]).next(State.CANCELLED)
    await moved(journal, ended)
    become = [confirmed(one) for one in ones]
    become[2] = ended
    assert list(await journal.of_order("O-1")) == become
    assert list(await journal.of_order("O-11")) == [confirmed(other, "O-11")]
    assert list(await journal.of_order("O")) == []


async def test_what_was_said_is_to_be_applied_until_it_is(journal: Journal) -> None:
    ones = [held() for _ in range(5)]
    orders = [confirmed(one, f"O-{number}") for number, one in enumerate(ones)]
    words = [OrderAck(f"O-{number}", number) for number in range(4)]
    await opened(journal, *ones)
    await journal.remember(words[0])
    await moved(journal, *orders)
    assert await journal.acks_to_apply() == [(orders[0], words[0])]
    for word in words[1:]:
        await journal.remember(word)
    await journal.remember(OrderAck("O-unknown", 1))
    pairs = sorted(await journal.acks_to_apply(), key=lambda pair: pair[1].acknowledged_ms)
    assert pairs == list(zip(orders, words, strict=False))
    assert len(await journal.acks_to_apply(2)) == 2
    taken = [acknowledged(order, number) for number, order in enumerate(orders[:4])]
    await moved(journal, *taken)
    assert list(await journal.acks_to_apply()) == []
    cancelled = OrderAck("O-2", 9, CANCELLED)
    await journal.remember(cancelled)
    assert list(await journal.acks_to_apply()) == [(taken[2], cancelled)]
    await moved(journal, taken[2].next(State.CANCELLED))
    assert list(await journal.acks_to_apply()) == []


async def test_a_word_that_is_not_applied_yet_stays_to_be(journal: Journal) -> None:
    one, word = held(), OrderAck("O-1", 5)
    await journal.open(one, None)
    await journal.remember(word)
    assert list(await journal.acks_to_apply()) == []
    await moved(journal, confirmed(one))
    for _ in range(3):
        assert list(await journal.acks_to_apply()) == [(confirmed(one), word)]


async def test_holds_whose_time_is_over(journal: Journal) -> None:
    ones = [held(f"r_{number}", expires_ms=number) for number in range(10)]
    await opened(journal, *reversed(ones))
    await moved(journal, confirmed(ones[2]), ones[3].next(State.RELEASED))
    longer = ones[4].next(State.HELD, expires_ms=100)
    await moved(journal, longer)
    over = [ones[number] for number in (0, 1, 5, 6)]
    assert list(await journal.overdue(6)) == over
    assert list(await journal.overdue(6, 3)) == over[:3]
    assert list(await journal.overdue(-1)) == []
    assert list(await journal.overdue(100))[-1] == longer


@pytest.mark.parametrize("page", [1, 2, 7, 1000])
async def test_all_that_takes_units(journal: Journal, page: int) -> None:
    ones = [held() for _ in range(40)]
    await opened(journal, *ones)
    steps = [one.next(state) for one, state in zip(ones, itertools.cycle(State), strict=False)]
    await moved(journal, *steps[:30])
    now = {one.reservation: one for one in (*steps[:30], *ones[30:]) if one.state in COUNTED}
    pages = await walked(journal, page)
    assert all(1 <= len(some) <= page for some in pages)
    assert names([one for some in pages for one in some]) == sorted(now)
    assert all(now[one.reservation] == one for some in pages for one in some)


async def test_what_is_settled_takes_no_units(journal: Journal) -> None:
    ones = [held() for _ in range(3)]
    await opened(journal, *ones)
    orders = [confirmed(one) for one in ones[:2]]
    taken = acknowledged(orders[0])
    await moved(journal, *orders, taken)
    mark = await journal.mark()
    await journal.settled([*(one.reservation for one in ones), "r_unknown"])
    await journal.settled([taken.reservation])
    await journal.settled([])
    (page,) = await journal_pages(journal)
    assert names(page) == names([orders[1], ones[2]])
    assert await found(journal, taken) == taken
    assert list((await journal.changed_since(mark))[1]) == []
    await moved(journal, taken.next(State.CANCELLED))


async def journal_pages(journal: Journal) -> list[Sequence[Reservation]]:
    """All at once, however many pages they came in."""
    return [[one for page in await walked(journal) for one in page]]


async def test_orders_without_a_word(journal: Journal) -> None:
    ones = [held() for _ in range(4)]
    await opened(journal, *ones)
    assert await journal.awaiting() == (0, None)
    start = datetime.now(UTC) - timedelta(minutes=1)
    orders = [confirmed(one, f"O-{number}") for number, one in enumerate(ones[:3])]
    for order in orders:
        await moved(journal, order)
        await asyncio.sleep(0.002)  # no two at one moment
    waiting = await journal.unacknowledged()
    assert [one for one, _ in waiting] == orders
    times = [moment for _, moment in waiting]
    assert times == sorted(times)
    assert all(start < moment < datetime.now(UTC) + timedelta(minutes=1) for moment in times)
    assert [one for one, _ in await journal.unacknowledged(times[2])] == orders[:2]
    assert [one for one, _ in await journal.unacknowledged(most=1)] == orders[:1]
    assert await journal.awaiting() == (3, times[0])
    await moved(journal, acknowledged(orders[0]), orders[1].next(State.CANCELLED))
    assert await journal.unacknowledged() == [(orders[2], times[2])]
    assert await journal.awaiting() == (1, times[2])


async def test_of_an_order_that_waits_is_told_once(worker: Worker) -> None:
    async with worker() as journal, worker() as other:
        ones = [held() for _ in range(20)]
        await opened(journal, *ones)
        orders = [confirmed(one, f"O-{number}") for number, one in enumerate(ones)]
        await moved(journal, *orders)
        await moved(journal, acknowledged(orders[0]))
        later = datetime.now(UTC) + timedelta(minutes=1)
        assert await journal.remind(later - timedelta(minutes=2)) == []
        assert len(await journal.remind(later, 3)) == 3
        told = [*await journal.remind(later, 4)]
        for some in await gather(journal.remind(later), other.remind(later)):
            told += some
        assert len({one.reservation for one, _ in told}) == len(told) == 16
        assert await other.remind(later) == []
        assert (await journal.awaiting())[0] == 19


async def test_the_newest_of_a_state(journal: Journal) -> None:
    ones = [held(f"r_{number}") for number in range(4)]
    for one in ones:
        await journal.open(one, None)
        await asyncio.sleep(0.002)  # no two at one moment
    order = confirmed(ones[1])
    await moved(journal, order)
    listed = await journal.listed(None, 10)
    assert [one for one, _ in listed] == [order, ones[3], ones[2], ones[0]]
    assert [moment for _, moment in listed] == sorted((at for _, at in listed), reverse=True)
    assert [one for one, _ in await journal.listed(State.HELD, 2)] == [ones[3], ones[2]]
    assert [one for one, _ in await journal.listed(State.CONFIRMED, 2)] == [order]
    assert await journal.listed(State.EXPIRED, 2) == []


async def test_odd_names_are_names(journal: Journal) -> None:
    ones = [
        held(f"{odd}{number}", customer=odd, channel=odd, caller=odd, price_token=odd)
        for number, odd in enumerate(ODD)
    ]
    answers = [answered(odd, caller=odd, body=odd.encode()) for odd in ODD]
    for one, answer in zip(ones, answers, strict=True):
        await journal.open(one, answer)
    orders = [confirmed(one, odd) for one, odd in zip(ones, ODD, strict=True)]
    words = [OrderAck(odd, number) for number, odd in enumerate(ODD)]
    await moved(journal, *orders)
    for word in words:
        await journal.remember(word)
    assert await journal.find([one.reservation for one in ones]) == {
        one.reservation: one for one in orders
    }
    for odd, order, answer in zip(ODD, orders, answers, strict=True):
        assert await journal.answer(odd, odd) == answer
        assert list(await journal.of_order(odd)) == [order]
        assert await journal.void(order.reservation) is False
    pairs = sorted(await journal.acks_to_apply(), key=lambda pair: pair[1].acknowledged_ms)
    assert pairs == list(zip(orders, words, strict=True))
    ((*all_of_them,),) = await journal_pages(journal)
    assert names(all_of_them) == names(orders)


async def test_what_is_no_text_names_nothing(journal: Journal) -> None:
    bad = held(SURROGATE)
    for one in (bad, held(customer=SURROGATE), held(price_token=SURROGATE)):
        answer = answered()
        with pytest.raises(ValueError, match=r"surrogates|hold"):
            await journal.open(one, answer)
        assert await journal.answer(answer.caller, answer.key) is None
    good = held()
    await journal.open(good, None)
    with pytest.raises(ValueError, match=r"surrogates|hold"):
        await journal.move(confirmed(good, SURROGATE), "confirm")
    with pytest.raises(ValueError, match=r"surrogates|hold"):
        await journal.void(SURROGATE)
    with pytest.raises(ValueError, match=r"surrogates|hold"):
        await journal.remember(OrderAck(SURROGATE, 1))
    assert await journal.find([SURROGATE, good.reservation]) == {good.reservation: good}
    assert list(await journal.of_order(SURROGATE)) == []
    await journal.settled([SURROGATE])
    answer = answered("k\ud800")
    await journal.refuse(answer)
    assert await journal.answer(answer.caller, "k\ud800") == answer


async def test_a_purge_takes_nothing_that_is_needed(journal: Journal) -> None:
    ones, answer = [held() for _ in State], answered()
    await opened(journal, *ones)
    await journal.refuse(answer)
    steps = [confirmed(one).next(state) for one, state in zip(ones, State, strict=True)]
    await moved(journal, *map(confirmed, ones))
    for step in steps:
        await journal.move(step, "stepped")
    await journal.remember(OrderAck("O-1", 1))
    assert await journal.purge() == 0
    assert len(await journal.of_order("O-1")) == len(ones)
    assert await journal.answer(answer.caller, answer.key) == answer


async def test_it_answers(journal: Journal) -> None:
    await journal.ping()


# Workers who want the same thing at the same time.


async def test_of_two_steps_on_one_revision_one_is_written(worker: Worker) -> None:
    async with worker() as journal, worker() as other:
        rounds = [held() for _ in range(100)]
        await opened(journal, *rounds)
        for one in rounds:
            confirm, release = confirmed(one), one.next(State.RELEASED)
            won = await gather(journal.move(confirm, "confirm"), other.move(release, "release"))
            assert [step is not None for step in won].count(True) == 1
            assert await found(journal, one) == (confirm if won[0] else release)
        assert len(await journal.of_order("O-1")) == len(await journal.listed(None, 999)) - len(
            await journal.listed(State.RELEASED, 999)
        )


async def test_of_openings_with_one_key_one_opens(worker: Worker) -> None:
    async with worker() as journal, worker() as other:
        tried = [(held(), answered("same", body=b"%d" % number)) for number in range(20)]
        results = await gather(
            *(
                (journal, other)[number % 2].open(one, answer)
                for number, (one, answer) in enumerate(tried)
            ),
            return_exceptions=True,
        )
        won = [pair for pair, result in zip(tried, results, strict=True) if result is None]
        assert [type(result) for result in results].count(KeyTakenError) == 19
        assert len(won) == 1
        assert await other.answer("checkout", "same") == won[0][1]
        assert list(await journal.find([one.reservation for one, _ in tried])) == [
            won[0][0].reservation
        ]


async def test_void_and_open_at_once(worker: Worker) -> None:
    async with worker() as journal, worker() as other:
        for number in range(100):
            one, answer = held(), answered()
            both = [
                asyncio.create_task(journal.open(one, answer)),
                asyncio.create_task(other.void(one.reservation)),
            ]
            await asyncio.wait(reversed(both) if number % 2 else both)
            void, failed = both[1].result(), both[0].exception()
            assert isinstance(failed, VoidedError) if void else failed is None
            assert (await found(other, one) is None) is void
            assert (await journal.answer(answer.caller, answer.key) is None) is void


async def test_a_word_and_its_order_at_once_find_each_other(worker: Worker) -> None:
    async with worker() as journal, worker() as other:
        ones = [held() for _ in range(60)]
        await opened(journal, *ones)
        for number, one in enumerate(ones):
            order, word = confirmed(one, f"O-{number}"), OrderAck(f"O-{number}", number)

            async def told(word: OrderAck = word) -> Sequence[Reservation]:
                await other.remember(word)
                return await other.of_order(word.order_ref)

            written, become = await gather(journal.move(order, "confirm"), told())
            assert written is not None
            applied = written.ack is not None or order in become
            assert applied or (order, word) in await journal.acks_to_apply()


async def test_nothing_that_changes_is_missed(worker: Worker) -> None:
    async with worker() as journal, worker() as one_worker, worker() as other:
        follower = Follower(journal, await journal.mark(), 10)
        written: dict[str, Reservation] = {}

        async def write(writer: Journal) -> None:
            one = held()
            await writer.open(one, None)
            for number in range(4):
                one = one.next(State.HELD, expires_ms=number)
                assert await writer.move(one, "extend")
            written[one.reservation] = one

        writing = gather(*(write((one_worker, other)[number % 2]) for number in range(40)))
        while not writing.done():
            await follower.follow()
        await writing
        await follower.catch_up()
        assert follower.known == written
        assert await follower.follow() == 0


async def test_a_mark_and_a_walk_and_what_has_changed_since_are_all(worker: Worker) -> None:
    """What a restoration does."""
    async with worker() as journal, worker() as other:
        before = [held() for _ in range(40)]
        await opened(other, *before)

        async def write(one: Reservation) -> None:
            await moved(other, one.next(State.RELEASED))
            await other.open(held(), None)

        follower = Follower(journal, await journal.mark(), 7)
        writing = gather(*map(write, before))
        async for page in journal.open_reservations(5):
            follower.known |= {one.reservation: one for one in page}
        await writing
        await follower.catch_up()
        counted = [one for one in follower.known.values() if one.state in COUNTED]
        ((*now,),) = await journal_pages(journal)
        assert names(counted) == names(now)
        assert len(now) == 40


async def test_a_mark_of_another_store_gives_all(journal: Journal) -> None:
    ones = [held() for _ in range(3)]
    await opened(journal, *ones)
    follower = Follower(journal, 1 << 40)
    await follower.catch_up()
    assert names(list(follower.known.values())) == names(ones)


async def test_what_is_open_is_counted_and_traced(journal: Journal) -> None:
    ones = [held(f"r_{number}") for number in range(6)]
    await opened(journal, *ones)
    orders = [confirmed(one, f"O-{one.reservation}") for one in ones[:3]]
    await moved(journal, *orders)
    taken = acknowledged(orders[0])
    await moved(journal, taken, ones[5].next(State.RELEASED))
    assert await journal.tally() == {State.HELD: 2, State.CONFIRMED: 2, State.ACKNOWLEDGED: 1}
    await journal.settled([taken.reservation])
    assert (await journal.tally())[State.ACKNOWLEDGED] == 0
    found = await journal.traced([*(one.reservation for one in ones), "r_none", SURROGATE])
    assert set(found) == {one.reservation for one in ones}
    assert found["r_0"].reservation == taken
    assert found["r_4"].confirmed_ms is None
    confirmed_ms = found["r_0"].confirmed_ms
    assert confirmed_ms is not None
    assert confirmed_ms <= found["r_0"].changed_ms
