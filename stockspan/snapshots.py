"""`stockspan snapshot`: what the store holds as a file, and a store that is warm again from one."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from rich.console import Console

from gateway.config.settings import Settings
from gateway.domain.record_kinds import Kind
from gateway.store.client import StoreClient
from gateway.store.keys import Keyspace
from gateway.wiring.connections import clock_ms
from loaders.archive.restoring import Restored, Restoring
from loaders.archive.saving import Saved, Saving
from loaders.errors import ArchiveError
from loaders.progress import Meter, shown
from stockspan.failure import Failure

STANDARD: Final = "-"
"""Standard input, or standard output."""

_STORE_SECONDS: Final = 2.0


async def save(settings: Settings, name: str) -> str:
    """Save the store to this file, which is there as a whole or not at all; what to say of it.

    Raises:
        Failure: the file cannot be written, or the store is not worth saving.
        StoreUnavailableError: it went away.
    """
    async with _store(settings) as client:
        keys = Keyspace(settings.store.prefix)
        with _told(name), _written(name) as file, _meter("saving") as meter:
            saved = await Saving(client, keys, clock_ms, meter).save(file)
    return _said_of_saved(name, saved)


async def restore(settings: Settings, name: str, *, merge: bool) -> str:
    """Restore this file into the store; what to say of it.

    Raises:
        Failure: it is no whole archive, or the store holds something already.
        LoaderError, StoreUnavailableError: the store refuses, or went away.
    """
    async with _store(settings) as client:
        keys = Keyspace(settings.store.prefix)
        with _told(name), _read(name) as file, _meter("restoring") as meter:
            restored = await Restoring(client, keys, meter).restore(file, merge=merge)
    return _said_of_restored(restored)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[StoreClient]:
    store = settings.store
    # Nobody waits for it but an operator.
    deadline = max(store.timeout, _STORE_SECONDS)
    client = StoreClient.connect(store.url, mode=store.mode, deadline=deadline)
    try:
        yield client
    finally:
        await client.close()


@contextmanager
def _meter(doing: str) -> Iterator[Meter]:
    with shown(Console(stderr=True)) as meters, meters(doing) as meter:
        yield meter


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except ArchiveError as error:
        raise Failure(f"{name}: {error}") from error
    except OSError as error:
        raise Failure(f"{name}: {error.strerror or type(error).__name__}") from error


@contextmanager
def _read(name: str) -> Iterator[BinaryIO]:
    """The file, to be read from its beginning more than once."""
    if name != STANDARD:
        with Path(name).open("rb") as file:
            if file.seekable():
                yield file
                return
            with _spooled(file) as spooled:
                yield spooled
            return
    with _spooled(sys.stdin.buffer) as spooled:
        yield spooled


@contextmanager
def _spooled(file: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as spooled:
        shutil.copyfileobj(file, spooled)
        spooled.seek(0)
        yield spooled


@contextmanager
def _written(name: str) -> Iterator[BinaryIO]:
    """The file, which takes its name when it is whole; it has customers and prices: ours alone."""
    if name == STANDARD:
        if sys.stdout.isatty():
            raise Failure("-: standard output is a terminal: name a file, or lead it to one")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            yield file  # type: ignore[misc]  # it is a BinaryIO in all but name
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise


def _said_of_saved(name: str, saved: Saved) -> str:
    said = f"{name}: {_counted(saved.counts)}"
    if saved.unreadable:
        said += f"; {saved.unreadable} that nobody can read were left out"
    return said


def _said_of_restored(restored: Restored) -> str:
    said = f"restored as of {restored.made_at}: {_counted(restored.counts)}"
    if restored.ignored:
        said += f"; the store held {restored.ignored} of them as new"
    return said


def _counted(counts: Mapping[Kind, int]) -> str:
    total = sum(counts.values())
    each = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
    return f"{total:,} records ({each})" if each else "no records"
