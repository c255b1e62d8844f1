"""Snapshots that are held back, kept until an operator says what becomes of them.

One file a feed, the latest: what was judged (`Judged`), then the staged blocks, then those that
remove what it lacks. It is written beside its name and then given it, so that a file with a name is
whole. Its commands name the term of their staging; whoever releases them puts in the present one.
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from gateway.domain.record_kinds import Kind
from gateway.store.bulk import SCRIPT, Block
from loaders.errors import SpoolError
from loaders.feedbook import OpenFeed
from loaders.operations import Mark
from loaders.outcome import Tally
from loaders.reading import Reading
from loaders.spool import Spool

_FORMAT: Final = b"stockspan held back 1\n"
_SIZE: Final = struct.Struct(">I")
_HEADER: Final = struct.Struct(">II")


class Judged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A snapshot as it was judged: of which feed and store, and what it would have done.

    `arrival_ms` is when it was taken, by which it is known; `script` the one that its commands are
    for; `places` those of the price lists whose place it would have decided. `staged` and `sweeps`
    are numbers of commands.
    """

    feed: str
    kind: Kind
    number: int
    round: int
    epoch: bytes
    script: bytes
    arrival_ms: int
    reason: str
    rows: int
    rejected: int
    staged: int
    sweeps: int
    places: Mapping[str, bool] = {}
    watermark: str | None = None
    as_of_ms: int | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Judged).decode


class Kept:
    """A kept snapshot, open for reading."""

    def __init__(self, judged: Judged, file: BinaryIO) -> None:
        self.judged = judged
        self._file = file
        self._begins = file.tell()

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Every block, in order: what was staged, then what removes.

        Raises:
            SpoolError: it cannot be read back.
        """
        try:
            self._file.seek(self._begins)
            while header := self._file.read(_HEADER.size):
                commands, size = _HEADER.unpack(header)
                wire = self._file.read(size)
                if len(wire) < size:
                    raise _damaged(self.judged.feed)
                yield Block(commands, wire)
        except (OSError, struct.error) as error:
            raise _damaged(self.judged.feed) from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class Shelf:
    """Where the held-back snapshots of one store are kept; none larger than `most` bytes."""

    def __init__(self, folder: Path, prefix: str, most: int = 1 << 30) -> None:
        self._folder = folder
        self._prefix = prefix
        self._most = most

    async def keep(self, judged: Judged, spools: Sequence[Spool]) -> bool:
        """Keep this instead of what was kept of the feed; whether it is.

        Where it is too large, or no row of it is good, nothing is kept of the feed.
        """
        self.discard(judged.feed)
        if judged.rows == judged.rejected or sum(spool.size for spool in spools) > self._most:
            return False
        written: Path | None = None
        try:
            # Nobody else may read it: the file is made with mode 0600.
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                written = Path(file.name)
                text = _encode(judged)
                file.write(_FORMAT + _SIZE.pack(len(text)) + text)
                for spool in spools:
                    async for block in spool.blocks():
                        file.write(_HEADER.pack(block.commands, len(block.wire)) + block.wire)
                        # A hundred megabytes are copied: others have their turn between.
                        await asyncio.sleep(0)
            written.replace(self._path(judged.feed))
            written = None
        except (OSError, SpoolError):
            return False
        finally:
            if written is not None:
                with suppress(OSError):
                    written.unlink()
        return True

    def open(self, feed: str) -> Kept | None:
        """What is kept of a feed, to be closed; None if there is nothing, or it cannot be read."""
        file: BinaryIO | None = None
        try:
            file = self._path(feed).open("rb")
            if file.read(len(_FORMAT)) == _FORMAT:
                (size,) = _SIZE.unpack(file.read(_SIZE.size))
                kept, file = Kept(_decode(file.read(size)), file), None
                return kept
        except (OSError, struct.error, msgspec.MsgspecError):
            pass
        finally:
            if file is not None:
                file.close()
        return None

    def discard(self, feed: str) -> None:
        """Keep nothing of this feed."""
        with suppress(OSError):
            self._path(feed).unlink()

    def _path(self, feed: str) -> Path:
        # A feed's name may hold what a file's may not.
        digest = hashlib.sha256(f"{self._prefix}:{feed}".encode()).hexdigest()
        return self._folder / f"held-back-{digest[:24]}"


def judged_of(
    opened: OpenFeed,
    mark: Mark,
    reading: Reading,
    tally: Tally,
    reason: str,
    spools: Sequence[Spool],
    places: Mapping[str, bool],
) -> Judged:
    """What is to be known of a snapshot that is held back for this reason."""
    staged, *sweeps = [spool.commands for spool in spools]
    return Judged(
        feed=opened.feed.name,
        kind=opened.feed.kind,
        number=mark.feed,
        round=mark.round,
        epoch=opened.epoch,
        script=SCRIPT,
        arrival_ms=mark.arrival_ms,
        reason=reason,
        rows=tally.rows,
        rejected=tally.rejected,
        staged=staged,
        sweeps=sum(sweeps),
        places=places,
        watermark=reading.watermark or reading.done,
        as_of_ms=reading.as_of_ms,
    )


def _damaged(feed: str) -> SpoolError:
    return SpoolError(f"the kept snapshot of {feed} is damaged")
