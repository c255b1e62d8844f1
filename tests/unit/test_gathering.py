"""Gathering: what is asked in one turn goes together, and each hears of its own question only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.gathering import Gathering

Answers = Sequence[str | BaseException]


class Away(Exception):
    """What is asked does not answer."""


class Work:
    """Answers when it is told to; knows what was asked of it together."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.under_way: dict[int, asyncio.Future[Answers]] = {}

    async def __call__(self, questions: Sequence[int]) -> Answers:
        number = len(self.lots)
        self.lots.append(list(questions))
        self.under_way[number] = asyncio.get_running_loop().create_future()
        try:
            return await self.under_way[number]
        finally:
            del self.under_way[number]

    def land(self, number: int, *wrong: int) -> None:
        """Let a lot be answered, with an error for some of its questions."""
        self.under_way[number].set_result(
            [Away(one) if one in wrong else answer(one) for one in self.lots[number]]
        )

    def fail(self, number: int) -> None:
        self.under_way[number].set_exception(Away("all"))


def answer(question: int) -> str:
    return f"answer to {question}"


async def turns() -> None:
    """Let everything happen that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def asked(gathering: Gathering[int, str], *questions: int) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(gathering.ask(question)) for question in questions]


async def heard(*askers: asyncio.Task[str]) -> list[str]:
    """What each heard: its answer, an error, or that it is no more."""
    found = await asyncio.gather(*askers, return_exceptions=True)
    return [_told(one) for one in found]


def _told(found: str | BaseException) -> str:
    if isinstance(found, asyncio.CancelledError):
        return GONE
    return found if isinstance(found, str) else repr(found)


GONE = "gone"


async def test_the_questions_of_one_turn_are_asked_together_in_their_order() -> None:
    work = Work()
    gathering = Gathering[int, str](work, most=9)
    askers = asked(gathering, 3, 1, 2)
    await turns()
    assert work.lots == [[3, 1, 2]]
    work.land(0)
    assert await heard(*askers) == [answer(3), answer(1), answer(2)]


async def test_what_comes_while_an_answer_is_awaited_goes_together_after_it() -> None:
    work = Work()
    gathering = Gathering[int, str](work, most=9)
    first = asked(gathering, 1)
    await turns()
    later = asked(gathering, 2)
    await turns()
    later += asked(gathering, 3)
    await turns()
    assert work.lots == [[1]]
    work.land(0)
    await turns()
    assert work.lots == [[1], [2, 3]]
    work.land(1)
    assert await heard(*first, *later) == [answer(1), answer(2), answer(3)]


async def test_no_more_than_the_most_in_a_lot_and_no_more_lots_than_go_abreast() -> None:
    work = Work()
    gathering = Gathering[int, str](work, most=2, abreast=2)
    askers = asked(gathering, *range(7))
    await turns()
    assert work.lots == [[0, 1], [2, 3]]
    work.land(1)
    await turns()
    assert work.lots == [[0, 1], [2, 3], [4, 5]]
    work.land(0)
    await turns()
    assert work.lots[3:] == [[6]]
    work.land(2)
    work.land(3)
    assert await heard(*askers) == [answer(one) for one in range(7)]


async def test_an_error_of_one_answer_is_one_askers() -> None:
    work = Work()
    askers = asked(Gathering[int, str](work, most=9), 1, 2, 3)
    await turns()
    work.land(0, 2)
    assert await heard(*askers) == [answer(1), repr(Away(2)), answer(3)]


async def test_an_error_of_the_work_is_everybodys_of_that_lot() -> None:
    work = Work()
    askers = asked(Gathering[int, str](work, most=2), 1, 2, 3)
    await turns()
    work.fail(0)
    await turns()
    work.land(1)
    assert await heard(*askers) == [repr(Away("all")), repr(Away("all")), answer(3)]


async def test_too_few_answers_leave_nobody_waiting() -> None:
    async def one_answer(questions: Sequence[int]) -> Answers:
        return [answer(questions[0])]

    gathering = Gathering[int, str](one_answer, most=9)
    answers = [gathering.send(1), gathering.send(2)]
    await turns()
    flights = list(gathering._flights)
    await asyncio.gather(*flights, return_exceptions=True)
    assert all(one.done() for one in answers)
    with pytest.raises(ValueError, match="zip"):
        await answers[1]


async def test_who_gives_up_before_it_was_sent_has_not_asked() -> None:
    work = Work()
    gathering = Gathering[int, str](work, most=9)
    first = asked(gathering, 1)
    await turns()
    stays, gives_up = asked(gathering, 2, 3)
    await turns()
    gives_up.cancel()
    work.land(0)
    await turns()
    assert work.lots == [[1], [2]]
    work.land(1)
    assert await heard(*first, stays, gives_up) == [answer(1), answer(2), GONE]


async def test_who_gives_up_after_it_was_sent_disturbs_nobody() -> None:
    work = Work()
    gathering = Gathering[int, str](work, most=9)
    stays, gives_up, also = asked(gathering, 1, 2, 3)
    await turns()
    gives_up.cancel()
    await turns()
    assert work.under_way
    work.land(0, 2)
    assert await heard(stays, gives_up, also) == [answer(1), GONE, answer(3)]


async def test_where_all_give_up_nothing_is_asked_and_the_next_are_served() -> None:
    work = Work()
    gathering = Gathering[int, str](work, most=9)
    nobody = [gathering.send(1), gathering.send(2)]
    for one in nobody:
        one.cancel()
    await turns()
    assert work.lots == []
    (one,) = asked(gathering, 3)
    await turns()
    work.land(0)
    assert await heard(one) == [answer(3)]


async def test_at_the_end_whoever_waits_for_an_answer_is_told() -> None:
    work = Work()
    gathering = Gathering[int, str](work, most=1)
    askers = asked(gathering, 1)
    await turns()
    await gathering.end()
    assert not work.under_way
    assert await heard(*askers) == [GONE]
    await gathering.end()


actions = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(1, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("land"), st.integers(0, 3)),
        st.tuples(st.just("err"), st.integers(0, 3)),
        st.tuples(st.just("fail"), st.integers(0, 3)),
    ),
    max_size=25,
)


class Model:
    """Questions in a row, and lots of them under way."""

    def __init__(self, most: int, abreast: int) -> None:
        self.most = most
        self.abreast = abreast
        self.waiting: list[int] = []
        self.lots: list[list[int]] = []
        self.under_way: list[int] = []
        self.heard: dict[int, str] = {}

    def depart(self) -> None:
        while self.waiting and len(self.under_way) < self.abreast:
            self.under_way.append(len(self.lots))
            self.lots.append(self.waiting[: self.most])
            del self.waiting[: self.most]

    def land(self, number: int, said: dict[int, str]) -> None:
        self.under_way.remove(number)
        for one in self.lots[number]:
            self.heard.setdefault(one, said[one])

    def cancel(self, question: int) -> None:
        self.heard.setdefault(question, GONE)
        if question in self.waiting:
            self.waiting.remove(question)


@given(actions, st.integers(1, 4), st.integers(1, 3))
def test_whatever_happens_in_whatever_order(
    happens: list[tuple[str, int]], most: int, abreast: int
) -> None:
    asyncio.run(_agree(happens, most, abreast))


async def _agree(happens: list[tuple[str, int]], most: int, abreast: int) -> None:
    work, model = Work(), Model(most, abreast)
    gathering = Gathering[int, str](work, most=most, abreast=abreast)
    askers: list[asyncio.Task[str]] = []
    for what, number in [*happens, *[("land", 0)] * 200]:
        if what == "ask":
            new = range(len(askers), len(askers) + number)
            askers += asked(gathering, *new)
            model.waiting += new
        elif what == "cancel" and askers:
            question = number % len(askers)
            askers[question].cancel()
            model.cancel(question)
        elif what != "cancel" and model.under_way:
            lot = model.under_way[number % len(model.under_way)]
            first, *_ = model.lots[lot]
            said = {one: answer(one) for one in model.lots[lot]}
            if what == "fail":
                work.fail(lot)
                said = dict.fromkeys(said, repr(Away("all")))
            elif what == "err":
                work.land(lot, first)
                said[first] = repr(Away(first))
            else:
                work.land(lot)
            model.land(lot, said)
        elif not model.waiting and len(model.heard) == len(askers):
            break
        await turns()
        model.depart()
        assert work.lots == model.lots
        assert sorted(work.under_way) == sorted(model.under_way)
        for question, asker in enumerate(askers):
            assert asker.done() is (question in model.heard)
    assert await heard(*askers) == [model.heard[one] for one in range(len(askers))]


@pytest.mark.parametrize("abreast", [1, 2])
async def test_nobody_asks_nothing_happens(abreast: int) -> None:
    work = Work()
    gathering = Gathering[int, str](work, most=1, abreast=abreast)
    await turns()
    await gathering.end()
    assert work.lots == []
