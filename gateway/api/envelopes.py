"""What can be told of a request from its bytes, without a parser, where it is in its plainest form.

Under pressure reading a request costs several times what refusing it does. What is not plain goes
the parser's way: whether something is one request, and where it ends, is nothing to guess.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_LONGEST: Final = 1024
"""Bytes of a head that is looked at."""

_METHOD: Final = b"POST "
_VERSION: Final = b" HTTP/1.1"
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length"
_ELSE: Final = (b"\r\ntransfer-encoding", b"\r\nconnection", b"\r\nexpect", b"\r\nupgrade")


def posted_to(data: bytes) -> str | None:
    """The target of the one whole POST that these bytes are, no more and no less.

    None where they are anything else, or may be to anybody who reads them.
    """
    end = data.find(_END, 0, _LONGEST) if data.startswith(_METHOD) else -1
    if end < 0:
        return None
    said = _said(data[:end])
    return None if said is None or said[1] != len(data) - end - len(_END) else said[0]


# The heads of one client's requests are much the same. Short ones alone are remembered.
@lru_cache(maxsize=1024)
def _said(head: bytes) -> tuple[str, int] | None:
    """The target and the length of the body that follows, where neither may be mistaken."""
    line = head.partition(b"\r\n")[0]
    target, length = line[len(_METHOD) : -len(_VERSION)], _length_said(head.lower())
    if length is None or not line.endswith(_VERSION) or b" " in target or not target.isascii():
        return None
    return target.decode("ascii"), length


def _length_said(head: bytes) -> int | None:
    """How long the body is, from a head in small letters; None where that may be mistaken."""
    # Its name once, however it is written: a second one might be read by somebody else. So might
    # a line that ends without CR, or goes on in the next one.
    lines = head.count(b"\n")
    if (
        head.count(_LENGTH) != 1
        or any(name in head for name in _ELSE)
        or lines != head.count(b"\r\n")
        or lines != head.count(b"\r")
        or b"\n " in head
        or b"\n\t" in head
    ):
        return None
    _, found, rest = head.partition(b"\r\n" + _LENGTH + b":")
    length = rest.partition(b"\r\n")[0].strip(b" \t")
    return int(length) if found and length.isdigit() and len(length) < 8 else None
