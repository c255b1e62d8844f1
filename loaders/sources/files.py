"""A folder in which an ERP leaves files and, last of all, a manifest that proves them.

    manifest.json   {"stock": {"count": 5000, "sha256": "…"}}
    stock.ndjson    one JSON object a line, or
    stock.csv       a header of canonical names, a row each

A file is read when its manifest is new. Disk and CSV are worked on in a thread, so that nothing
else waits for them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from gateway.config.feed_sections import Feed, FilesSource
from gateway.domain.record_kinds import Kind
from loaders.errors import SourceError
from loaders.lines import LineCutter, first
from loaders.reading import Reading
from loaders.sources.csv_lines import CsvLines

MANIFEST: Final = "manifest.json"

_LINES: Final = 2000
_BYTES: Final = 1 << 18
_LONGEST_MANIFEST: Final = 1 << 20


class Promise(msgspec.Struct, frozen=True):
    """What the manifest says of one file: rows, and SHA-256 of its bytes."""

    count: int
    sha256: str


class _Manifest(msgspec.Struct, frozen=True):
    promise: Promise
    identity: str
    written_ms: int


class FilesReader:
    """Reads one kind of record from the folder; there are only snapshots here."""

    def __init__(self, name: str, feed: Feed, source: FilesSource) -> None:
        self._name = name
        self._kind = feed.kind
        self._folder = source.directory

    @property
    def asks(self) -> str:
        """The folder."""
        return str(self._folder)

    @asynccontextmanager
    async def snapshot(self, done: str | None) -> AsyncIterator[Reading | None]:
        """The file, as its manifest promised it; None when that manifest was done before."""
        manifest = await asyncio.to_thread(self._manifest)
        if manifest.identity == done:
            yield None
            return
        drop = await asyncio.to_thread(self._open, manifest.promise)
        try:
            yield Reading(
                _chunks(drop),
                proof=drop.proof,
                unknown_fields=dict.fromkeys(drop.unknown, 1),
                done=manifest.identity,
                as_of_ms=manifest.written_ms,
            )
        finally:
            drop.close()

    @asynccontextmanager
    async def delta(self, watermark: str | None) -> AsyncIterator[Reading | None]:
        """Files bring no deltas."""
        del watermark
        yield None

    @asynccontextmanager
    async def sample(self, most: int) -> AsyncIterator[Reading]:
        """The first rows of the file."""
        manifest = await asyncio.to_thread(self._manifest)
        drop = await asyncio.to_thread(self._open, manifest.promise)
        try:
            yield Reading(first(_chunks(drop), most), unknown_fields=dict.fromkeys(drop.unknown, 1))
        finally:
            drop.close()

    @asynccontextmanager
    async def reconcile(self, watermark: str) -> AsyncIterator[None]:
        """None: there are no deltas."""
        del watermark
        yield None

    async def check(self) -> list[str]:
        """What is wrong with the folder, one line each."""
        try:
            manifest = await asyncio.to_thread(self._manifest)
            drop = await asyncio.to_thread(self._open, manifest.promise)
        except SourceError as error:
            return [str(error)]
        drop.close()
        return []

    async def close(self) -> None:
        """Nothing is kept open."""

    def _manifest(self) -> _Manifest:
        path = self._folder / MANIFEST
        try:
            with path.open("rb") as file:
                text = file.read(_LONGEST_MANIFEST)
                written_ns = path.stat().st_mtime_ns
            promises = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            if self._kind not in promises:
                raise SourceError(f"feed {self._name}: {path} says nothing of {self._kind}")
            promise = msgspec.json.decode(promises[self._kind], type=Promise)
        except OSError as error:
            raise self._unreadable(path, error) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SourceError(
                f"feed {self._name}: {path} must hold "
                f'{{"{self._kind}": {{"count": n, "sha256": "…"}}}} ({error})'
            ) from error
        # The time belongs to it: the same figures, dropped again, are verified again.
        identity = f"{hashlib.sha256(text).hexdigest()}:{written_ns}"
        return _Manifest(promise, identity, written_ns // 1_000_000)

    def _open(self, promise: Promise) -> _Drop:
        names = [f"{self._kind}.{ending}" for ending in ("ndjson", "csv")]
        found = [path for name in names if (path := self._folder / name).exists()]
        if len(found) != 1:
            what = "both" if found else "neither"
            raise SourceError(
                f"feed {self._name}: {self._folder} holds {what} of {' and '.join(names)}"
            )
        try:
            return _Drop(self._name, found[0], self._kind, promise)
        except OSError as error:
            raise self._unreadable(found[0], error) from error

    def _unreadable(self, path: Path, error: OSError) -> SourceError:
        return SourceError(f"feed {self._name}: {path} cannot be read: {error.strerror}")


class _Drop:
    """One file of a drop: hashed and counted while it is read."""

    def __init__(self, feed: str, path: Path, kind: Kind, promise: Promise) -> None:
        self._feed = feed
        self._path = path
        self._promise = promise
        self._file: BinaryIO = path.open("rb")
        self._sha256 = hashlib.sha256()
        self._csv: CsvLines | None = None
        if path.suffix == ".csv":
            try:
                self._csv = CsvLines(f"feed {feed}: {path}", kind, self._text())
            except BaseException:
                self._file.close()
                raise
        self.unknown = () if self._csv is None else self._csv.unknown
        self._chunks = self._ndjson() if self._csv is None else self._rows(self._csv)

    def chunk(self) -> bytes:
        """The next whole lines; empty at the end.

        Raises:
            SourceError: the file cannot be read, or is no CSV.
        """
        try:
            return next(self._chunks, b"")
        except OSError as error:
            raise SourceError(
                f"feed {self._feed}: {self._path} cannot be read: {error.strerror}"
            ) from error

    def proof(self, rows: int) -> str | None:
        """Why the file is not what its manifest promised; None when it is."""
        promised = self._promise
        if rows != promised.count:
            return f"{self._path.name} has {rows} rows, {MANIFEST} says {promised.count}"
        if self._sha256.hexdigest() != promised.sha256.lower():
            return f"{self._path.name} has another sha256 than {MANIFEST} says"
        return None

    def close(self) -> None:
        self._file.close()

    def _ndjson(self) -> Iterator[bytes]:
        cutter = LineCutter()
        while data := self._file.read(_BYTES):
            self._sha256.update(data)
            if lines := cutter.feed(data):
                yield lines
        if rest := cutter.rest():
            yield rest

    def _rows(self, rows: CsvLines) -> Iterator[bytes]:
        each = iter(rows)
        while lines := list(islice(each, _LINES)):
            yield b"\n".join(lines)

    def _text(self) -> Iterator[str]:
        for line in self._file:
            self._sha256.update(line)
            # Bytes that are no UTF-8 spoil their own row, not the file.
            yield line.decode("utf-8", "surrogateescape")


async def _chunks(drop: _Drop) -> AsyncIterator[bytes]:
    while lines := await asyncio.to_thread(drop.chunk):
        yield lines
