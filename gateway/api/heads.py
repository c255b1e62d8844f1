"""Heads of requests that were read before.

A shop, a cache or a browser sends the same header lines with every request; only the first line
differs. They are read with care once, by aiohttp's parser; the same bytes again are known, and what
follows from them too. Reading them anew took longer than all else there is to a kept answer.
"""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

from aiohttp.http import RawRequestMessage

from gateway.near_cache import NearCache

T = TypeVar("T")

_LONGEST: Final = 2048
"""Bytes of lines that are remembered."""

_KINDS: Final = 512
"""So many of them: some for each shop, cache and make of browser; a megabyte at the most."""

# Of what an address may consist; whatever else there may be to it, the parser has to judge.
_FIRST: Final = re.compile(rb"(GET|HEAD) (/[A-Za-z0-9\-._~%!$&'()*+,;=:@/?]{0,4000}) HTTP/1\.1")


class Heads(Generic[T]):
    """What follows from header lines (`T`), by their bytes; of one worker, and bounded."""

    def __init__(self) -> None:
        self._known: NearCache[bytes, T] = NearCache(_KINDS)

    def find(self, data: bytes) -> tuple[str, str, T] | None:
        """Method, target and what follows from the lines, if these bytes are one whole request
        whose lines are known and whose target is plain.
        """
        end = data.find(b"\r\n")
        if len(data) - end > _LONGEST:
            return None
        known = self._known.get(data[end:])
        if known is None:
            return None
        first = _FIRST.fullmatch(data, 0, end)
        if first is None:
            return None
        method, target = first.groups()
        return method.decode(), target.decode(), known

    def remember(self, data: bytes, message: RawRequestMessage, follows: T) -> None:
        """What follows from the header lines in these bytes, which `message` was read from."""
        lines = data[data.find(b"\r\n") :]
        # A line for each header, one before and one after: nothing is folded, nothing left over.
        if len(lines) <= _LONGEST and lines.count(b"\n") == len(message.raw_headers) + 2:
            self._known.put(lines, follows)
