"""Price tokens: the prices of a checkout, signed, so that the ERP can accept them unseen.

A token is a compact JWS (RFC 7515) of the type `price+jwt`: nobody can take it for a customer's.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.tokens.key_material import PrivateKey, PublicKey, unverified_header

KIND: Final = "price+jwt"

_ID_BYTES: Final = 16


class PricedItem(msgspec.Struct, frozen=True):
    """A line of a token, as far as it says what for."""

    sku: str
    quantity: int | float


class PriceClaims(msgspec.Struct, frozen=True):
    """What a token says of whose prices it has, and of which lines."""

    iss: str
    exp: int
    customer: str | None
    channel: str
    lines: list[PricedItem]


class PriceTokens:
    """Signs with one key and publishes all of them, so that one can be replaced in peace.

    A key that has retired needs no private half any more.

    Raises:
        KeyError: `signing_key` names none of the keys.
        TypeError: the key that it names has no private half.
    """

    def __init__(
        self,
        issuer: str,
        lifetime_ms: int,
        keys: Mapping[str, PrivateKey | PublicKey],
        signing_key: str,
    ) -> None:
        signing = keys[signing_key]
        if not isinstance(signing, PrivateKey):
            raise TypeError(signing_key)
        self._issuer = issuer
        # Moments in a token are whole seconds: a life that is none would end as it begins.
        self._lifetime = -(-lifetime_ms // 1000)
        self._key = signing
        self._key_id = signing_key
        self._public = {
            key_id: key.public if isinstance(key, PrivateKey) else key
            for key_id, key in keys.items()
        }

    def sign(self, claims: Mapping[str, Any], now_ms: int) -> str:
        """A token over these claims, who issues them, and the times of issue and expiry."""
        issued = now_ms // 1000
        payload = {
            **claims,
            "iss": self._issuer,
            "iat": issued,
            "exp": issued + self._lifetime,
            "jti": secrets.token_urlsafe(_ID_BYTES),
        }
        return self._key.sign(msgspec.json.encode(payload), key_id=self._key_id, kind=KIND)

    def verified(self, token: str, now_ms: int) -> PriceClaims | None:
        """What a token says; None unless it was signed here and has not expired."""
        header = unverified_header(token)
        if header is None or header.get("typ") != KIND or "crit" in header:
            return None
        key = self._public.get(str(header.get("kid")))
        payload = None if key is None else key.payload(token)
        if payload is None:
            return None
        try:
            claims = msgspec.json.decode(payload, type=PriceClaims)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        good = claims.iss == self._issuer and now_ms < claims.exp * 1000
        return claims if good else None

    def jwks(self) -> dict[str, Any]:
        """The public halves of all keys, as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [{**key.jwk(), "kid": key_id} for key_id, key in self._public.items()]}
