"""What the settings say of keys, and what is told when a key cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.config.file import SettingsError
from gateway.config.settings import Settings
from gateway.wiring.token_keys import customer_tokens, price_tokens, require_token_keys
from tests.bad_tokens import CUSTOMER, section, with_claims
from tests.gateway_server import NOON_MS
from tests.token_keys import pair

EC, ED = pair("P-256"), pair("Ed25519")


def _prices(key: Mapping[str, Any], **more: Any) -> Settings:
    keys = {"now": {"algorithm": "EdDSA", "private_key": ED.private_pem}, "it": key}
    return Settings.model_validate({"price_tokens": {"signing_key": "now", "keys": keys, **more}})


def _customers(algorithm: str, pem: str) -> Settings:
    keys = {"it": {"algorithm": algorithm, "public_key": pem}}
    return Settings.model_validate(
        {"customer_tokens": {"issuer": "i", "audience": "a", "keys": keys}}
    )


def test_without_sections_there_are_no_tokens() -> None:
    assert customer_tokens(Settings()) is None
    assert price_tokens(Settings()) is None
    require_token_keys(Settings())


def test_the_sections_become_tokens(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(EC.private_pem, encoding="utf-8")
    verifying = customer_tokens(Settings.model_validate({"customer_tokens": section()}))
    assert verifying is not None
    assert verifying.customer(with_claims(), NOON_MS) == CUSTOMER
    for key in (
        {"private_key": EC.private_pem},
        {"private_key_file": str(file)},
        {"public_key": EC.public_pem},
    ):
        signing = price_tokens(_prices({"algorithm": "ES256", **key}))
        assert signing is not None
        assert [(each["kid"], each["alg"]) for each in signing.jwks()["keys"]] == [
            ("now", "EdDSA"),
            ("it", "ES256"),
        ]


WRONG_PUBLIC = [
    ("ES256", "hunter2", "is no public key in PEM"),
    ("ES256", EC.private_pem, "is a private key; only its public half belongs here"),
    ("ES256", ED.public_pem, "ES256 needs an EC key on P-256; this is an Ed25519 key"),
    ("ES384", EC.public_pem, "ES384 needs an EC key on P-384; this is an EC key on P-256"),
    ("EdDSA", EC.public_pem, "EdDSA needs an Ed25519 key; this is an EC key on P-256"),
    (
        "PS256",
        pair("RSA-1024").public_pem,
        "PS256 needs an RSA key of at least 2048 bits; this is an RSA key of 1024 bits",
    ),
]


@pytest.mark.parametrize(("algorithm", "pem", "told"), WRONG_PUBLIC)
def test_a_customers_key_that_cannot_be_used_is_told(algorithm: str, pem: str, told: str) -> None:
    line = _told(_customers(algorithm, pem), pem)
    assert line == f"customer_tokens.keys.it.public_key: {told}"


WRONG_PRIVATE = [
    ("hunter2", "is no private key in PEM"),
    (EC.public_pem, "is no private key in PEM"),
    (EC.locked_pem, "is locked with a password; it must have none"),
    (ED.private_pem, "ES256 needs an EC key on P-256; this is an Ed25519 key"),
    (pair("P-384").private_pem, "ES256 needs an EC key on P-256; this is an EC key on P-384"),
]


@pytest.mark.parametrize(("pem", "told"), WRONG_PRIVATE)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_signing_key_that_cannot_be_used_is_told(
    pem: str, told: str, *, in_file: bool, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem, encoding="utf-8")
    key = {"private_key_file": str(file)} if in_file else {"private_key": pem}
    setting = next(iter(key))
    line = _told(_prices({"algorithm": "ES256", **key}), pem)
    assert line == f"price_tokens.keys.it.{setting}: {told}"


def test_a_retired_key_that_cannot_be_used_is_told() -> None:
    line = _told(_prices({"algorithm": "EdDSA", "public_key": EC.public_pem}), EC.public_pem)
    assert line.startswith("price_tokens.keys.it.public_key: EdDSA needs an Ed25519 key; this is")


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "bytes.pem").write_bytes(b"\xff\xfe")
    for path, told in (
        (tmp_path / "missing.pem", "cannot be read (No such file or directory)"),
        (tmp_path, "cannot be read (Is a directory)"),
        (tmp_path / "bytes.pem", "is no private key in PEM"),
        ("a\0b", "is no private key in PEM"),
    ):
        line = _told(_prices({"algorithm": "ES256", "private_key_file": str(path)}), "\xff")
        assert line == f"price_tokens.keys.it.private_key_file = {str(path)!r}: {told}"


def test_a_key_in_place_of_its_file_is_not_shown() -> None:
    line = _told(
        _prices({"algorithm": "ES256", "private_key_file": EC.private_pem}), EC.private_pem
    )
    assert line == (
        "price_tokens.keys.it.private_key_file: must be a path; a key itself goes into private_key"
    )


def _told(settings: Settings, pem: str) -> str:
    with pytest.raises(SettingsError) as refused:
        require_token_keys(settings)
    line = str(refused.value)
    assert "\n" not in line
    # Nothing of the key, nor where it came from.
    windows = {pem[at : at + 12] for at in range(len(pem) - 11)}
    assert not any(window in line for window in windows)
    assert "hunter2" not in line
    assert refused.value.__cause__ is None
    return line
