"""A look at what a feed would bring: its first rows, judged as by a sync, and nothing written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gateway.domain.errors import StoreUnavailableError
from gateway.domain.record_kinds import Kind
from gateway.store.bulk import BulkEncoder
from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace
from loaders.errors import SourceError
from loaders.intake import Intake, Rows
from loaders.operations import Mark
from loaders.outcome import Rejection, Tally
from loaders.placements import Placements
from loaders.reading import SampledReader
from loaders.records import AnyRecord

ROWS: Final = 10
"""So many rows are looked at."""


class Trial(msgspec.Struct, frozen=True):
    """What a look at one feed found.

    `asks` is its query, address or folder; `taken` are the canonical records that would be taken
    over, each as JSON. A `problem` says why there is nothing to be seen of it.
    """

    feed: str
    kind: Kind
    source: str
    asks: str = ""
    taken: tuple[str, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    unknown_fields: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def rows(self) -> int:
        """The rows that were looked at."""
        return len(self.taken) + len(self.rejections)


class Trials:
    """Tries feeds one by one. The store is read, to know the price lists, and never written."""

    def __init__(self, client: StoreClient, keys: Keyspace, now_ms: int) -> None:
        self._client = client
        self._keys = keys
        self._mark = Mark(0, 0, now_ms, snapshot=True)

    async def look(self, trial: Trial, reader: SampledReader) -> Trial:
        """The trial with what came of it."""
        found = msgspec.structs.replace(trial, asks=reader.asks)
        try:
            return await self._looked(found, reader)
        except SourceError as error:
            return msgspec.structs.replace(found, problem=str(error))
        finally:
            await reader.close()

    async def _looked(self, trial: Trial, reader: SampledReader) -> Trial:
        tally = Tally(trial.feed)
        lists = _Lists(self._client, self._keys, fence=None)
        encoder = BulkEncoder(self._keys)
        intake = Intake(trial.kind, self._mark, encoder, tally, None, lists)
        taken: list[str] = []
        async with reader.sample(ROWS) as reading:
            async for lines in reading.lines:
                rows = intake.read(lines)
                await lists.settle(rows.each)
                intake.take(rows)
                taken += _texts(rows, tally.rejections)
            unknown = dict.fromkeys([*reading.unknown_fields, *tally.unknown])
        return msgspec.structs.replace(
            trial,
            taken=tuple(taken),
            rejections=tuple(tally.rejections),
            unknown_fields=tuple(unknown),
        )


class _Lists(Placements):
    """What the store knows of price lists; nothing, where it is away."""

    async def settle(self, records: Iterable[object]) -> None:
        try:
            await super().settle(records)
        except StoreUnavailableError:
            # That the store is away is said elsewhere, and a mapping can be looked at without it.
            return

    def with_skus(self, price_list: str) -> bool:
        del price_list
        return True


def _texts(rows: Rows, rejections: Iterable[Rejection]) -> list[str]:
    rejected = {rejection.line for rejection in rejections}
    return [
        _text(row)
        for line, row in zip(*rows, strict=True)
        if line not in rejected and not isinstance(row, Exception)
    ]


def _text(record: AnyRecord) -> str:
    values: Mapping[str, object] = {
        name: value
        for name in record.__struct_fields__
        if (value := getattr(record, name)) is not None
    }
    return msgspec.json.encode(values).decode()
