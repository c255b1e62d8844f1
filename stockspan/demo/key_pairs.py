"""The demo's key pairs: made once a data folder, for tokens of customers and for signed prices."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stockspan.embedded.private_file import write_private

ALGORITHM: Final = "ES256"
"""What both pairs sign with: ECDSA on P-256."""

_ID_DIGITS: Final = 12


@dataclass(frozen=True)
class KeyPair:
    """A pair for ES256, both halves as PEM. `file` holds the private one, for its owner alone."""

    key_id: str
    file: Path
    private_pem: str
    public_pem: str


def kept_key_pair(path: Path) -> KeyPair:
    """The pair in `path`, so that what a former start signed stays good; a new one else."""
    key = _read(path)
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(path, _private_pem(key))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # Named by what it is: another key can never be taken for this one.
    digest = hashlib.sha256(public).hexdigest()
    return KeyPair(f"demo-{digest[:_ID_DIGITS]}", path, _private_pem(key), public.decode())


def _read(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
