"""The body of a push as a reading, and the closing line that proves a snapshot whole.

The closing line `{"end": true, "count": n}` is the last one that is not blank; `n` counts the
lines before it, rejected ones too, blank ones not. Anything else proves nothing.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiohttp import ClientPayloadError, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from loaders.lines import LineCutter
from loaders.reading import Reading

_SILENCE_SECONDS: Final = 60.0
"""A sender that says nothing for so long is gone."""

# What aiohttp puts into the stream of a request that breaks off or cannot be decompressed.
_BROKEN: Final = (
    web.RequestPayloadError,
    ClientPayloadError,
    HttpProcessingError,
    ConnectionError,
)
_GZIP: Final = 16 + zlib.MAX_WBITS
_PIECE: Final = 1 << 18
"""Bytes that are decompressed at once: a small body may hold a very large one."""

_BLANK: Final = b" \t\r\n"


class BodyCutShortError(Exception):
    """The request ended before its body did."""


class _Closing(msgspec.Struct, frozen=True):
    end: bool
    count: int


class PushBody:
    """Reads a body line by line; with `closed` its last line must be the closing one."""

    def __init__(self, stream: StreamReader, *, closed: bool, gzipped: bool = False) -> None:
        self._stream = stream
        self._closed = closed
        self._gzipped = gzipped
        self._last = b""
        self._early = False

    def reading(self) -> Reading:
        """The lines of the body, without the closing one."""
        if self._closed:
            return Reading(self._before_last(), proof=self._proof)
        return Reading(self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        cutter = LineCutter()
        received = self._unzipped() if self._gzipped else self._received()
        async for data in received:
            if lines := cutter.feed(data):
                yield lines
        if rest := cutter.rest():
            yield rest

    async def _received(self) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    data = await self._stream.readany()
            except TimeoutError:
                raise BodyCutShortError(
                    f"nothing was sent for {_SILENCE_SECONDS:.0f} seconds"
                ) from None
            except _BROKEN as error:
                raise BodyCutShortError("the body ended early or cannot be decoded") from error
            if not data:
                return
            yield data

    async def _unzipped(self) -> AsyncIterator[bytes]:
        """The body, decompressed; the end of the stream must be there, or rows may be missing."""
        unzip = zlib.decompressobj(_GZIP)
        try:
            async for received in self._received():
                data = received
                while data:
                    if unzip.eof:  # another member follows, as when gzip files are joined
                        unzip = zlib.decompressobj(_GZIP)
                    if piece := unzip.decompress(data, _PIECE):
                        yield piece
                    data = unzip.unconsumed_tail or unzip.unused_data
        except zlib.error as error:
            raise BodyCutShortError("the body is not gzip, though its headers say so") from error
        if not unzip.eof:
            raise BodyCutShortError("the compressed body ended early")

    async def _before_last(self) -> AsyncIterator[bytes]:
        """Every line but the closing one; what stands last and is none is a row like any other."""
        async for lines in self._chunks():
            body = lines.rstrip(_BLANK)
            if not body:
                continue
            start = body.rfind(b"\n") + 1
            if self._last:
                before = self._last + b"\n" + lines[:start]
                self._early = self._early or _has_closing(before)
                yield before
            elif start:
                self._early = self._early or _has_closing(lines[:start])
                yield lines[:start]
            self._last = body[start:]
        if self._last and _closing(self._last) is None:
            yield self._last

    def _proof(self, rows: int) -> str | None:
        if self._early:
            return "lines follow the closing line"
        closing = _closing(self._last)
        if closing is None:
            return 'the closing line {"end": true, "count": n} is missing'
        if closing.count != rows:
            return f"the closing line says {closing.count} lines, {rows} came before it"
        return None


def _closing(line: bytes) -> _Closing | None:
    if b'"end"' not in line:
        return None
    try:
        closing = msgspec.json.decode(line, type=_Closing)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return closing if closing.end else None


def _has_closing(lines: bytes) -> bool:
    if b'"end"' not in lines:
        return False
    return any(_closing(line) is not None for line in lines.split(b"\n"))
