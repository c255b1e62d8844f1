"""What callers were told under their idempotency keys, in the journal in Redis.

An answer and the reservation that it promises lie in different slots of a cluster, and no script
writes both. The answer is put under its key first, and is worth nothing until its reservation is
there: the writing of that is the one moment from which both are. Whoever dies between has promised
nothing, and the next one with the key takes its place; the reservation is made void before, so that
it cannot come any more. The other order would hold units for nobody until they lapse.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from gateway.domain.answers import Answer
from gateway.domain.errors import KeyTakenError
from gateway.store.claims import key_digest
from gateway.store.journal_codec import (
    AnswerRecord,
    answer_bytes,
    decode_answer,
    is_void,
)
from gateway.store.journal_lanes import PATIENCE, JournalLanes, as_ledger, evalsha
from gateway.store.journal_scripts import ANSWER, WITHDRAW
from gateway.store.journal_volumes import DAY_MS, Volumes
from gateway.store.keys import Keyspace
from gateway.store.lane import Command

_UNDER_WAY_MS: Final = 500
"""How long a reservation may be on its way after its answer."""
_A_MOMENT: Final = 0.01


class Placed:
    """An answer under its key. `again` is written with what makes it worth something."""

    def __init__(self, place: bytes, value: bytes) -> None:
        self.place = place
        self.value = value

    @property
    def again(self) -> Command:
        """A write at its key: to wait for the disk there is to wait for the answer as well."""
        return (b"PEXPIRE", self.place, DAY_MS)


class JournalAnswers:
    """The answers of one journal. Everything here may raise LedgerUnavailableError."""

    def __init__(self, lanes: JournalLanes, keys: Keyspace, volumes: Volumes) -> None:
        self._lanes = lanes
        self._keys = keys
        self._volumes = volumes

    async def told(self, caller: str, key: str) -> Answer | None:
        """What the caller was told for this key within a day."""
        (value,) = await self._lanes.run([(b"GET", self._place(caller, key))])
        if value is None:
            return None
        record = decode_answer(value)
        return record.answer(caller, key) if await self._counts(record) else None

    async def put(self, answer: Answer, reservation: str | None) -> Placed:
        """Put an answer under its key; on disk with the reservation that it promises, if any.

        Raises:
            KeyTakenError: another is there.
        """
        record = AnswerRecord(
            secrets.token_bytes(8), reservation, answer.body_sha, answer.status, answer.body
        )
        placed = Placed(self._place(answer.caller, answer.key), answer_bytes(record))
        async with as_ledger(), asyncio.timeout(PATIENCE):
            instead = b""
            while True:
                command = evalsha(ANSWER, [placed.place], placed.value, DAY_MS, instead)
                (other,) = await self._lanes.run([command], ANSWER)
                if other is None:
                    return placed
                instead = other[0] if await self._may_go(*other) else b""

    async def kept(self, placed: Placed) -> None:
        """Return when an answer that promises nothing is on disk."""
        await self._lanes.keep([placed.again])

    async def forget(self, caller: str, key: str) -> None:
        """Whatever is told for this key was never said."""
        await self._lanes.keep([(b"DEL", self._place(caller, key))])

    async def withdraw(self, placed: Placed) -> None:
        """Take it back: it was not given."""
        await self._lanes.run([evalsha(WITHDRAW, [placed.place], placed.value)], WITHDRAW)

    async def _counts(self, record: AnswerRecord) -> bool:
        if record.reservation is None:
            return True
        return bool(await self._volumes.find([record.reservation]))

    async def _may_go(self, value: bytes, age_ms: int) -> bool:
        """Whether an answer that stands in the way promises what never comes to be.

        Raises:
            KeyTakenError: it counts.
        """
        record = decode_answer(value)
        if record.reservation is None:
            raise KeyTakenError
        written = (await self._volumes.values([record.reservation]))[record.reservation]
        if written is not None and not is_void(written):
            raise KeyTakenError
        if written is None and age_ms < _UNDER_WAY_MS:
            await asyncio.sleep(_A_MOMENT)
            return False
        if not await self._volumes.void(record.reservation):
            raise KeyTakenError
        return True

    def _place(self, caller: str, key: str) -> bytes:
        return self._keys.answer(key_digest(caller, key))
