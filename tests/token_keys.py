"""Key pairs for tests, made fresh, and tokens signed with them, good and bad."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurve,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    generate_private_key as generate_rsa_key,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

Kind = Literal["P-256", "P-384", "Ed25519", "RSA", "RSA-1024"]


@dataclass(frozen=True)
class Pair:
    """A private key of some kind, and its halves as PEM."""

    private: Any

    @property
    def private_pem(self) -> str:
        return self._private_pem(NoEncryption())

    @property
    def locked_pem(self) -> str:
        return self._private_pem(BestAvailableEncryption(b"password"))

    @property
    def public_pem(self) -> str:
        public = self.private.public_key()
        pem: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem.decode()

    def _private_pem(self, encryption: KeySerializationEncryption) -> str:
        pem: bytes = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        return pem.decode()


@cache
def pair(kind: Kind, which: str = "the first") -> Pair:
    """A pair of this kind; another one for another `which`."""
    curves: dict[str, EllipticCurve] = {"P-256": SECP256R1(), "P-384": SECP384R1()}
    if kind in curves:
        return Pair(generate_private_key(curves[kind]))
    if kind == "Ed25519":
        return Pair(Ed25519PrivateKey.generate())
    return Pair(generate_rsa_key(65537, 1024 if kind == "RSA-1024" else 2048))


def signed(
    claims: Mapping[str, Any] | bytes,
    key: Any,
    algorithm: str,
    **header: Any,
) -> str:
    """A compact JWS. A header that is None is left out."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    members = {"alg": algorithm, "typ": "JWT", **header}
    kept = {name: value for name, value in members.items() if value is not None}
    return sealed(json.dumps(kept).encode(), payload, key, algorithm)


def sealed(header: bytes, payload: bytes, key: Any, algorithm: str) -> str:
    """A compact JWS of these very bytes: PyJWT would refuse to write some of them."""
    start = part(header) + "." + part(payload)
    rule = jwt.PyJWS().get_algorithm_by_name(algorithm)
    return start + "." + part(rule.sign(start.encode(), key))


def part(data: bytes) -> str:
    """One of a token's three parts."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
