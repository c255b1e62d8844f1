"""How the journal in Redis is reached: quickly, or so that what was written is on disk.

Errors of the store are the ledger's here: this is the ledger.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from gateway.domain.errors import LedgerUnavailableError, StoreUnavailableError
from gateway.store.client import StoreClient, describe
from gateway.store.hold_scripts import Script
from gateway.store.keys import Keyspace
from gateway.store.lane import Arrived, Command, Lane

PATIENCE: Final = 1.0
"""Seconds that a customer may wait for the disk."""

_log = structlog.get_logger(__name__)


class JournalLanes:
    """`lane`, which is the caller's, and one of its own for what waits for the disk."""

    def __init__(self, client: StoreClient, keys: Keyspace, lane: Lane) -> None:
        self._keys = keys
        self._lane = lane
        # Apart: nobody who only reads shall wait for the disk. The connections are the same pool's.
        self._durable = Lane(StoreClient(client.redis, max(PATIENCE, client.deadline)), keys)
        self._told = False

    async def run(self, commands: Sequence[Command], script: Script | None = None) -> list[Any]:
        """The replies; each as `Lane.run_all` gives it, none an error.

        Raises:
            LedgerUnavailableError: unknown what was done.
        """
        async with as_ledger():
            return _replies(await self._lane.run_all(commands, script))

    async def keep(self, commands: Sequence[Command], script: Script | None = None) -> list[Any]:
        """The same, once everything written by these is on disk.

        Where the server keeps no append-only file it is in memory alone, which is told once.

        Raises:
            LedgerUnavailableError: unknown what was done, or whether it is on disk.
        """
        async with as_ledger():
            arrived = await self._durable.run_all(commands, script, durable=True)
        replies = _replies(arrived)
        self._look_at_disk(arrived)
        return replies

    async def ping(self) -> None:
        """Return if the journal answers, and its disk.

        Raises:
            LedgerUnavailableError: it does not.
        """
        await self.keep([(b"GET", self._keys.epoch)])

    async def end(self) -> None:
        """Give up what waits for the disk."""
        await self._durable.end()

    def _look_at_disk(self, arrived: Sequence[Arrived]) -> None:
        if any(one.on_disk is None for one in arrived):
            if not self._told:
                _log.warning("promises live in memory alone", action="journal.memory_alone")
            self._told = True
        elif not all(one.on_disk for one in arrived):
            raise LedgerUnavailableError("it is not on disk in time")


@asynccontextmanager
async def as_ledger() -> AsyncIterator[None]:
    """Turn what the store raises, and a deadline that has passed, into what the ledger would."""
    try:
        yield
    except StoreUnavailableError as error:
        raise LedgerUnavailableError(str(error)) from error
    except TimeoutError as error:
        raise LedgerUnavailableError("no answer in time") from error


def evalsha(script: Script, keys: Sequence[bytes], *arguments: bytes | str | int) -> Command:
    """The command that runs a script."""
    return (b"EVALSHA", script.sha, len(keys), *keys, *arguments)


def _replies(arrived: Sequence[Arrived]) -> list[Any]:
    replies = [one.reply for one in arrived]
    for reply in replies:
        if isinstance(reply, Exception):
            raise LedgerUnavailableError(describe(reply)) from reply
    return replies
