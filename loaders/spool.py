"""A staged snapshot: commands on disk until it is judged, then read back block by block.

The file has no name from its first moment: it vanishes with the loader that wrote it, however
that one ends, and no two loaders meet in one. Reads and writes are of 64 KB and go through the
page cache, so they are done in place; nobody waits for the disk itself.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway.store.bulk import Block
from loaders.errors import SpoolError

BLOCK_SIZE: Final = 64 * 1024
_HEADER: Final = struct.Struct(">II")


def default_folder() -> Path:
    """Where to stage when nothing is configured: our own folder among the temporary ones."""
    return Path(tempfile.gettempdir()) / f"stockspan-{os.getuid()}"


class Spool:
    """Blocks of commands, written once from front to end and then read as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise self._failed(error) from error
        self._pending: list[bytes] = []
        self._waiting = 0
        self.commands = 0
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except OSError:
            # A full disk fails here once more; the first failure was told already.
            return

    def add(self, commands: Iterable[bytes]) -> None:
        """Append commands.

        Raises:
            SpoolError: the disk is full, or gone.
        """
        for command in commands:
            self._pending.append(command)
            self._waiting += len(command)
            self.commands += 1
            self.size += len(command)
            if self._waiting >= BLOCK_SIZE:
                self._write()

    async def blocks(self) -> AsyncIterator[Block]:
        """Every block, in order.

        Raises:
            SpoolError: it cannot be read back.
        """
        self._write()
        try:
            self._file.seek(0)
            while header := self._file.read(_HEADER.size):
                commands, size = _HEADER.unpack(header)
                yield Block(commands, self._file.read(size))
        except (OSError, struct.error) as error:
            raise self._failed(error) from error

    def _write(self) -> None:
        if not self._pending:
            return
        wire = b"".join(self._pending)
        try:
            self._file.write(_HEADER.pack(len(self._pending), len(wire)) + wire)
        except OSError as error:
            raise self._failed(error) from error
        self._pending, self._waiting = [], 0

    def _failed(self, error: Exception) -> SpoolError:
        reason = error.strerror if isinstance(error, OSError) else "the file is damaged"
        return SpoolError(f"a snapshot cannot be staged in {self._folder}: {reason}")


def in_blocks(commands: Iterable[bytes]) -> Iterator[Block]:
    """Commands that need no staging, cut the same way."""
    pending: list[bytes] = []
    size = 0
    for command in commands:
        pending.append(command)
        size += len(command)
        if size >= BLOCK_SIZE:
            yield Block(len(pending), b"".join(pending))
            pending, size = [], 0
    if pending:
        yield Block(len(pending), b"".join(pending))


async def stream(blocks: Iterable[Block]) -> AsyncIterator[Block]:
    """The same blocks, as a writer takes them."""
    for block in blocks:
        yield block
