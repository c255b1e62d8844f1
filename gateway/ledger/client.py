"""The connection to PostgreSQL, and the one place where its errors become ours.

Nothing is sent before the first use, and no failure is for good: the gateway starts while
PostgreSQL is away, and goes on when it is back. Every use has one deadline, waiting for a
connection and connecting included. After anything but an answer the connection is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg

from gateway.deadlines import within
from gateway.domain.errors import LedgerUnavailableError
from gateway.ledger.migrations import SCHEMA, Migration, is_current, migrate, shipped
from gateway.observability.tracing import span

Connected = Any
"""An `asyncpg.Connection`, lent by the pool: the stubs know the two as different types."""

DEADLINE: Final = 1.0
"""Seconds that a customer may wait for the ledger."""

PATIENCE: Final = 10.0
"""Seconds for what no customer waits for."""

_MIGRATING: Final = 60.0
_CONNECTIONS: Final = 6  # a worker: two that write, two that find, two for the background
_STATEMENTS: Final = Path(__file__).parent / "statements"

OURS: Final[tuple[type[BaseException], ...]] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    RuntimeError,  # how uvloop says that the connection written to has just been closed
)
"""Everything asyncpg raises when the ledger cannot do what was asked."""

_SESSION: Final = {
    "application_name": "stockspan-ledger",
    "search_path": SCHEMA,
    "statement_timeout": f"{PATIENCE * 1000:.0f}",
    # The access paths are known, whatever the statistics of a table that has just been made say:
    # a plan made then is kept, and must not read whole tables when they have grown.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}

# What was acknowledged is on disk, whatever the server does for others.
_DURABLE: Final = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'
"""


def statement(name: str) -> str:
    """The text of `statements/{name}.sql`."""
    return (_STATEMENTS / f"{name}.sql").read_text(encoding="utf-8")


class LedgerClient:
    """A ledger at `dsn` (postgresql://…); `deadline` (seconds) bounds every use."""

    def __init__(
        self,
        dsn: str,
        deadline: float = DEADLINE,
        migrations: Sequence[Migration] | None = None,
    ) -> None:
        self.deadline = deadline
        self._dsn = dsn
        self._migrations = shipped() if migrations is None else migrations
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._is_ready = False
        self._readying: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def using(self, deadline: float | None = None) -> AsyncIterator[Connected]:
        """A connection to a ledger that is ready, for what is done within the deadline.

        Raises:
            LedgerUnavailableError: it was not done, or is not known to be.
        """
        with span("ledger"), translated():
            async with within(self.deadline if deadline is None else deadline):
                await self.ready()
                try:
                    async with self._lent() as connection:
                        yield connection
                except asyncpg.UndefinedTableError:
                    self._is_ready = False  # another database stands there now
                    raise

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """For whoever waits for a use of others: to wait for one that hangs is to wait as well.

        Raises:
            LedgerUnavailableError: the deadline has passed, or no use begins any more.
        """
        with span("ledger"), translated():
            self._refuse_when_closed()
            async with within(self.deadline):
                yield

    async def rows(
        self, sql: str, *arguments: object, patiently: bool = False
    ) -> Sequence[Mapping[str, Any]]:
        """What a statement gives; `patiently` where no customer waits for it.

        Raises:
            LedgerUnavailableError: as `using`.
        """
        async with self.using(PATIENCE if patiently else None) as connection:
            rows: Sequence[Mapping[str, Any]] = await connection.fetch(sql, *arguments)
        return rows

    async def ready(self) -> None:
        """Return when the schema is up to date. It is brought there once, whoever asks.

        Raises:
            LedgerUnavailableError: it could not be; the next who asks tries again.
            LedgerSchemaError: it never can.
        """
        if self._is_ready:
            return
        if self._readying is None:
            self._readying = asyncio.create_task(self._make_ready())
            self._readying.add_done_callback(self._was_readied)
        # Whoever gives up leaves it to those who still wait.
        await asyncio.shield(self._readying)

    async def close(self) -> None:
        """Close every connection. What is under way may end within the deadline; nothing begins."""
        self._closed = True
        if self._readying is not None:
            self._readying.cancel()
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with within(self.deadline):
                await pool.close()
        except OURS:
            pool.terminate()

    async def _make_ready(self) -> None:
        with translated():
            async with within(self.deadline), self._lent() as connection:
                if await is_current(connection, self._migrations):
                    return
            async with asyncio.timeout(_MIGRATING), self._lent() as connection:
                await migrate(connection, self._migrations)

    def _was_readied(self, task: asyncio.Task[None]) -> None:
        self._readying = None
        self._is_ready = not task.cancelled() and task.exception() is None

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Connected]:
        pool = await self._pooled()
        connection = await pool.acquire()
        try:
            yield connection
        except asyncpg.PostgresError:
            raise  # an answer: the connection is as good as before
        except BaseException:
            connection.terminate()
            raise
        finally:
            await pool.release(connection)

    async def _pooled(self) -> asyncpg.Pool[asyncpg.Record]:
        self._refuse_when_closed()
        if self._pool is None:
            self._pool = asyncpg.create_pool(
                self._dsn,
                min_size=0,
                max_size=_CONNECTIONS,
                init=_make_durable,
                reset=_keep,
                server_settings=_SESSION | {"lock_timeout": f"{max(self.deadline * 1000, 1):.0f}"},
            )
        # It is to connect to nothing yet: this awaits nothing, and the second time does nothing.
        return await self._pool

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise LedgerUnavailableError("closed")


async def _make_durable(connection: Connected) -> None:
    await connection.execute(_DURABLE)


async def _keep(connection: Connected) -> None:
    """Leave a session as it is: nothing here changes it, and resetting it is a round trip."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what asyncpg raises into `LedgerUnavailableError`."""
    try:
        yield
    except OURS as error:
        raise LedgerUnavailableError(describe(error)) from error


def describe(error: BaseException) -> str:
    """One line about a PostgreSQL error, without the address, which may hold a password."""
    if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
        return "no answer in time"
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return "refused this user or password"
    if isinstance(error, asyncpg.DataError):
        return "refused an argument"  # which the text would show
    if isinstance(error, ValueError):
        return "the dsn is not valid"
    if isinstance(
        error, asyncpg.PostgresConnectionError | asyncpg.InterfaceError | OSError | RuntimeError
    ):
        return "no connection"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
