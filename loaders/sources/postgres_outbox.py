"""The outbox of a feed in an ERP's PostgreSQL, read on the connection of its reader.

What has changed is looked up in the feed's own query, in the same statement or transaction: every
look sees one moment, in which the outbox and the records agree. The statement is prepared once for
a connection, and most looks are one journey.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import asyncpg

from gateway.config.outbox_section import Outbox
from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError, WholeNeededError
from loaders.reading import Reading, at_hand
from loaders.sources.outbox import (
    BACKLOG,
    CHANGED,
    EVERYTHING,
    KEYS_AT_ONCE,
    NOT_INSTALLED,
    NOTED,
    Key,
    OutboxKeys,
    looked,
)
from loaders.sources.outbox_mark import Look, Mark, Progress, decoded
from loaders.sources.outbox_sql import MISSED, TABLE, TRIGGERS, qualified
from loaders.sources.query import narrowed

_NOT_THERE: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InsufficientPrivilegeError,
)
_RIGHTS: Final = f"""
SELECT coalesce(has_table_privilege(to_regclass('{TABLE}'), 'SELECT')
            AND has_sequence_privilege(to_regclass('{MISSED}'), 'SELECT'), false) AS readable,
       coalesce(has_table_privilege(to_regclass('{TABLE}'), 'DELETE'), false) AS prunable
"""
_WATCHED: Final = """
SELECT to_regclass($1) IS NOT NULL AS found,
       (SELECT count(*) FROM pg_trigger
         WHERE tgrelid = to_regclass($1) AND tgname = ANY($2::text[]) AND tgenabled <> 'D') AS count
"""
_AFTER_ALL: Final = Mark(2**63 - 1, "")
"""A mark from which on there is nothing to be read."""


class PostgresOutbox:
    """Reads what has changed of one feed. What asyncpg raises passes through, but for what is not
    there.
    """

    def __init__(self, name: str, kind: Kind, outbox: Outbox, clock_ms: Callable[[], int]) -> None:
        self._name = name
        self._kind: Kind = kind
        self._outbox = outbox
        self._keys = OutboxKeys(name, kind, outbox)
        self._progress = Progress(clock_ms)
        self._narrowed = ""
        self._noted: asyncpg.prepared_stmt.PreparedStatement | None = None

    def forget(self) -> None:
        """The connection is another from now on."""
        self._noted = None

    async def mark(self, connection: asyncpg.Connection) -> str | None:
        """The watermark of a snapshot that is read in this transaction; None without an outbox."""
        self._progress.whole()
        # What fails must not end the transaction: a feed without its outbox has its snapshots.
        await connection.execute("SAVEPOINT outbox")
        try:
            with self._installed():
                arguments = (str(_AFTER_ALL.xact), self._keys.watched)
                row = await _row(connection, NOTED.format(rows="SELECT ''"), *arguments)
            look = self._looked(row)
        except SourceError:
            await connection.execute("ROLLBACK TO outbox")
            return None
        return self._progress.mark(look).text

    async def prepare(
        self, connection: asyncpg.Connection, query: str, columns: Mapping[str, str]
    ) -> None:
        """Get ready to read; `columns` are those of the feed's query. Once for a connection.

        Raises:
            SourceError: there is no outbox.
        """
        if self._noted is None:
            field = self._keys.field
            self._narrowed = narrowed(self._kind, query, columns, field=field)
            rows = narrowed(self._kind, query, columns, field=field, among=self._keys.values())
            with self._installed():
                statement = NOTED.replace("{rows}", rows)
                # One without a name would be planned anew each time.
                self._noted = await connection.prepare(statement, name="stockspan_noted")

    @property
    def prepared(self) -> bool:
        """Whether that was done."""
        return self._noted is not None

    async def few(self, watermark: str | None) -> Reading | None:
        """What has changed since, in one journey; None where that is more than fits one look.

        Raises:
            SourceError: there is no outbox, or it is a standby's.
            WholeNeededError: only a snapshot can tell.
        """
        mark, look, lines = await self._look(watermark)
        if len(look.changed) > KEYS_AT_ONCE:
            return None
        chunk, _ = self._chunk(self._keys.read(look.changed), lines)
        return self._reading(mark, look, at_hand([chunk]))

    async def many(self, connection: asyncpg.Connection, watermark: str | None) -> Reading:
        """The same in a transaction, piece by piece; whatever it raises, the lines may as well."""
        mark, look, _ = await self._look(watermark)
        return self._reading(mark, look, self._pieces(connection, mark))

    async def check(self, connection: asyncpg.Connection) -> list[str]:
        """What is wrong with the outbox and its triggers, one line each."""
        rights = await _row(connection, _RIGHTS)
        if not rights["readable"]:
            return [f"feed {self._name}: {NOT_INSTALLED}"]
        wrong = []
        if not rights["prunable"]:
            wrong.append(f"its user has no right to prune {TABLE}, which grows without end")
        for table in self._outbox.tables:
            seen = await _row(connection, _WATCHED, qualified(table), TRIGGERS)
            if not seen["found"]:
                wrong.append(f"there is no table {table}, or its user does not see it")
            elif seen["count"] < len(TRIGGERS):
                wrong.append(f"the table {table} lacks triggers that note its changes")
        return [f"feed {self._name}: {what}; see `stockspan feed trigger`" for what in wrong]

    async def _look(self, watermark: str | None) -> tuple[Mark, Look, Sequence[str]]:
        if self._noted is None:
            raise AssertionError
        mark = decoded(watermark)
        self._progress.begins()
        with self._installed():
            (row,) = await self._noted.fetch(str((mark or _AFTER_ALL).xact), self._keys.watched)
        look = self._looked(row)
        return self._progress.require(mark, look), look, row["lines"]

    def _looked(self, row: asyncpg.Record) -> Look:
        if row["timeline"] is None:
            raise SourceError(
                f"feed {self._name}: the database is a standby; an outbox is read at the primary"
            )
        return looked(dict(row))

    def _reading(self, mark: Mark, look: Look, lines: AsyncIterator[bytes]) -> Reading:
        as_of_ms, waits_since_ms = self._progress.reached(look)
        return Reading(
            lines,
            watermark=self._progress.mark(look, mark).text,
            as_of_ms=as_of_ms,
            current=True,
            waits=look.waits,
            waits_since_ms=waits_since_ms,
        )

    def _chunk(
        self, keys: Mapping[str, Sequence[Key]], rows: Sequence[str], deleted: int = 0
    ) -> tuple[bytes, int]:
        """The lines of these rows and of what is gone, and how many are gone by now."""
        lines = "\n".join(rows).encode()
        gone = self._keys.gone(keys, lines)
        deleted += len(gone)
        self._keys.require(deleted=deleted)
        return b"\n".join([lines, *gone] if lines else gone), deleted

    async def _pieces(self, connection: asyncpg.Connection, mark: Mark) -> AsyncIterator[bytes]:
        since, watched = str(mark.xact), self._keys.watched
        backlog = await _row(connection, BACKLOG, since, watched, self._keys.most_keys + 1)
        self._keys.require(keys=backlog["keys"])
        if backlog["everything"]:
            raise WholeNeededError(EVERYTHING)
        deleted = 0
        cursor = await connection.cursor(CHANGED, since, watched)
        while changed := await cursor.fetch(KEYS_AT_ONCE):
            keys = self._keys.read([row[0] for row in changed])
            rows = await connection.fetch(self._narrowed, list(keys))
            chunk, deleted = self._chunk(keys, [row[0] for row in rows], deleted)
            if chunk:
                yield chunk

    @contextmanager
    def _installed(self) -> Iterator[None]:
        try:
            yield
        except _NOT_THERE:
            raise SourceError(f"feed {self._name}: {NOT_INSTALLED}") from None


async def _row(connection: asyncpg.Connection, query: str, *arguments: object) -> asyncpg.Record:
    (row,) = await connection.fetch(query, *arguments)
    return row
