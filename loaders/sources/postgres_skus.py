"""Some SKUs from an ERP's PostgreSQL: the feed's own query, narrowed to those that were asked for.

One statement and nothing around it: each step of a transaction would be a journey more, and
somebody waits. It sees one moment by itself, and can only read, being wrapped in a SELECT.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncpg

from gateway.config.settings import Feed, PostgresSource
from gateway.domain.record_kinds import Kind
from loaders.reading import Reading
from loaders.sources.postgres import translated
from loaders.sources.query import by_sku, described, plan


class PostgresSkus:
    """Reads some SKUs of one feed, on a connection of its own; one call at a time."""

    def __init__(self, name: str, feed: Feed, source: PostgresSource) -> None:
        self._name = name
        self._kind: Kind = feed.kind
        self._query = feed.query or ""
        self._source = source
        self._connection: asyncpg.Connection | None = None
        self._statement = ""

    async def some(self, skus: Sequence[str]) -> Reading:
        """What the ERP has on these SKUs now; after any failure the connection is made anew.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            with translated(self._name):
                connection = await self._connected()
                rows = await connection.fetch(self._statement, list(skus))
        except BaseException:
            await self.close()
            raise
        return Reading(_chunk("\n".join([row[0] for row in rows]).encode()))

    async def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._source.dsn,
                timeout=min(self._source.connect_timeout, self._source.refresh_timeout),
                command_timeout=self._source.refresh_timeout,
                # A pooler may hand the session on to somebody else, with what was prepared in it.
                statement_cache_size=0,
                server_settings={"application_name": "stockspan"},
            )
            prepared = await self._connection.prepare(described(self._query))
            columns = {column.name: column.type.name for column in prepared.get_attributes()}
            plan(self._name, self._kind, self._query, columns, None)
            self._statement = by_sku(self._kind, self._query, columns)
        return self._connection


async def _chunk(lines: bytes) -> AsyncIterator[bytes]:
    if lines:
        yield lines
