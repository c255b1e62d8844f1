"""What can be told of a request from its bytes, without a parser, where it is in its plainest form.

Under pressure reading a request costs several times what refusing it does. What is not plain goes
the parser's way: whether something is one request, and where it ends, is nothing to guess.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

_LONGEST: Final = 16 * 1024
"""Bytes of a head that is looked at."""

_REMEMBERED: Final = 1024
"""Bytes of one that is remembered."""

_METHODS: Final = (b"GET ", b"POST ")
_VERSION: Final = b" HTTP/1.1"
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length"
_KEY: Final = b"\r\nauthorization:"
_ELSE: Final = (b"\r\ntransfer-encoding", b"\r\nconnection", b"\r\nexpect", b"\r\nupgrade")


class Envelope(msgspec.Struct, frozen=True):
    """What a head says: what is asked for, how many bytes follow, whether the asker is known."""

    method: str
    target: str
    length: int
    has_key: bool


def envelope(data: bytes) -> Envelope | None:
    """Of the one whole GET or POST that these bytes are, no more and no less.

    None where they are anything else, or may be to anybody who reads them.
    """
    end = data.find(_END, 0, _LONGEST) if data.startswith(_METHODS) else -1
    if end < 0:
        return None
    read = _remembered if end <= _REMEMBERED else _read
    found = read(data[:end])
    return found if found is not None and found.length == len(data) - end - len(_END) else None


def _read(head: bytes) -> Envelope | None:
    line = head.partition(b"\r\n")[0]
    method, _, rest = line.partition(b" ")
    target, small = rest[: -len(_VERSION)], head.lower()
    length = _length_said(small, needed=method == b"POST")
    if length is None or not line.endswith(_VERSION) or b" " in target or not target.isascii():
        return None
    return Envelope(method.decode(), target.decode(), length, _KEY in small)


# The heads of one client's requests are much the same.
_remembered = lru_cache(maxsize=1024)(_read)


def _length_said(head: bytes, *, needed: bool) -> int | None:
    """How long the body is, from a head in small letters; None where that may be mistaken."""
    # Its name once, however it is written: a second one might be read by somebody else. So might
    # a line that ends without CR, or goes on in the next one.
    lines = head.count(b"\n")
    if (
        head.count(_LENGTH) != needed
        or any(name in head for name in _ELSE)
        or lines != head.count(b"\r\n")
        or lines != head.count(b"\r")
        or b"\n " in head
        or b"\n\t" in head
    ):
        return None
    if not needed:
        return 0
    _, found, rest = head.partition(b"\r\n" + _LENGTH + b":")
    length = rest.partition(b"\r\n")[0].strip(b" \t")
    return int(length) if found and length.isdigit() and len(length) < 8 else None
