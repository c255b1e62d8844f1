"""Some SKUs from an ERP's PostgreSQL: the feed's own query, narrowed to those that were asked for.

Somebody waits for it, so its transaction takes four journeys and no more. It can only read, and the
server itself ends it: a query that outlives its caller would be load that nobody asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from gateway.config.feed_sections import Feed, PostgresSource
from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError
from loaders.reading import Reading, at_hand
from loaders.sources.postgres_errors import translated
from loaders.sources.query import described, narrowed, plan

_IDLE_SECONDS: Final = 60.0
"""What was not used for so long may have been forgotten by a firewall, which tells nobody."""

_GRACE_SECONDS: Final = 1.0
"""What a server's own limit, which says more when it is passed, is given before ours."""


class PostgresSkus:
    """Reads some SKUs of one feed, on a connection of its own; one call at a time.

    `clock` gives seconds that only ever go up.
    """

    def __init__(
        self, name: str, feed: Feed, source: PostgresSource, clock: Callable[[], float]
    ) -> None:
        self._name = name
        self._kind: Kind = feed.kind
        self._query = feed.query or ""
        self._watermark = feed.watermark
        self._source = source
        self._clock = clock
        self._connection: asyncpg.Connection | None = None
        self._used = 0.0
        self._statement = ""

    async def some(self, skus: Sequence[str]) -> Reading:
        """What the ERP has on these SKUs now; after any failure the connection is made anew.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            async with asyncio.timeout(self._source.refresh_timeout + _GRACE_SECONDS):
                rows = await self._rows(skus)
        except BaseException:
            await self.close()
            raise
        return Reading(at_hand(["\n".join([row[0] for row in rows]).encode()]))

    async def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _rows(self, skus: Sequence[str]) -> Sequence[asyncpg.Record]:
        milliseconds = max(1, int(self._source.refresh_timeout * 1000))
        with translated(self._name):
            connection = await self._connected()
            # Local, because a pooler may hand the session on to somebody else.
            begin = f"BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}"
            await connection.execute(begin)
            try:
                rows: Sequence[asyncpg.Record] = await connection.fetch(self._statement, skus)
            except asyncpg.QueryCanceledError:
                reason = "the query took longer than refresh_timeout"
                raise SourceError(f"feed {self._name}: {reason}") from None
            await connection.execute("COMMIT")
        self._used = self._clock()
        return rows

    async def _connected(self) -> asyncpg.Connection:
        if self._clock() - self._used > _IDLE_SECONDS:
            await self.close()
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._source.dsn,
                timeout=min(self._source.connect_timeout, self._source.refresh_timeout),
                # What a pooler hands on has not prepared what we have.
                statement_cache_size=0,
                server_settings={"application_name": "stockspan"},
            )
            prepared = await self._connection.prepare(described(self._query))
            columns = {column.name: column.type.name for column in prepared.get_attributes()}
            plan(self._name, self._kind, self._query, columns, self._watermark)
            self._statement = narrowed(self._kind, self._query, columns, self._watermark)
        return self._connection
