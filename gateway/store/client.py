"""The connection to Redis, and the one place where its errors become ours.

redis-py as shipped retries ten times and waits five seconds: a lost reply ran a script twice and
a silent server cost a minute a call. Here retries are off and every use of the store has one
deadline, ours: redis-py's own `socket_timeout` wraps each send in `asyncio.wait_for`, which in
Python 3.11 loses a cancellation now and then, and then a task that was told to end never does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, Literal

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from gateway.deadlines import within
from gateway.domain.errors import StockspanError, StoreFullError, StoreUnavailableError
from gateway.observability.tracing import span

Mode = Literal["standalone", "cluster"]
Connected = Any
"""A `Redis` or `RedisCluster`. redis-py annotates its commands for both its blocking and its
asyncio clients at once, which no type checker follows; the types of replies are ours to state."""

_CONNECTIONS: Final = 64

OURS: Final[tuple[type[BaseException], ...]] = (
    exceptions.RedisError,
    exceptions.RedisClusterException,
    OSError,
    asyncio.TimeoutError,
    RuntimeError,
)
"""Everything redis-py raises when the store cannot do what was asked.

RuntimeError is uvloop's, for what is written to a connection that was reset this moment.
"""


class DeposedError(StockspanError):
    """The fence refused a write: another leads the loaders, or the store lost who does."""


class StoreClient:
    """A connected store; `deadline` (seconds) bounds every call, connecting included."""

    def __init__(self, redis: Connected, deadline: float) -> None:
        self.redis = redis
        self.deadline = deadline

    @classmethod
    def connect(cls, url: str, *, mode: Mode = "standalone", deadline: float = 0.1) -> StoreClient:
        """A client for `url` (redis://, rediss:// or unix://); nothing is sent yet.

        Raises:
            ValueError: the url is none of these.
        """
        options: dict[str, Any] = {
            "socket_timeout": None,
            "socket_connect_timeout": deadline,
            "protocol": 3,
            "retry": Retry(NoBackoff(), 0),
            # A maintenance push is a cloud vendor's feature that Valkey does not know.
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        }
        if mode == "cluster":
            cluster = RedisCluster.from_url(url, **options)
            return cls(cluster, deadline)
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=deadline,
            **options,
        )
        return cls(Redis.from_pool(pool), deadline)

    @asynccontextmanager
    async def asking(self, deadline: float | None = None) -> AsyncIterator[Connected]:
        """The client, for calls that are done within the deadline, all together.

        It is the client's own unless another is given: who reads a great deal has more time.

        Raises:
            StoreUnavailableError: they were not, or the store refused.
        """
        with span("store"), translated():
            async with within(self.deadline if deadline is None else deadline):
                try:
                    yield self.redis
                except (exceptions.ConnectionError, OSError):
                    await self._forget_idle()
                    raise

    async def _forget_idle(self) -> None:
        """What broke one connection broke those that lie idle: each would fail one more caller."""
        if not isinstance(self.redis, RedisCluster):
            with suppress(*OURS):
                await self.redis.connection_pool.disconnect(inuse_connections=False)

    async def get_many(
        self, keys: Sequence[bytes], deadline: float | None = None
    ) -> list[bytes | None]:
        """The string values at `keys`, in order; None where there is none or it is no string.

        The deadline as in `asking`.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        async with self.asking(deadline) as redis:
            read = redis.mget_nonatomic if isinstance(redis, RedisCluster) else redis.mget
            found: list[bytes | None] = await read(keys)
            return found

    async def get_fields(self, key: bytes, fields: Sequence[str]) -> list[bytes | None]:
        """The values of these fields of the hash at `key`, as `get_many`.

        Raises:
            StoreUnavailableError: no answer within the deadline.
        """
        if not fields:
            return []
        async with self.asking() as redis:
            try:
                found: list[bytes | None] = await redis.hmget(key, fields)
            except exceptions.ResponseError as error:
                if not is_wrong_type(error):
                    raise
                return [None] * len(fields)
        return found

    async def subscription(self) -> Any:
        """A new subscription; in a cluster, once it is known which node serves which slot.

        Raises:
            Exception: one of `OURS`, translated by nobody: the listener tries again.
        """
        async with within(self.deadline):
            if isinstance(self.redis, RedisCluster):
                _ = await self.redis.initialize()
        return self.redis.pubsub()

    async def ping(self) -> None:
        """Return when the store answers.

        Raises:
            StoreUnavailableError: it does not.
        """
        async with self.asking() as redis:
            await redis.ping()

    async def close(self) -> None:
        """Close every connection."""
        await self.redis.aclose()


@contextmanager
def translated() -> Iterator[None]:
    """Turn what redis-py raises into `StoreUnavailableError`, `StoreFullError`, `DeposedError`."""
    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise StoreFullError(str(error)) from error
    except OURS as error:
        if is_deposed(error):
            raise DeposedError("another loader leads now") from error
        raise StoreUnavailableError(describe(error)) from error


def is_deposed(error: object) -> bool:
    """Whether a script says that its fence holds another token."""
    return isinstance(error, exceptions.ResponseError) and str(error).startswith("DEPOSED")


def is_wrong_type(error: object) -> bool:
    """Whether the store says that what lies at a key is of another type."""
    return isinstance(error, exceptions.ResponseError) and "WRONGTYPE" in str(error)


def describe(error: BaseException) -> str:
    """One line about a Redis error, without the address, which may hold a password."""
    if isinstance(error, exceptions.TimeoutError | asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(error, exceptions.AuthenticationError):
        return "refused the password"
    if isinstance(error, exceptions.ConnectionError | OSError | RuntimeError):
        return "no connection"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
