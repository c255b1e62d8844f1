"""The lines of an archive, written and read one at a time, and judged when the last has come."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, BinaryIO, Final, Literal

import msgspec
from msgspec import Meta

from gateway.domain.record_kinds import Kind
from gateway.store.entries import VERSIONS, Flag
from gateway.store.feeds import MOST_FEEDS, FeedState
from loaders.errors import ArchiveError

VERSION: Final = 1

SHOWN_EVERY: Final = 1000
"""So many lines between two words on how far it is."""

_LONGEST: Final = 1 << 20
"""No line is longer: a record is 64 KiB in the store, and a little more when it is spelt out."""
_LEVEL: Final = 6
_ALL_FLAGS: Final = sum(Flag)
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ArchivedFeed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A feed, the number by which the lines name it, and its state; None: no longer configured."""

    name: str
    number: int
    state: FeedState | None = None


class Header(msgspec.Struct, frozen=True):
    """The first line."""

    stockspan_archive: int
    made_at: str
    feeds: tuple[ArchivedFeed, ...]


class Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A record as it was held; `at` in milliseconds since the epoch."""

    kind: Kind
    feed: Annotated[int, Meta(ge=0, le=MOST_FEEDS)]
    at: Annotated[int, Meta(ge=0, lt=1 << 48)]
    record: msgspec.Raw
    version: Annotated[int, Meta(ge=VERSIONS[0], le=VERSIONS[-1])] | None = None
    flags: Annotated[int, Meta(ge=0, le=_ALL_FLAGS)] = 0


class End(msgspec.Struct, frozen=True):
    """The last line."""

    end: Literal[True]
    counts: Mapping[Kind, int]
    sha256: str


class _Announced(msgspec.Struct, frozen=True):
    stockspan_archive: int


_encode: Final = msgspec.json.Encoder().encode
_decode_announced: Final = msgspec.json.Decoder(_Announced).decode
_decode_header: Final = msgspec.json.Decoder(Header).decode
_decode: Final = msgspec.json.Decoder(Line).decode
_decode_end: Final = msgspec.json.Decoder(End).decode


class ArchiveWriter:
    """Writes one archive to an open file, which stays open."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        # Neither name nor time in the wrapping: the same content is the same file.
        self._file = gzip.GzipFile("", "wb", _LEVEL, file, mtime=0)
        self._digest = hashlib.sha256()
        self.counts: Counter[Kind] = Counter()
        self._write(_encode(header))

    def add(self, line: Line) -> None:
        """Append a record.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._write(_encode(line))
        self.counts[line.kind] += 1

    def end(self) -> None:
        """Write the last line.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._file.write(_encode(End(True, self.counts, self._digest.hexdigest())) + b"\n")
        self._file.close()

    def _write(self, line: bytes) -> None:
        self._digest.update(line + b"\n")
        self._file.write(line + b"\n")


class ArchiveReader:
    """Reads one archive from an open file."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the first line.

        Raises:
            ArchiveError: this is no archive, or one that only a newer Stockspan can read.
        """
        self._file = gzip.GzipFile(fileobj=file, mode="rb")
        self._digest = hashlib.sha256()
        self.number = 0
        """Of the line read last, from 1."""
        self.counts: Counter[Kind] = Counter()
        self.header = self._header()

    def __iter__(self) -> Iterator[Line]:
        """Every record; that the file is whole is known when they end.

        Raises:
            ArchiveError: it is not, or something in it is not as it was written.
        """
        while True:
            text = self._read()
            try:
                line = _decode(text)
            except _BROKEN:
                self._end(text)
                return
            self._digest.update(text)
            self.counts[line.kind] += 1
            yield line

    def wrong(self, what: str) -> ArchiveError:
        """What is wrong with the line read last."""
        return ArchiveError(f"line {self.number}: {what}")

    def _header(self) -> Header:
        text = self._read()
        try:
            announced = _decode_announced(text).stockspan_archive
        except _BROKEN:
            raise ArchiveError("this is no snapshot that Stockspan saved") from None
        if announced != VERSION:
            raise ArchiveError(f"it is of format {announced}; this Stockspan reads {VERSION}")
        self._digest.update(text)
        try:
            return _decode_header(text)
        except _BROKEN as error:
            raise self.wrong(str(error)) from None

    def _end(self, text: bytes) -> None:
        try:
            end = _decode_end(text)
        except _BROKEN:
            raise self.wrong("this is no record") from None
        if end.sha256 != self._digest.hexdigest() or dict(end.counts) != dict(self.counts):
            raise ArchiveError("it was changed since it was saved: its SHA-256 is another")
        if self._bytes():
            raise self.wrong("something comes after the last line")

    def _read(self) -> bytes:
        """The next line, which must be there."""
        text = self._bytes()
        self.number += 1
        if not text.endswith(b"\n"):
            if len(text) > _LONGEST:
                raise self.wrong(f"it is longer than {_LONGEST} bytes")
            raise ArchiveError(f"it is cut off after line {self.number - 1}")
        return text

    def _bytes(self) -> bytes:
        try:
            return self._file.readline(_LONGEST + 1)
        except gzip.BadGzipFile as error:
            if self.number:
                raise ArchiveError(f"it is damaged after line {self.number}: {error}") from None
            raise ArchiveError("this is no snapshot that Stockspan saved: no gzip") from None
        except EOFError:
            raise ArchiveError(f"it is cut off after line {self.number}") from None
        except zlib.error:
            raise ArchiveError(f"it is damaged after line {self.number}") from None
        except OSError as error:
            raise ArchiveError(f"it cannot be read: {error.strerror}") from None
