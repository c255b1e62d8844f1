"""Customers' tokens (JWT, RFC 7519): who signs customers in, and what makes a token good.

Time is the caller's and there is no leeway; addresses and keys that a token brings along (`jku`,
`jwk`, `x5u`) are ignored: the keys are those that were configured.

A customer's shop sends the same token with every request, and verifying a signature takes longer
than most answers. What a good token says is remembered; whether its time is now is judged anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.errors import UnauthorizedError
from gateway.domain.identifiers import is_identifier
from gateway.tokens.key_material import unverified_header

# Until the year 9999: whoever gives milliseconds by mistake must not get 50,000 years.
_LATEST: Final = 253_402_300_799
_Moment = Annotated[int, Meta(ge=0, le=_LATEST)] | Annotated[float, Meta(ge=0, le=float(_LATEST))]

_REMEMBERED: Final = 4096
"""Tokens: of some hundred bytes each, as its digest is what a token is known by."""


class VerifyingKey(Protocol):
    """Verifies with one algorithm."""

    @property
    def algorithm(self) -> str: ...
    def payload(self, token: str) -> bytes | None:
        """What the token says; None unless this key has signed it with this algorithm."""


class _Header(msgspec.Struct, frozen=True):
    alg: str
    typ: str
    kid: str | UnsetType = UNSET
    crit: Any = UNSET


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    exp: _Moment
    customer: str
    nbf: _Moment | UnsetType = UNSET
    iat: _Moment | UnsetType = UNSET


class _Named(msgspec.Struct, frozen=True, gc=False):
    """Whom a token that we verified names, and when it does."""

    customer: str
    from_ms: float
    until_ms: float

    def is_good(self, now_ms: int) -> bool:
        return self.from_ms <= now_ms < self.until_ms


class CustomerTokens:
    """Finds the customer that a token names, if one of these keys has signed it for us.

    `keys` are known by the `kid` that a token's header gives.
    """

    def __init__(self, issuer: str, audience: str, keys: Mapping[str, VerifyingKey]) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = dict(keys)
        # The first is the one that was verified longest ago.
        self._known: dict[bytes, _Named] = {}

    def customer(self, token: str, now_ms: int) -> str:
        """The customer.

        Raises:
            UnauthorizedError: the token is not good; nobody is told why.
        """
        # What is no ASCII is no token, and has a digest all the same.
        digest = sha256(token.encode(errors="surrogatepass")).digest()
        named = self._known.get(digest)
        if named is None:
            named = self._verified(token)
            if named.is_good(now_ms):
                self._remember(digest, named)
        if not named.is_good(now_ms):
            raise UnauthorizedError
        return named.customer

    def _remember(self, digest: bytes, named: _Named) -> None:
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[digest] = named

    def _verified(self, token: str) -> _Named:
        header = _header(token)
        # One signature check a key at most, whatever is sent.
        for key in self._candidates(header):
            payload = key.payload(token)
            if payload is not None:
                return self._named(payload)
        raise UnauthorizedError

    def _candidates(self, header: _Header) -> Iterable[VerifyingKey]:
        if isinstance(header.kid, str):
            keys = [self._keys[header.kid]] if header.kid in self._keys else []
        else:
            keys = list(self._keys.values())
        return [key for key in keys if key.algorithm == header.alg]

    def _named(self, payload: bytes) -> _Named:
        try:
            claims = msgspec.json.decode(payload, type=_Claims)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UnauthorizedError from None
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        good = (
            claims.iss == self._issuer
            and self._audience in audiences
            and is_identifier(claims.customer)
        )
        if not good:
            raise UnauthorizedError
        begins = [0 if isinstance(one, UnsetType) else one for one in (claims.nbf, claims.iat)]
        return _Named(claims.customer, max(begins) * 1000, claims.exp * 1000)


def _header(token: str) -> _Header:
    """The header of what may be a token for us.

    Raises:
        UnauthorizedError: it is no JWS, no JWT, or asks for an extension, of which we know none.
    """
    try:
        header = msgspec.convert(unverified_header(token), _Header)
    except msgspec.ValidationError:
        raise UnauthorizedError from None
    if header.typ.lower() != "jwt" or header.crit is not UNSET:
        raise UnauthorizedError
    return header
