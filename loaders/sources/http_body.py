"""The body of an answer: all of it, unpacked, and never more than was allowed.

aiohttp's own unpacking does not notice a gzip stream that ends too early, so it is done here.
"""

from __future__ import annotations

import zlib
from typing import Final

import aiohttp

from loaders.sources.http_call import AnswerError

ENCODING: Final = "gzip"
"""What may be sent instead of the plain body."""

_GZIP: Final = 16 + zlib.MAX_WBITS
_PIECE: Final = 1 << 16


async def read_body(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, unpacked; `most` is in bytes.

    Raises:
        AnswerError: it is too long, packed in a way that was not asked for, or cut short.
    """
    body = bytearray()
    unpack = _unpacking(response.headers.get("Content-Encoding", ""))
    async for piece in response.content.iter_chunked(_PIECE):
        body += piece if unpack is None else _unpacked(unpack, piece, most + 1 - len(body))
        if len(body) > most:
            raise AnswerError(f"the body is longer than largest_body ({most} bytes)")
    if unpack is not None and not unpack.eof:
        raise AnswerError("the gzip of the body is cut short")
    return bytes(body)


def _unpacking(encoding: str) -> zlib._Decompress | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return zlib.decompressobj(_GZIP)
        case other:
            raise AnswerError(f"the body is packed as {other[:40]!r}, which was not asked for")


def _unpacked(unpack: zlib._Decompress, piece: bytes, most: int) -> bytes:
    try:
        # A short body may unpack to gigabytes: what does not fit any more is not unpacked.
        return unpack.decompress(piece, most)
    except zlib.error:
        raise AnswerError("the body is no gzip") from None
