"""The scripts of holds as they are sent: what all begin with, and what each does."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

_FOLDER: Final = Path(__file__).parent / "scripts"
_COMMON: Final = (_FOLDER / "taken.lua").read_bytes()

_STRICT: Final = b"#!lua\n"
"""Refused before it begins where the store has no memory left: nothing is half done."""

_LENIENT: Final = b"#!lua flags=allow-oom\n"
"""For what was promised already, or gives something back."""


class Script(msgspec.Struct, frozen=True):
    """A script's text, and the name by which a server that has it knows it."""

    text: bytes
    sha: bytes


def _script(name: str, head: bytes) -> Script:
    text = head + (_FOLDER / f"{name}.lua").read_bytes()
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


HOLD: Final = _script("hold", _STRICT + _COMMON)
PIN: Final = _script("pin", _LENIENT + _COMMON)
SETTLE: Final = _script("settle", _LENIENT + _COMMON)
EXPIRE: Final = _script("expire", _LENIENT + _COMMON)
RECOUNT: Final = _script("recount", _LENIENT + _COMMON)
REINDEX: Final = _script("reindex", _LENIENT)
