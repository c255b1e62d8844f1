"""A stream of bytes cut into chunks of whole lines, however it arrives."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator
from typing import Final

import msgspec

LONGEST: Final = 1 << 20
"""Bytes of the longest line that is taken."""

_SHOWN: Final = 40


async def first(chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """The first lines of these chunks, at most so many; no more is read than that takes."""
    async for chunk in chunks:
        lines = chunk.removesuffix(b"\n").split(b"\n")[:most]
        yield b"\n".join(lines)
        most -= len(lines)
        if most <= 0:
            return


class LineCutter:
    """Holds back what is not a whole line yet; of a line that is too long only its beginning.

    Fed with pieces shorter than the longest line.

    Such a line comes out as a JSON text that says so: it is no record, and its row is rejected.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._too_long: bytes | None = None
        self._at_start = True

    def feed(self, data: bytes) -> bytes:
        """The whole lines there are now, each with its line end; empty when there is none."""
        if self._at_start and data:
            # Some senders put a byte order mark before UTF-8; it is no part of the first line.
            self._at_start = False
            data = data.removeprefix(codecs.BOM_UTF8)
        end = data.rfind(b"\n") + 1
        if not end:
            self._hold(data)
            return b""
        first_end = data.find(b"\n") + 1
        self._hold(data[:first_end])
        lines = self._taken() + data[first_end:end]
        self._hold(data[end:])
        return lines

    def rest(self) -> bytes:
        """The last line, when it has no line end."""
        return self._taken()

    def _hold(self, data: bytes) -> None:
        if self._too_long is None:
            self._rest += data
            if len(self._rest) > LONGEST:
                self._too_long, self._rest = self._rest[:_SHOWN], b""
        elif data.endswith(b"\n"):
            self._rest = b"\n"

    def _taken(self) -> bytes:
        line, self._rest = self._rest, b""
        if self._too_long is None:
            return line
        began, self._too_long = self._too_long.decode("utf-8", "replace"), None
        return msgspec.json.encode(f"a line of more than {LONGEST} bytes: {began}…") + b"\n"
