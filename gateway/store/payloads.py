"""Payloads read as what they should be: what else lies there is corrupt, and nothing worse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from gateway.store.entries import CorruptValueError

T = TypeVar("T")


def typed(decode: Callable[[bytes], T], payload: bytes) -> T:
    """The payload as it should be.

    Raises:
        CorruptValueError: it is something else.
    """
    try:
        return decode(payload)
    # msgspec lets a broken text and too deep a nesting through as they are.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CorruptValueError from None
