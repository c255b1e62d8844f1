"""An ERP's PostgreSQL: the only loader code that knows asyncpg.

Each reading is one read-only transaction that sees one moment of the database, read through a
server-side cursor, so that neither side holds more than some rows. A connection is kept from
one reading to the next, and thrown away after any failure.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg
import structlog

from gateway.config.feed_sections import Feed, PostgresSource
from loaders.errors import SourceError
from loaders.reading import Reading
from loaders.sources.query import Plan, described, plan, trimmed

_log = structlog.get_logger(__name__)

_ROWS: Final = 2000
"""Rows a fetch: some 200 KB, large enough that the round trip does not count."""


class PostgresReader:
    """Reads one feed. `clock` gives seconds that only ever go up."""

    def __init__(
        self, name: str, feed: Feed, source: PostgresSource, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._feed = feed
        self._source = source
        self._query = trimmed(feed.query or "")
        self._connection: asyncpg.Connection | None = None
        self._open: asyncpg.transaction.Transaction | None = None
        self._settling = _Settling(feed.overlap, clock)

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
            if statements.greatest is not None:
                with self._translated():
                    greatest = await connection.fetchval(statements.greatest)
            reading = Reading(
                self._lines(connection, statements.snapshot),
                unknown_fields=dict.fromkeys(statements.unknown, 1),
                watermark=greatest,
            )
            yield reading

    @asynccontextmanager
    async def delta(self, watermark: str | None) -> AsyncIterator[Reading | None]:
        """What is newer than the watermark, less the overlap; None without a watermark column."""
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
        return list(statements.warnings)

    async def close(self) -> None:
        """Drop the connection."""
        connection, self._connection, self._open = self._connection, None, None
        if connection is not None:
            connection.terminate()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            with self._translated():
                connection = await self._connected()
                self._open = connection.transaction(isolation="repeatable_read", readonly=True)
                await self._open.start()
                # Local, because a pooler may hand the session on to somebody else.
                milliseconds = int(self._source.query_timeout * 1000)
                await connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")
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
        transaction, self._open = self._open, None
        if transaction is not None:
            with self._translated():
                await transaction.commit()

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
        with self._translated():
            prepared = await connection.prepare(described(self._query))
            columns = {column.name: column.type.name for column in prepared.get_attributes()}
        return plan(self._name, self._feed.kind, self._query, columns, self._feed.watermark)

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


class _Settling:
    """How far behind the watermark a delta must read again.

    A transaction may commit after one with a later time, by `overlap` seconds at most. Once a
    watermark has stood still for so long, nothing can come before it any more, and the same rows
    need not be read every second until the next sale. Only durations are compared, never the
    ERP's clock with ours.
    """

    def __init__(self, overlap: float, clock: Callable[[], float]) -> None:
        self._full = overlap
        self._clock = clock
        self._watermark: str | None = None
        self._since = 0.0
        self._began = 0.0
        self._settled = False

    @property
    def overlap(self) -> float:
        """Seconds to read again behind the watermark."""
        return 0.0 if self._settled else self._full

    def begins(self, watermark: str | None) -> None:
        self._began = self._clock()
        if watermark != self._watermark:
            self._stands_at(watermark)

    def ended(self, watermark: str | None) -> None:
        """A reading came to its end, and what it read has taken effect."""
        if watermark != self._watermark:
            self._stands_at(watermark)
        elif self._began - self._since >= self._full:
            self._settled = True

    def _stands_at(self, watermark: str | None) -> None:
        self._watermark = watermark
        self._since = self._clock()
        self._settled = False


# Each with what is told of it: one line, without the address, which may hold a password.
_TOLD: Final[Sequence[tuple[type[BaseException], Callable[[Any], str]]]] = (
    (asyncpg.InvalidPasswordError, lambda _: "the database refuses this user or password"),
    (asyncpg.InvalidAuthorizationSpecificationError, lambda _: "the database refuses this user"),
    (asyncpg.QueryCanceledError, lambda _: "the query took longer than query_timeout"),
    (asyncpg.PostgresError, lambda error: f"the database says: {str(error).splitlines()[0]}"),
    (TimeoutError, lambda _: "the database does not answer in time"),
    (OSError, lambda error: f"no connection to the database ({_system_says(error)})"),
    (asyncpg.InterfaceError, lambda _: "the connection to the database is broken"),
    (asyncpg.InternalClientError, lambda _: "the connection to the database is broken"),
    (ValueError, lambda _: "the dsn is not valid"),
)
_OURS: Final = tuple(type_ for type_, _ in _TOLD)


@contextmanager
def translated(feed: str) -> Iterator[None]:
    """Turn what asyncpg raises into a `SourceError` of this feed."""
    try:
        yield
    except _OURS as error:
        raise SourceError(f"feed {feed}: {_told(error)}") from error


def _told(error: BaseException) -> str:
    return next(tell(error) for type_, tell in _TOLD if isinstance(error, type_))


def _system_says(error: OSError) -> str:
    return error.strerror or type(error).__name__
