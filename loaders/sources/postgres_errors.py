"""What asyncpg raises, in words: one line, without the address, which may hold a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import asyncpg

from loaders.errors import SourceError

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
def translated(name: str, what: str = "feed") -> Iterator[None]:
    """Turn what asyncpg raises into a `SourceError` of this feed."""
    try:
        yield
    except _OURS as error:
        raise SourceError(f"{what} {name}: {_told(error)}") from error


def _told(error: BaseException) -> str:
    return next(tell(error) for type_, tell in _TOLD if isinstance(error, type_))


def _system_says(error: OSError) -> str:
    return error.strerror or type(error).__name__
