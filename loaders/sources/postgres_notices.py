"""Hears an ERP's database say that an outbox has something new, and keeps the outbox short.

One connection for each source, whichever of its feeds have an outbox. A notice is a mere wake-up:
one that gets lost costs the time until the feed looks by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Final, NoReturn

import asyncpg
import structlog

from gateway.config.feed_sections import PostgresSource
from gateway.domain.errors import StoreUnavailableError
from loaders.errors import SourceError
from loaders.resilience import Backoff
from loaders.sources.outbox_sql import CHANNEL, TABLE
from loaders.sources.postgres_errors import translated

_TIDY_SECONDS: Final = 30.0
"""Also how long a connection may be dead before that is noticed."""

_TIDY_ROWS: Final = 10_000

# The newest row that all have read stays: it shows them that nothing was taken away behind it.
_TIDY: Final = f"""
DELETE FROM {TABLE} WHERE (xact, id) IN (
    SELECT xact, id FROM {TABLE}
     WHERE (xact, id) < (SELECT xact, id FROM {TABLE} WHERE xact < $1::text::xid8
                          ORDER BY xact DESC, id DESC LIMIT 1)
     ORDER BY xact, id LIMIT {_TIDY_ROWS})
"""  # noqa: S608 - names of ours

_log = structlog.get_logger(__name__)


class Notices:
    """Listens at one source. `read` tells through which transaction all of its feeds have read.

    `changed` is called for every notice, and after each new connection: there may have been some.
    """

    def __init__(
        self,
        name: str,
        source: PostgresSource,
        changed: Sequence[Callable[[], None]],
        read: Callable[[], Awaitable[int | None]],
        random: Random,
    ) -> None:
        self._name = name
        self._source = source
        self._changed = changed
        self._read = read
        self._backoff = Backoff(random)
        self._told = ""

    async def run(self) -> NoReturn:
        """Listen until cancelled; a connection that breaks is made anew, later and later."""
        while True:
            try:
                with translated(self._name, "source"):
                    await self._listen()
            except SourceError as error:
                self._tell(str(error))
            await asyncio.sleep(self._backoff.wait())

    async def _listen(self) -> None:
        """Until the connection breaks."""
        connection = await asyncpg.connect(
            self._source.dsn,
            timeout=self._source.connect_timeout,
            command_timeout=_TIDY_SECONDS,
            server_settings={"application_name": "stockspan notices"},
        )
        broken = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: broken.set())
            await connection.add_listener(CHANNEL, lambda *_: self._wake())
            self._backoff.reset()
            self._told = ""
            self._wake()
            while not broken.is_set():
                await self._tidy(connection)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TIDY_SECONDS):
                        await broken.wait()
        finally:
            connection.terminate()

    def _wake(self) -> None:
        for changed in self._changed:
            changed()

    async def _tidy(self, connection: asyncpg.Connection) -> None:
        """Delete what all feeds have read, some of it: what is left is for the next time."""
        with suppress(StoreUnavailableError):
            through = await self._read()
            if through is None:
                await connection.execute("SELECT 1")
                return
            try:
                await connection.execute(_TIDY, str(through))
            except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedTableError) as error:
                # Feeds say what is missing; that the outbox grows is no reason to stop reading.
                self._tell(f"source {self._name}: the outbox cannot be pruned: {error}")

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            _log.warning("notices of an outbox", action="feed.notices", reason=reason)
        self._told = reason
