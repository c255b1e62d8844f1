"""Every method of the journal, alone with the database."""

from __future__ import annotations

import json
from asyncio import TaskGroup
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.domain.errors import KeyTakenError, VoidedError
from gateway.domain.orders import AckStatus, OrderAck
from gateway.domain.reservations import Reservation, State
from gateway.ledger.journal import Journal, Moved
from tests.integration.ledger.promises import (
    acknowledged,
    answered,
    confirmed,
    held,
    look,
    pages,
)

YESTERDAY = "now() - interval '24 hours 1 second'"
ODD = ["a}{b", "*", "'; DROP TABLE reservation; --", '"', "\r\n", "\\", "Ärm-42 🙂", "{a,NULL}", ""]


async def opened(journal: Journal, *reservations: Reservation) -> None:
    for reservation in reservations:
        await journal.open(reservation, None)


async def moved(journal: Journal, *steps: Reservation) -> None:
    for step in steps:
        assert await journal.move(step, "stepped") is not None


async def test_what_is_opened_is_found_and_answered_again(journal: Journal) -> None:
    reservation, answer = held(price_token="eyJ.a.b"), answered()
    await journal.open(reservation, answer)
    assert await journal.find([reservation.reservation, "r_other"]) == {
        reservation.reservation: reservation
    }
    assert await journal.answer(answer.caller, answer.key) == answer


async def test_an_opening_without_an_answer(journal: Journal, database: str) -> None:
    reservation = held()
    await journal.open(reservation, None)
    assert await journal.find([reservation.reservation]) == {reservation.reservation: reservation}
    assert await look(database, "SELECT 1 FROM idempotency_record") == []


async def test_a_refusal_is_answered_again(journal: Journal) -> None:
    answer = answered(status=409, body=b"")
    await journal.refuse(answer)
    assert await journal.answer(answer.caller, answer.key) == answer
    with pytest.raises(KeyTakenError):
        await journal.refuse(msgspec.structs.replace(answer, status=201))
    assert await journal.answer(answer.caller, answer.key) == answer


async def test_a_key_that_is_taken_opens_nothing(journal: Journal, database: str) -> None:
    answer = answered()
    await journal.refuse(answer)
    reservation = held()
    with pytest.raises(KeyTakenError):
        await journal.open(reservation, msgspec.structs.replace(answer, body=b"other"))
    assert await journal.find([reservation.reservation]) == {}
    assert await look(database, "SELECT 1 FROM reservation_event") == []
    assert await journal.answer(answer.caller, answer.key) == answer


async def test_keys_of_two_callers_never_meet(journal: Journal) -> None:
    one = answered("same")
    other = msgspec.structs.replace(one, caller="other", status=409)
    await journal.refuse(one)
    await journal.refuse(other)
    assert await journal.answer(one.caller, "same") == one
    assert await journal.answer("other", "same") == other
    assert await journal.answer("third", "same") is None


async def test_a_key_is_free_again_after_a_day(journal: Journal, database: str) -> None:
    old, new, reservation = answered("k", body=b"old"), answered("k", body=b"new"), held()
    await journal.refuse(old)
    await look(database, f"UPDATE idempotency_record SET at = {YESTERDAY}")
    assert await journal.answer(old.caller, "k") is None
    await journal.open(reservation, new)
    assert await journal.answer(old.caller, "k") == new
    assert reservation.reservation in await journal.find([reservation.reservation])
    with pytest.raises(KeyTakenError):
        await journal.refuse(old)


async def test_a_step_is_written_on_the_one_before_it_alone(journal: Journal) -> None:
    first = held()
    second = confirmed(first)
    await journal.open(first, None)
    too_far = msgspec.structs.replace(second, revision=3)
    assert await journal.move(too_far, "confirm") is None
    assert await journal.move(msgspec.structs.replace(second, revision=1), "confirm") is None
    assert await journal.move(second, "confirm") == Moved(None)
    assert await journal.move(first.next(State.RELEASED), "release") is None
    assert await journal.move(second, "confirm") is None
    assert await journal.find([first.reservation]) == {first.reservation: second}


async def test_nothing_is_moved_that_was_not_opened(journal: Journal) -> None:
    reservation = held()
    assert await journal.move(confirmed(reservation), "confirm") is None
    await journal.void(reservation.reservation)
    void_step = msgspec.structs.replace(reservation, revision=1)
    assert await journal.move(void_step, "x") is None
    assert await journal.move(confirmed(reservation), "confirm") is None


async def test_every_step_is_in_the_journal(journal: Journal, database: str) -> None:
    first = held()
    steps = [first.next(State.HELD, expires_ms=1_900_000_000_000)]
    steps.append(confirmed(steps[-1]))
    steps.append(acknowledged(steps[-1]))
    steps.append(steps[-1].next(State.CANCELLED))
    await journal.open(first, None)
    for step, kind in zip(steps, ["extend", "confirm", "accept", "reject"], strict=True):
        assert await journal.move(step, kind)
    rows = await look(
        database, "SELECT revision, kind, state, detail FROM reservation_event ORDER BY number"
    )
    assert [row[:3] for row in rows] == [
        (1, "held", "held"),
        (2, "extend", "held"),
        (3, "confirm", "confirmed"),
        (4, "accept", "acknowledged"),
        (5, "reject", "cancelled"),
    ]
    # The present state is the fold of what the journal says.
    folded = msgspec.to_builtins(first)
    for revision, _, state, detail in rows:
        folded |= json.loads(detail) | {"revision": revision, "state": state}
    assert msgspec.convert(folded, Reservation) == steps[-1]
    assert await journal.find([first.reservation]) == {first.reservation: steps[-1]}


async def test_what_is_void_is_never_opened(journal: Journal, database: str) -> None:
    reservation, answer = held(), answered()
    assert await journal.void(reservation.reservation) is True
    assert await journal.void(reservation.reservation) is True
    with pytest.raises(VoidedError):
        await journal.open(reservation, answer)
    assert await journal.find([reservation.reservation]) == {}
    assert await journal.answer(answer.caller, answer.key) is None
    assert await look(database, "SELECT kind FROM reservation_event") == [("voided",)]


async def test_what_is_there_is_never_void(journal: Journal) -> None:
    reservation = held()
    await journal.open(reservation, None)
    assert await journal.void(reservation.reservation) is False
    released = reservation.next(State.RELEASED)
    assert await journal.move(released, "release")
    assert await journal.void(reservation.reservation) is False
    assert await journal.find([reservation.reservation]) == {reservation.reservation: released}


async def test_an_id_is_opened_once(journal: Journal) -> None:
    reservation = held()
    await journal.open(reservation, None)
    with pytest.raises(VoidedError):
        await journal.open(msgspec.structs.replace(reservation, customer="C-2"), None)
    assert await journal.find([reservation.reservation]) == {reservation.reservation: reservation}


@pytest.mark.parametrize("odd", ODD)
async def test_names_are_data(journal: Journal, database: str, odd: str) -> None:
    plain = held("r_plain")
    reservation = held(
        f"r_{odd}", caller=odd, customer=odd, channel=odd, order_ref=odd, price_token=odd
    )
    answer = answered(f"k{odd}", caller=odd)
    await journal.open(plain, None)
    await journal.open(reservation, answer)
    assert await journal.find([reservation.reservation]) == {reservation.reservation: reservation}
    assert await journal.answer(odd, answer.key) == answer
    await journal.remember(OrderAck(odd, 5))
    assert await journal.move(reservation.next(State.CONFIRMED), odd) == Moved(OrderAck(odd, 5))
    assert [one.reservation for one in await journal.of_order(odd)] == [reservation.reservation]
    assert await journal.find(["r_plain"]) == {"r_plain": plain}
    assert await look(database, "SELECT count(*) FROM reservation") == [(2,)]


@pytest.mark.parametrize("impossible", ["\0", "r_\0", "\ud800"])
async def test_what_no_text_can_hold_is_not_there(journal: Journal, impossible: str) -> None:
    reservation = held()
    await journal.open(reservation, None)
    assert list(await journal.find([impossible, reservation.reservation])) == [
        reservation.reservation
    ]
    assert await journal.of_order(impossible) == []
    await journal.settled([impossible])
    for write in (
        journal.open(held(impossible), None),
        journal.open(held(order_ref=impossible), None),
        journal.move(confirmed(reservation, impossible), "confirm"),
        journal.void(impossible),
        journal.refuse(answered(caller=impossible)),
        journal.remember(OrderAck(impossible, 1)),
    ):
        with pytest.raises(ValueError, match="PostgreSQL"):
            await write
    assert await journal.answer(impossible, "k") is None
    answer = answered(impossible)
    await journal.refuse(answer)
    assert await journal.answer(answer.caller, impossible) == answer


async def test_the_reservations_of_an_order(journal: Journal) -> None:
    one, two, other = held("r_1"), held("r_2"), held("r_3")
    await opened(journal, one, two, other)
    await moved(journal, confirmed(one, "O-1"), confirmed(two, "O-1"), confirmed(other, "O-2"))
    assert await journal.of_order("O-1") == [confirmed(one, "O-1"), confirmed(two, "O-1")]
    assert await journal.of_order("O-3") == []


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([OrderAck("O", 5), OrderAck("O", 5)], OrderAck("O", 5)),
        ([OrderAck("O", 5), OrderAck("O", 7)], OrderAck("O", 5)),
        ([OrderAck("O", 7), OrderAck("O", 5)], OrderAck("O", 5)),
        ([OrderAck("O", 5), OrderAck("O", 7, AckStatus.CANCELLED)], "cancelled at 7"),
        ([OrderAck("O", 7, AckStatus.CANCELLED), OrderAck("O", 5)], "cancelled at 7"),
        (
            [OrderAck("O", 7, AckStatus.CANCELLED), OrderAck("O", 9, AckStatus.CANCELLED)],
            "cancelled at 7",
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_a_cancellation_stands_and_the_earlier_time(
    journal: Journal, told: list[OrderAck], kept: OrderAck | str, together: bool
) -> None:
    reservation = held()
    await journal.open(reservation, None)
    if together:
        async with TaskGroup() as group:
            for ack in told:
                group.create_task(journal.remember(ack))
    else:
        for ack in told:
            await journal.remember(ack)
    wanted = OrderAck("O", 7, AckStatus.CANCELLED) if isinstance(kept, str) else kept
    assert await journal.move(confirmed(reservation, "O"), "confirm") == Moved(wanted)


async def test_acks_that_a_race_left_behind(journal: Journal) -> None:
    confirmed_one = confirmed(held("r_1"), "O-1")
    unknown_one = confirmed(held("r_2"), "O-2")
    taken = acknowledged(confirmed(held("r_3"), "O-3"))
    cancelled_later = acknowledged(confirmed(held("r_4"), "O-4"))
    await opened(journal, held("r_1"), held("r_2"), held("r_3"), held("r_4"), held("r_5"))
    await moved(journal, confirmed_one, unknown_one)
    await moved(journal, confirmed(held("r_3"), "O-3"), taken)
    await moved(journal, confirmed(held("r_4"), "O-4"), cancelled_later)
    for ack in (OrderAck("O-1", 1), OrderAck("O-3", 3), OrderAck("O-9", 9)):
        await journal.remember(ack)
    cancelled = OrderAck("O-4", 4, AckStatus.CANCELLED)
    await journal.remember(cancelled)
    assert await journal.acks_to_apply() == [
        (confirmed_one, OrderAck("O-1", 1)),
        (cancelled_later, cancelled),
    ]
    assert len(await journal.acks_to_apply(1)) == 1
    await moved(journal, acknowledged(confirmed_one), cancelled_later.next(State.CANCELLED))
    assert await journal.acks_to_apply() == []


async def test_holds_whose_time_is_over(journal: Journal) -> None:
    late, later, open_ = (held(f"r_{ms}", expires_ms=ms) for ms in (100, 200, 300))
    ordered = held("r_ordered", expires_ms=50)
    await opened(journal, open_, later, late, ordered)
    await moved(journal, confirmed(ordered))
    assert await journal.overdue(99) == []
    assert await journal.overdue(100) == [late]
    assert await journal.overdue(299) == [late, later]
    assert await journal.overdue(299, 1) == [late]


async def test_a_walk_over_what_takes_units(journal: Journal) -> None:
    reservations = [held(f"r_{number}") for number in range(7)]
    await opened(journal, *reservations)
    await moved(journal, reservations[0].next(State.RELEASED))
    order = confirmed(reservations[1])
    await moved(journal, order)
    await journal.void("r_99")
    assert await pages(journal, 4) == [[order, *reservations[2:5]], reservations[5:]]
    assert await pages(journal, 6) == [[order, *reservations[2:]]]


async def test_what_the_figure_has_is_taken_no_more(journal: Journal, database: str) -> None:
    waiting = confirmed(held("r_1"))
    absorbed = acknowledged(confirmed(held("r_2")))
    await opened(journal, held("r_1"), held("r_2"))
    await moved(journal, waiting, confirmed(held("r_2")), absorbed)
    mark = await journal.mark()
    for _ in range(2):
        await journal.settled(["r_1", "r_2", "r_3"])
    assert await pages(journal, 10) == [[waiting]]
    assert await journal.find(["r_2"]) == {"r_2": absorbed}
    assert (await journal.changed_since(mark))[1] == []
    assert await look(
        database, "SELECT reservation, revision FROM reservation_event WHERE kind = 'absorbed'"
    ) == [("r_2", 3)]
    await moved(journal, absorbed.next(State.CANCELLED))
    assert await pages(journal, 10) == [[waiting]]


async def test_changes_since_a_mark(journal: Journal) -> None:
    one, two = held("r_1"), held("r_2")
    await opened(journal, one)
    mark = await journal.mark()
    assert await journal.changed_since(mark) == (mark, [])
    await opened(journal, two)
    await moved(journal, confirmed(one))
    await journal.void("r_3")
    after, changed = await journal.changed_since(mark)
    assert {change.reservation: change for change in changed} == {"r_1": confirmed(one), "r_2": two}
    assert (await journal.changed_since(after))[1] == []


async def test_changes_come_in_parts(journal: Journal) -> None:
    reservations = [held(f"r_{number}") for number in range(5)]
    mark = await journal.mark()
    await opened(journal, *reservations)
    seen, parts = list[str](), 0
    while True:
        mark, changed = await journal.changed_since(mark, 2)
        if not changed:
            break
        seen += sorted(change.reservation for change in changed)
        parts += 1
    assert seen == [reservation.reservation for reservation in reservations]
    assert parts == 3


async def test_a_mark_of_another_server_gives_everything(journal: Journal) -> None:
    await opened(journal, held("r_1"))
    mark, changed = await journal.changed_since(2**40)
    assert [change.reservation for change in changed] == ["r_1"]
    assert mark == await journal.mark()


async def test_orders_that_the_erp_is_silent_about(journal: Journal, database: str) -> None:
    new, old = confirmed(held("r_1")), confirmed(held("r_2"))
    taken = confirmed(held("r_3"))
    await opened(journal, held("r_1"), held("r_2"), held("r_3"), held("r_4"))
    await moved(journal, new, old, taken, acknowledged(taken))
    await look(
        database,
        "UPDATE reservation SET confirmed_at = confirmed_at - interval '1 h' WHERE id = 'r_2'",
    )
    found = await journal.unacknowledged()
    assert [one for one, _ in found] == [old, new]
    since = found[1][1]
    assert found[0][1] <= since - timedelta(minutes=59)
    assert [one for one, _ in await journal.unacknowledged(since)] == [old]
    assert [one for one, _ in await journal.unacknowledged(most=1)] == [old]
    assert await journal.unacknowledged(datetime(2020, 1, 1, tzinfo=UTC)) == []


async def test_a_list_for_the_operator(journal: Journal) -> None:
    one, two, three = held("r_1"), held("r_2"), held("r_3")
    await opened(journal, one, two, three)
    await moved(journal, confirmed(one))
    await journal.void("r_4")
    listed = await journal.listed(None, 10)
    assert [reservation for reservation, _ in listed] == [confirmed(one), three, two]
    times = [changed_at for _, changed_at in listed]
    assert times == sorted(times, reverse=True)
    assert [reservation for reservation, _ in await journal.listed(State.HELD, 1)] == [three]
    assert await journal.listed(State.CANCELLED, 10) == []


async def test_what_is_old_is_purged(journal: Journal, database: str) -> None:
    await journal.refuse(answered("young"))
    await look(
        database,
        "INSERT INTO idempotency_record (caller, key, body_sha, status, body, at) "
        f"SELECT 'c', int4send(n), '', 201, '', {YESTERDAY} FROM generate_series(1, 2500) AS n",
    )
    await journal.remember(OrderAck("young", 1))
    await look(
        database,
        "INSERT INTO order_ack (order_ref, acknowledged_ms, status, remembered_at) "
        "VALUES ('old', 1, 'accepted', now() - interval '90 days 1 second')",
    )
    await journal.void("r_young")
    await journal.void("r_old")
    await opened(journal, held("r_there"))
    await look(database, f"UPDATE reservation SET changed_at = {YESTERDAY} WHERE id <> 'r_young'")
    assert await journal.purge() == 2502
    assert await journal.purge() == 0
    assert await journal.answer("checkout", "young") is not None
    assert await look(database, "SELECT order_ref FROM order_ack") == [("young",)]
    assert await look(database, "SELECT id FROM reservation ORDER BY id") == [
        ("r_there",),
        ("r_young",),
    ]


async def test_it_answers(journal: Journal) -> None:
    await journal.ping()
