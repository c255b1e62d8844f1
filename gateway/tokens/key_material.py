"""Keys that sign and verify: the only code that knows PyJWT, and how keys are read.

A key is bound to one algorithm when it is read: what a token's header wishes for is held against
that, and nothing is ever chosen from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

_PublicHalf = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
_PrivateHalf = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey

_WANTED: Final[Mapping[str, str]] = {
    "ES256": "an EC key on P-256",
    "ES384": "an EC key on P-384",
    "EdDSA": "an Ed25519 key",
    "RS256": "an RSA key of at least 2048 bits",
    "PS256": "an RSA key of at least 2048 bits",
}
# Without padding, which RFC 7515 does not allow either.
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SMALLEST_RSA: Final = 2048
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384"}
_RSA: Final = ("RS256", "PS256")


class KeyMaterialError(Exception):
    """A key cannot be used. The text says why, and nothing of the key."""


class PublicKey:
    """Verifies what its other half has signed, with one algorithm."""

    def __init__(self, half: _PublicHalf, algorithm: str) -> None:
        self.algorithm: Final = algorithm
        self._half = half
        self._jws = jwt.PyJWS([algorithm])

    def payload(self, token: str) -> bytes | None:
        """What the token says; None unless this key has signed it with this algorithm."""
        try:
            payload: bytes = self._jws.decode(token, self._half, [self.algorithm])
        except jwt.PyJWTError:
            return None
        return payload

    def jwk(self) -> dict[str, Any]:
        """The key as a JSON Web Key (RFC 7517) without a name."""
        members = self._jws.get_algorithm_by_name(self.algorithm).to_jwk(self._half, as_dict=True)
        return {**members, "use": "sig", "alg": self.algorithm}


class PrivateKey:
    """Signs with one algorithm."""

    def __init__(self, half: _PrivateHalf, algorithm: str) -> None:
        self.public: Final = PublicKey(half.public_key(), algorithm)
        self._half = half
        self._jws = jwt.PyJWS([algorithm])

    def sign(self, payload: bytes, *, key_id: str, kind: str) -> str:
        """A compact JWS over the payload; `kind` becomes its `typ`."""
        headers = {"kid": key_id, "typ": kind}
        return self._jws.encode(payload, self._half, self.public.algorithm, headers)


def unverified_header(token: str) -> Mapping[str, Any] | None:
    """What the token says of itself, proved by nothing; None when it is no compact JWS."""
    if not _COMPACT.fullmatch(token):
        return None
    try:
        return jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        return None


def read_public_key(pem: str, algorithm: str) -> PublicKey:
    """The public key in this PEM text.

    Raises:
        KeyMaterialError: there is none, or it is not of the kind the algorithm needs.
    """
    if "PRIVATE KEY-----" in pem:
        raise KeyMaterialError("is a private key; only its public half belongs here")
    try:
        half = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise KeyMaterialError("is no public key in PEM") from None
    if not isinstance(half, _PublicHalf):
        raise _unfit(algorithm, "another kind of key")
    _require_fit(half, algorithm)
    return PublicKey(half, algorithm)


def read_private_key(pem: str, algorithm: str) -> PrivateKey:
    """The private key in this PEM text.

    Raises:
        KeyMaterialError: there is none, it has a password, or it is not of the kind the algorithm
            needs.
    """
    try:
        half = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        # How cryptography says that it was given no password where one is needed.
        raise KeyMaterialError("is locked with a password; it must have none") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyMaterialError("is no private key in PEM") from None
    if not isinstance(half, _PrivateHalf):
        raise _unfit(algorithm, "another kind of key")
    _require_fit(half.public_key(), algorithm)
    return PrivateKey(half, algorithm)


def _require_fit(half: _PublicHalf, algorithm: str) -> None:
    if isinstance(half, EllipticCurvePublicKey):
        given = f"an EC key on {_CURVES.get(half.curve.name, half.curve.name)}"
        fits = given == _WANTED[algorithm]
    elif isinstance(half, Ed25519PublicKey):
        given = "an Ed25519 key"
        fits = given == _WANTED[algorithm]
    else:
        given = f"an RSA key of {half.key_size} bits"
        fits = algorithm in _RSA and half.key_size >= _SMALLEST_RSA
    if not fits:
        raise _unfit(algorithm, given)


def _unfit(algorithm: str, given: str) -> KeyMaterialError:
    return KeyMaterialError(f"{algorithm} needs {_WANTED[algorithm]}; this is {given}")
