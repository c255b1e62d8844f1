"""Look-ups that requests wait for: those of one turn of the loop are one question to the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.domain.answers import Answer
from gateway.domain.reservations import Reservation
from gateway.gathering import Gathering
from gateway.ledger.client import LedgerClient, statement
from gateway.ledger.codec import answer_of, is_storable, key_bytes, reservation_of

_FIND: Final = statement("find")
_ANSWERS: Final = statement("answers")

_LOT: Final = 500
_ABREAST: Final = 2


class Lookups:
    """Finds reservations by id, and answers by key."""

    def __init__(self, client: LedgerClient) -> None:
        self._client = client
        self._finding: Gathering[Sequence[str], Mapping[str, Reservation]] = Gathering(
            self._find, most=_LOT, abreast=_ABREAST
        )
        self._answering: Gathering[tuple[str, str], Answer | None] = Gathering(
            self._answers, most=_LOT, abreast=_ABREAST
        )

    async def find(self, ids: Sequence[str]) -> Mapping[str, Reservation]:
        """As `Journal.find`."""
        async with self._client.in_time():
            return await self._finding.ask(tuple(filter(is_storable, ids)))

    async def answer(self, caller: str, key: str) -> Answer | None:
        """As `Journal.answer`."""
        if not is_storable(caller):
            return None
        async with self._client.in_time():
            return await self._answering.ask((caller, key))

    async def end(self) -> None:
        """Give up what is under way."""
        await self._finding.end()
        await self._answering.end()

    async def _find(self, asked: Sequence[Sequence[str]]) -> Sequence[Mapping[str, Reservation]]:
        rows = await self._client.rows(_FIND, list({name for names in asked for name in names}))
        found = {row["id"]: reservation_of(row) for row in rows}
        return [{name: found[name] for name in names if name in found} for names in asked]

    async def _answers(self, asked: Sequence[tuple[str, str]]) -> Sequence[Answer | None]:
        callers, keys = zip(*set(asked), strict=True)
        rows = await self._client.rows(_ANSWERS, callers, [key_bytes(key) for key in keys])
        found = {(row["caller"], row["key"]): answer_of(row) for row in rows}
        return [found.get((caller, key_bytes(key))) for caller, key in asked]
