"""Gathering: questions that come in one turn of the loop, or while another answer is awaited, are
asked together.

What is asked of Redis or PostgreSQL costs far more by the journey than by the question; and many
commits that wait for one another's disk may as well share it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Gathering(Generic[Q, A]):
    """Asks up to `most` questions at once, `abreast` such lots at a time.

    `work` takes some questions and gives the answer to each, in order: the answer to one may be an
    error, which is then raised for whoever asked it. What `work` raises is raised for all of them.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Q]], Awaitable[Sequence[A | BaseException]]],
        *,
        most: int,
        abreast: int = 1,
    ) -> None:
        self._work = work
        self._most = most
        self._abreast = abreast
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._called = False
        self._ended = False

    async def ask(self, question: Q) -> A:
        """The answer.

        Whoever gives up before the question was sent has not asked it; after that it is answered
        all the same, and nobody hears.

        Raises:
            Exception: what the work raises, or gives, for this question.
        """
        return await self.send(question)

    async def ask_all(self, questions: Iterable[Q]) -> list[A]:
        """The answers to all of these, asked together, once there is one to each.

        Raises:
            Exception: what came of the first that has no answer.
        """
        coming = [self.send(question) for question in questions]
        answers: list[A] = []
        failed: BaseException | None = None
        try:
            for one in coming:
                try:
                    answers.append(await one)
                except Exception as error:  # noqa: BLE001 - told when none is left unheard
                    failed = failed or error
        finally:
            for one in coming:
                one.cancel()  # those that are there are not; nobody waits for the others
        if failed is not None:
            raise failed
        return answers

    def send(self, question: Q) -> asyncio.Future[A]:
        """The answer to come; questions are asked in the order in which they were sent.

        After the end nothing is asked any more: it is cancelled.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        if self._ended:
            answer.cancel()
            return answer
        self._waiting.append((question, answer))
        if not self._called and len(self._flights) < self._abreast:
            # Later in this turn: whoever else has something to ask now comes along.
            self._called = True
            loop.call_soon(self._depart)
        return answer

    async def end(self) -> None:
        """Give up whatever is under way or waits; for when nobody will wait any more."""
        self._ended = True
        while self._waiting:
            self._waiting.popleft()[1].cancel()
        for flight in tuple(self._flights):
            flight.cancel()
        if self._flights:
            await asyncio.wait(self._flights)

    def _depart(self) -> None:
        self._called = False
        while self._waiting and not self._ended and len(self._flights) < self._abreast:
            lot: list[tuple[Q, asyncio.Future[A]]] = []
            while self._waiting and len(lot) < self._most:
                question, answer = self._waiting.popleft()
                if not answer.done():
                    lot.append((question, answer))
            if lot:
                flight = asyncio.create_task(self._fly(lot))
                self._flights.add(flight)
                flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._depart()

    async def _fly(self, lot: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            found = await self._work([question for question, _ in lot])
            answers = list(zip(lot, found, strict=True))
        except BaseException as error:  # noqa: BLE001 - whatever it was, those who wait are told
            for _, answer in lot:
                _fail(answer, error)
            return
        for (_, answer), told in answers:
            if isinstance(told, BaseException):
                _fail(answer, told)
            elif not answer.done():
                answer.set_result(told)


def _fail(answer: asyncio.Future[A], error: BaseException) -> None:
    if answer.done():
        return
    if isinstance(error, asyncio.CancelledError):
        answer.cancel()
    else:
        answer.set_exception(error)
