"""An ERP's PostgreSQL: with its neighbours `postgres_…`, the only loader code that knows asyncpg.

Each reading is one read-only transaction that sees one moment of the database, read through a
server-side cursor, so that neither side holds more than some rows. A connection is kept from
one reading to the next, and thrown away after any failure.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Final

import asyncpg
import structlog

from gateway.config.feed_sections import Feed, PostgresSource
from loaders.errors import SourceError
from loaders.reading import Reading
from loaders.sources.postgres_errors import translated
from loaders.sources.postgres_outbox import PostgresOutbox
from loaders.sources.query import Plan, described, plan, trimmed
from loaders.sources.settling import Settling

_log = structlog.get_logger(__name__)

_ROWS: Final = 2000
"""Rows a fetch: some 200 KB, large enough that the round trip does not count."""

_BEGIN: Final = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {:d}"
)

_LOOKS: Final = "SET default_transaction_read_only = on; SET statement_timeout = {:d}"


class PostgresReader:
    """Reads one feed. `clock` gives seconds that only ever go up.

    Raises:
        SourceError: the outbox does not fit the feed's kind.
    """

    def __init__(
        self, name: str, feed: Feed, source: PostgresSource, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._feed = feed
        self._source = source
        self._query = trimmed(feed.query or "")
        self._connection: asyncpg.Connection | None = None
        self._open = False
        self._settling = Settling(feed.overlap, clock)
        self._outbox = None
        if feed.outbox is not None:
            self._outbox = PostgresOutbox(name, feed.kind, feed.outbox, _wall_clock_ms)

    @property
    def _milliseconds(self) -> int:
        return int(self._source.query_timeout * 1000)

    @property
    def asks(self) -> str:
        """The query."""
        return " ".join(self._query.split())

    @asynccontextmanager
    async def snapshot(self, done: str | None) -> AsyncIterator[Reading]:
        """Everything, as of one moment."""
        del done
        async with self._transaction() as connection:
            statements = await self._plan(connection)
            greatest = None
            with self._translated():
                if statements.greatest is not None:
                    greatest = await connection.fetchval(statements.greatest)
                elif self._outbox is not None:
                    greatest = await self._outbox.mark(connection)
            reading = Reading(
                self._lines(connection, statements.snapshot),
                unknown_fields=dict.fromkeys(statements.unknown, 1),
                watermark=greatest,
            )
            yield reading

    @asynccontextmanager
    async def delta(self, watermark: str | None) -> AsyncIterator[Reading | None]:
        """What is newer than the watermark, less the overlap; None without a watermark column.

        With an outbox, what that says has changed.
        """
        if self._outbox is not None:
            reading = await self._few(self._outbox, watermark)
            if reading is not None:
                yield reading
                return
            async with self._transaction() as connection:
                with self._translated():
                    reading = await self._outbox.many(connection, watermark)
                reading.lines = self._all(reading.lines)
                yield reading
            return
        if self._feed.watermark is None:
            yield None
            return
        async with self._transaction() as connection:
            statements = await self._plan(connection)
            reading = Reading(
                unknown_fields=dict.fromkeys(statements.unknown, 1), watermark=watermark
            )
            # The lines tell the reading how far they have come.
            reading.lines = self._marked_lines(connection, statements, reading)
            self._settling.begins(watermark)
            yield reading
        self._settling.ended(reading.watermark)

    @asynccontextmanager
    async def reconcile(self, watermark: str) -> AsyncIterator[Reading | None]:
        """Everything as of one moment; None without a watermark column."""
        if self._feed.watermark is None:
            yield None
            return
        async with self._transaction() as connection:
            statements = await self._plan(connection)
            self._settling.begins(watermark)
            since = self._since(statements, watermark)
            yield Reading(
                self._lines(connection, statements.rest or "", *since, last=False),
                newer=self._lines(connection, statements.delta or "", *since),
                unknown_fields=dict.fromkeys(statements.unknown, 1),
            )

    @asynccontextmanager
    async def sample(self, most: int) -> AsyncIterator[Reading]:
        """The first rows of the query, in no order but its own."""
        async with self._transaction() as connection:
            statements = await self._plan(connection)
            yield Reading(
                self._lines(connection, f"{statements.snapshot} LIMIT {most}"),
                unknown_fields=dict.fromkeys(statements.unknown, 1),
            )

    async def check(self) -> list[str]:
        """What is wrong, one line each; what is only ignored is logged."""
        try:
            async with self._transaction() as connection:
                statements = await self._plan(connection)
                wrong = list(statements.warnings)
                if self._outbox is not None:
                    with self._translated():
                        wrong += await self._outbox.check(connection)
        except SourceError as error:
            return [str(error)]
        finally:
            await self.close()
        if statements.unknown:
            _log.warning(
                "columns that mean nothing here are ignored",
                action="feed.unknown_fields",
                feed=self._name,
                columns=", ".join(statements.unknown),
            )
        return wrong

    async def close(self) -> None:
        """Drop the connection."""
        connection, self._connection, self._open = self._connection, None, False
        if self._outbox is not None:
            self._outbox.forget()
        if connection is not None:
            connection.terminate()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            with self._translated():
                connection = await self._connected()
                # Local, because a pooler may hand the session on to somebody else.
                await connection.execute(_BEGIN.format(self._milliseconds))
                self._open = True
            yield connection
            await self._end_transaction()
        except BaseException:
            await self.close()
            raise

    async def _end_transaction(self) -> None:
        """Let go of the ERP's rows as soon as the last one was read.

        What is done with them, staging, judging, writing, may take long, and an open transaction
        holds up the ERP's own housekeeping.
        """
        connection, is_open = self._connection, self._open
        self._open = False
        if is_open and connection is not None:
            with self._translated():
                await connection.execute("COMMIT")

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._source.dsn,
                timeout=self._source.connect_timeout,
                # A little more than the server's own limit, which says more when it is passed.
                command_timeout=self._source.query_timeout + 5,
                # Plans are made once a reading; a pooler would not keep prepared statements.
                statement_cache_size=0,
                server_settings={"application_name": "stockspan"},
            )
        return self._connection

    async def _plan(self, connection: asyncpg.Connection) -> Plan:
        columns = await self._columns(connection)
        return plan(self._name, self._feed.kind, self._query, columns, self._feed.watermark)

    async def _columns(self, connection: asyncpg.Connection) -> Mapping[str, str]:
        with self._translated():
            prepared = await connection.prepare(described(self._query))
        return {column.name: column.type.name for column in prepared.get_attributes()}

    async def _few(self, outbox: PostgresOutbox, watermark: str | None) -> Reading | None:
        try:
            with self._translated():
                connection = await self._connected()
                if not outbox.prepared:
                    # For the session, as a look is a transaction by itself.
                    await connection.execute(_LOOKS.format(self._milliseconds))
                    columns = await self._columns(connection)
                    plan(self._name, self._feed.kind, self._query, columns, None)
                    await outbox.prepare(connection, self._query, columns)
                return await outbox.few(watermark)
        except BaseException:
            await self.close()
            raise

    async def _all(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with self._translated():
            async for chunk in lines:
                yield chunk
        await self._end_transaction()

    async def _lines(
        self, connection: asyncpg.Connection, sql: str, *arguments: object, last: bool = True
    ) -> AsyncIterator[bytes]:
        with self._translated():
            cursor = await connection.cursor(sql, *arguments)
            while rows := await cursor.fetch(_ROWS):
                yield "\n".join([row[0] for row in rows]).encode()
        if last:
            await self._end_transaction()

    async def _marked_lines(
        self, connection: asyncpg.Connection, statements: Plan, reading: Reading
    ) -> AsyncIterator[bytes]:
        sql, arguments = statements.first_delta, tuple[object, ...]()
        if reading.watermark is not None:
            sql, arguments = statements.delta, self._since(statements, reading.watermark)
        with self._translated():
            cursor = await connection.cursor(sql or "", *arguments)
            while rows := await cursor.fetch(_ROWS):
                reading.watermark = rows[-1][1]
                yield "\n".join([row[0] for row in rows]).encode()
        await self._end_transaction()

    def _since(self, statements: Plan, watermark: str) -> tuple[object, ...]:
        """What tells in a statement from where on a delta reads."""
        return (watermark, self._settling.overlap) if statements.timed else (watermark,)

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._name)


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000
