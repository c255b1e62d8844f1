"""Mans every place, until told to stop."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from gateway.config.settings import Settings
from gateway.observability.recorder import Recorder, process_name
from gateway.store.event_journal import EventJournal
from gateway.store.event_writer import EventWriter
from gateway.store.keys import Keyspace
from gateway.wiring.connections import connect
from stockspan.failure import Failure
from stockspan.signals import stopping
from stockspan.workers.place import Orders, Place
from stockspan.workers.port import Port

_PREFIX: Final = "stockspan-"
_SHORT: Final = "/tmp"  # noqa: S108 - the folder in it is made anew, and private

_LONGEST_FOLDER: Final = 100
"""Bytes: the address of a Unix socket, of which the folder is the first part, has 107."""


async def supervise(settings: Settings, config: Path | None) -> int:
    """Keep `gateway.workers` workers at the address; 1 if requests under way were cut short.

    Raises:
        Failure: the address is in use or not allowed, or there is no folder for sockets.
    """
    gateway = settings.gateway
    hurry = asyncio.Event()
    stop = stopping(again=hurry.set)
    port = Port(gateway.host, gateway.port)
    with _folder() as folder:
        command = [sys.executable, "-m", "stockspan", "worker", f"--folder={folder}"]
        command += [f"--host={gateway.host}", f"--workers={gateway.workers}"]
        if config is not None:
            command.append(f"--config={config}")
        orders = Orders(tuple(command), gateway.stuck_after, gateway.drain_timeout, stop, hurry)
        host = socket.gethostname()
        async with _recording(settings) as recorder, asyncio.TaskGroup() as places:
            for number in range(gateway.workers):
                place = Place(number, port, orders, recorder, host)
                places.create_task(place.keep())
    port.close()
    return int(hurry.is_set())


@asynccontextmanager
async def _recording(settings: Settings) -> AsyncIterator[Recorder]:
    """Something to record events with, which come into the journal when the store takes them."""
    recorder = Recorder(process_name("gateway"))
    client = connect(settings.store)
    journal = EventJournal(client, Keyspace(settings.store.prefix), settings.journal.length)
    # Not one of the places' tasks: whatever becomes of the journal, they stay manned.
    writing = asyncio.create_task(EventWriter(recorder, journal).run())
    try:
        yield recorder
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await client.close()


@contextmanager
def _folder() -> Iterator[str]:
    """A folder that nobody else may look into, where workers meet."""
    try:
        made = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
        if len(os.fsencode(made.name)) > _LONGEST_FOLDER:
            made.cleanup()
            made = tempfile.TemporaryDirectory(
                prefix=_PREFIX, dir=_SHORT, ignore_cleanup_errors=True
            )
    except OSError as error:
        raise Failure(
            f"no folder for the sockets by which workers meet ({error.strerror or error}): "
            "set TMPDIR to one that can be written"
        ) from None
    with made as folder:
        yield folder
