"""The demo's key pairs: kept, private, and made anew where what lies there is none."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from stockspan.demo.key_pairs import ALGORITHM, kept_key_pair


def test_what_one_half_signs_the_other_verifies(tmp_path: Path) -> None:
    pair = kept_key_pair(tmp_path / "pair.pem")
    signed = jwt.encode({"customer": "10001"}, pair.private_pem, ALGORITHM)
    assert jwt.decode(signed, pair.public_pem, [ALGORITHM]) == {"customer": "10001"}


def test_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    pair = kept_key_pair(tmp_path / "pair.pem")
    assert kept_key_pair(tmp_path / "pair.pem") == pair
    assert stat.S_IMODE(pair.file.stat().st_mode) == 0o600
    assert pair.file.read_text() == pair.private_pem


def test_two_have_different_names(tmp_path: Path) -> None:
    one, other = (kept_key_pair(tmp_path / name) for name in ("one.pem", "other.pem"))
    assert one.key_id != other.key_id
    assert one.public_pem != other.public_pem


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.mark.parametrize(
    "found",
    [
        "",
        "no key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        _pem(ed25519.Ed25519PrivateKey.generate()),
        _pem(ec.generate_private_key(ec.SECP384R1())),
    ],
    ids=["empty", "text", "broken", "of another kind", "of another curve"],
)
def test_what_is_no_such_key_is_replaced(tmp_path: Path, found: str) -> None:
    path = tmp_path / "pair.pem"
    path.write_text(found)
    pair = kept_key_pair(path)
    assert path.read_text() == pair.private_pem != found
    assert jwt.encode({}, pair.private_pem, ALGORITHM)
