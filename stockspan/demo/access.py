"""What opens the demo and what it signs with: made once a data folder.

Each API key has the scopes that its name promises.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stockspan.demo.folder import DataFolder
from stockspan.demo.key_pairs import KeyPair, kept_key_pair
from stockspan.embedded.private_file import write_private

SCOPES: Final = {
    "checkout": ("checkout",),
    "ops": ("ops",),
    "ingest": ("ingest",),
    "all": ("stock:exact", "prices:any", "checkout", "explain", "ops", "ingest"),
}
"""Key name → what it may do."""

_KEY_BYTES: Final = 32


@dataclass(frozen=True)
class Secrets:
    """API keys by name, and the pairs that sign tokens of customers and prices."""

    keys: Mapping[str, str]
    customer_tokens: KeyPair
    price_tokens: KeyPair


def kept_secrets(folder: DataFolder) -> Secrets:
    """What is in the folder, so that a demo that goes on answers to it; else new ones."""
    return Secrets(
        kept_keys(folder.keys),
        kept_key_pair(folder.customer_tokens),
        kept_key_pair(folder.price_tokens),
    )


def kept_keys(path: Path) -> dict[str, str]:
    """The API keys in `path`; new ones the first time."""
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
