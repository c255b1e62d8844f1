from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway.tokens.key_material import KeyMaterialError, read_private_key, read_public_key
from tests.token_keys import Kind, Pair, pair

KINDS: tuple[Kind, ...] = ("P-256", "P-384", "Ed25519", "RSA", "RSA-1024")
FITTING: dict[str, Kind] = {
    "ES256": "P-256",
    "ES384": "P-384",
    "EdDSA": "Ed25519",
    "RS256": "RSA",
    "PS256": "RSA",
}
OTHERS = {
    "X25519": Pair(X25519PrivateKey.generate()),
    "Ed448": Pair(Ed448PrivateKey.generate()),
    "secp256k1": Pair(generate_private_key(SECP256K1())),
}
UNFIT = [(algorithm, kind) for algorithm in FITTING for kind in KINDS if kind != FITTING[algorithm]]


@pytest.mark.parametrize(("algorithm", "kind"), FITTING.items())
def test_the_key_for_an_algorithm_is_read(algorithm: str, kind: Kind) -> None:
    key = pair(kind)
    token = read_private_key(key.private_pem, algorithm).sign(b"payload", key_id="k", kind="t")
    assert read_public_key(key.public_pem, algorithm).payload(token) == b"payload"


@pytest.mark.parametrize(("algorithm", "kind"), UNFIT)
def test_a_key_for_another_algorithm_is_refused(algorithm: str, kind: Kind) -> None:
    _refused(algorithm, pair(kind))


@pytest.mark.parametrize("algorithm", FITTING)
@pytest.mark.parametrize("other", OTHERS)
def test_a_key_of_a_kind_that_nobody_takes_is_refused(algorithm: str, other: str) -> None:
    _refused(algorithm, OTHERS[other])


def _refused(algorithm: str, key: Pair) -> None:
    for read, pem in (
        (read_public_key, key.public_pem),
        (read_private_key, key.private_pem),
    ):
        with pytest.raises(KeyMaterialError, match=f"{algorithm} needs an .* key.*; this is "):
            read(pem, algorithm)


def test_what_is_wrong_with_a_key_is_said_and_nothing_of_the_key() -> None:
    key = pair("P-256")
    cases = (
        (read_public_key, key.private_pem, "is a private key; only its public half belongs here"),
        (read_private_key, key.public_pem, "is no private key in PEM"),
        (read_private_key, key.locked_pem, "is locked with a password; it must have none"),
        (read_public_key, "hunter2", "is no public key in PEM"),
        (read_public_key, key.public_pem[:70], "is no public key in PEM"),
        (read_private_key, key.private_pem.replace("M", "N"), "is no private key in PEM"),
        (read_private_key, "", "is no private key in PEM"),
        (read_public_key, "\udcff", "is no public key in PEM"),
        (read_private_key, "\udcff", "is no private key in PEM"),
    )
    for read, pem, told in cases:
        with pytest.raises(KeyMaterialError) as refused:
            read(pem, "ES256")
        assert str(refused.value) == told
        assert refused.value.__cause__ is None
