"""The scripts of the journal in Redis as they are sent: what all begin with, and what each does."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from gateway.store.hold_scripts import Script

_FOLDER: Final = Path(__file__).parent / "scripts"

_STRICT: Final = b"#!lua\n"
"""Refused before it begins where the store has no memory left: nothing is half done."""

_LENIENT: Final = b"#!lua flags=allow-oom\n"
"""For what was promised already, or gives something back."""

_READING: Final = b"#!lua flags=no-writes\n"


def _script(flags: bytes, *names: str) -> Script:
    parts = [(_FOLDER / f"journal_{name}.lua").read_bytes() for name in names]
    text = flags + b"".join(parts)
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


OPEN: Final = _script(_STRICT, "volume", "open")
MOVE: Final = _script(_LENIENT, "volume", "move")
VOID: Final = _script(_LENIENT, "volume", "void")
SETTLED: Final = _script(_LENIENT, "volume", "settled")
PURGE: Final = _script(_LENIENT, "volume", "purge")
REMIND: Final = _script(_LENIENT, "volume", "remind")
READ: Final = _script(_READING, "volume", "read")
CHANGES: Final = _script(_LENIENT, "volume", "changes")

EXPECT: Final = _script(_LENIENT, "orders", "expect")
REMEMBER: Final = _script(_LENIENT, "orders", "remember")
UNSURE: Final = _script(_READING, "orders", "unsure")
SURE: Final = _script(_LENIENT, "orders", "sure")
FORGET: Final = _script(_LENIENT, "orders", "forget")

ANSWER: Final = _script(_STRICT, "answer")
WITHDRAW: Final = _script(_LENIENT, "withdraw")
