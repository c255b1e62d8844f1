"""Group commit: steps that come while a commit is under way are written together by the next one.

A commit waits for the disk, and waits no longer for many steps than for one. Each keeps its own
outcome: one that cannot be written does not keep the others from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import asyncpg
import msgspec

from gateway.domain.errors import (
    KeyTakenError,
    LedgerUnavailableError,
    VoidedError,
)
from gateway.domain.orders import OrderAck
from gateway.gathering import Gathering
from gateway.ledger.client import Connected, LedgerClient, describe, statement
from gateway.ledger.codec import AnswerRow, Row, StepRow, ack_of

_WRITE: Final = statement("write")
_VOID: Final = statement("void")

_IDS: Final = "reservation_pkey"
_LOT: Final = 256
_ABREAST: Final = 2

# What a statement fails with because of some of its rows, and then nothing of it was written.
_OF_SOME: Final = (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.DataError)


class Entry(msgspec.Struct, frozen=True):
    """What is written together or not at all: a step, an answer, or an opening with its answer."""

    step: StepRow | None = None
    answer: AnswerRow | None = None

    @property
    def reservation(self) -> str | None:
        """Whose step it is."""
        return self.step.id if self.step else None

    @property
    def key(self) -> tuple[str, bytes] | None:
        """Under which caller's idempotency key there is an answer."""
        return (self.answer.caller, self.answer.key) if self.answer else None


class Fence(msgspec.Struct, frozen=True):
    """A reservation that is never to be opened."""

    reservation: str

    @property
    def key(self) -> None:
        """It comes with no answer."""


class Written(msgspec.Struct, frozen=True):
    """Whether it was written (what comes too late is not), and what was said of its order."""

    done: bool
    ack: OrderAck | None = None


Item = Entry | Fence
Result = Written | Exception


class Writer:
    """Writes entries and fences, each with an outcome of its own."""

    def __init__(self, client: LedgerClient) -> None:
        self._client = client
        self._lots: Gathering[Item, Written] = Gathering(self._write, most=_LOT, abreast=_ABREAST)

    async def write(self, item: Item) -> Written:
        """What has become of it.

        Raises:
            KeyTakenError, VoidedError: nothing was written.
            LedgerUnavailableError: it is not known whether it was.
        """
        async with self._client.in_time():
            return await self._lots.ask(item)

    async def end(self) -> None:
        """Give up what is under way."""
        await self._lots.end()

    async def _write(self, lot: Sequence[Item]) -> Sequence[Result]:
        results: dict[int, Result] = {}
        try:
            async with self._client.using() as connection:
                for turn in turns(lot):
                    await _take_turn(connection, turn, results)
        except LedgerUnavailableError as error:
            return [results.get(place, error) for place in range(len(lot))]
        return [results[place] for place in range(len(lot))]


Turn = Mapping[int, Item]
"""Items of a lot by their places in it."""


def turns(lot: Sequence[Item]) -> Iterator[Turn]:
    """The lot in parts, one after the other, in which no reservation and no key is twice."""
    waiting: Turn = dict(enumerate(lot))
    while waiting:
        seen: set[object] = set()
        now: dict[int, Item] = {}
        later: dict[int, Item] = {}
        for place, item in waiting.items():
            names = {item.reservation, item.key} - {None}
            (later if names & seen else now)[place] = item
            seen |= names
        yield now
        waiting = later


async def _take_turn(connection: Connected, turn: Turn, results: dict[int, Result]) -> None:
    """Write the items, and put the outcome of each at its place."""
    entries = {place: item for place, item in turn.items() if isinstance(item, Entry)}
    if entries:
        await enter(connection, entries, results)
    fences = {item.reservation: place for place, item in turn.items() if isinstance(item, Fence)}
    if fences:
        void = {row["id"] for row in await connection.fetch(_VOID, list(fences))}
        results |= {place: Written(name in void) for name, place in fences.items()}


async def enter(
    connection: Connected, entries: Mapping[int, Entry], results: dict[int, Result]
) -> None:
    """Write the entries by one statement; by more, if some of them keep the others from it."""
    try:
        results |= await _enter_all(connection, entries)
    except _OF_SOME as error:
        # By halves, to find one among many takes few statements.
        places = list(entries)
        if len(places) == 1:
            results[places[0]] = _refusal(error)
            return
        half = len(places) // 2
        for part in (places[:half], places[half:]):
            await enter(connection, {place: entries[place] for place in part}, results)


async def _enter_all(connection: Connected, entries: Mapping[int, Entry]) -> dict[int, Result]:
    answers = [(place, *entry.answer) for place, entry in entries.items() if entry.answer]
    steps = [(place, *entry.step) for place, entry in entries.items() if entry.step]
    rows = await connection.fetch(_WRITE, *_columns(answers, AnswerRow), *_columns(steps, StepRow))
    answered = {row["place"] for row in rows if row["what"] == "answer"}
    stepped = {row["place"]: row for row in rows if row["what"] == "step"}
    results: dict[int, Result] = {}
    for place, entry in entries.items():
        if entry.answer and place not in answered:
            results[place] = KeyTakenError()
        elif entry.step and entry.step.channel is None:
            results[place] = _moved(entry.step, stepped.get(place))
        else:
            results[place] = Written(True)
    return results


def _moved(step: StepRow, row: Row | None) -> Written:
    if row is None or step.order_ref is None or row["status"] is None:
        return Written(row is not None)
    return Written(True, ack_of(step.order_ref, row["acknowledged_ms"], row["status"]))


def _columns(
    rows: Sequence[tuple[object, ...]], kind: type[AnswerRow | StepRow]
) -> list[list[object]]:
    """The rows, each with its place before it, as one array a column."""
    if not rows:
        return [[]] * (len(kind._fields) + 1)
    return [list(column) for column in zip(*rows, strict=True)]


def _refusal(error: Exception) -> Exception:
    if isinstance(error, asyncpg.UniqueViolationError) and error.constraint_name == _IDS:
        return VoidedError()
    return LedgerUnavailableError(describe(error))
