"""The demo's API keys: made once a data folder, each with the scopes its name promises."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from pathlib import Path
from typing import Final

from stockspan.embedded.private_file import write_private

SCOPES: Final = {
    "checkout": ("checkout",),
    "ops": ("ops",),
    "ingest": ("ingest",),
    "all": ("stock:exact", "prices:any", "checkout", "explain", "ops", "ingest"),
}
"""Key name → what it may do."""

_KEY_BYTES: Final = 32


def kept_keys(path: Path) -> dict[str, str]:
    """The keys in `path`, so that a demo that goes on answers to them; new ones the first time."""
    try:
        known = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        known = None
    if isinstance(known, dict) and known.keys() == SCOPES.keys():
        return {name: str(key) for name, key in known.items()}
    keys = {name: _new_key() for name in SCOPES}
    write_private(path, json.dumps(keys, indent=2) + "\n")
    return keys


def digest(key: str) -> str:
    """What the settings know of a key: SHA-256 of its text, 64 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def _new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).rstrip(b"=").decode()
