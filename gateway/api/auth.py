"""Who asks: a key or a customer's token in `Authorization: Bearer`, or nobody in particular."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import hdrs, web

from gateway.domain.access import KeyRing
from gateway.domain.errors import ForbiddenError, UnauthorizedError
from gateway.tokens.customer_tokens import CustomerTokens

STOCK_EXACT: Final = "stock:exact"

_LONGEST_KEY: Final = 512
_LONGEST_TOKEN: Final = 4096


class Caller(msgspec.Struct, frozen=True):
    """Who asks, and what is open to them.

    A key has a name and scopes; a token has the customer that it speaks for, and no scope; nobody
    in particular has none of them.
    """

    name: str | None = None
    scopes: frozenset[str] = frozenset()
    customer: str | None = None

    def may(self, scope: str) -> bool:
        """Whether this scope is open to the caller."""
        return scope in self.scopes


ANONYMOUS: Final = Caller()


class Authentication:
    """Finds the caller of a request by the key or the token that it carries.

    Without `customer_tokens`, no token is good.
    """

    def __init__(
        self,
        key_ring: KeyRing,
        clock_ms: Callable[[], int],
        customer_tokens: CustomerTokens | None = None,
    ) -> None:
        self._key_ring = key_ring
        self._clock_ms = clock_ms
        self._customer_tokens = customer_tokens

    def caller(self, request: web.Request) -> Caller:
        """Who asks.

        Raises:
            UnauthorizedError: a key or a token was given and is wrong or expired, or it is no
                Bearer.
        """
        given = request.headers.getall(hdrs.AUTHORIZATION, ())
        if not given:
            return ANONYMOUS
        scheme, _, secret = given[0].partition(" ")
        secret = secret.strip()
        if len(given) != 1 or scheme.lower() != "bearer" or not secret.isascii():
            raise UnauthorizedError
        # A token has three parts; there is no dot in a key.
        return self._by_token(secret) if secret.count(".") == 2 else self._by_key(secret)

    def require(self, request: web.Request, scope: str) -> Caller:
        """Who asks, if the scope is open to them.

        Raises:
            UnauthorizedError: no key or token, or one that is wrong or expired.
            ForbiddenError: a good one without the scope.
        """
        caller = self.caller(request)
        if caller is ANONYMOUS:
            raise UnauthorizedError
        if not caller.may(scope):
            raise ForbiddenError(scope)
        return caller

    def _by_key(self, secret: str) -> Caller:
        key = None
        if len(secret) <= _LONGEST_KEY:
            key = self._key_ring.find(secret, self._clock_ms())
        if key is None:
            raise UnauthorizedError
        return Caller(key.name, key.scopes)

    def _by_token(self, token: str) -> Caller:
        if self._customer_tokens is None or len(token) > _LONGEST_TOKEN:
            raise UnauthorizedError
        return Caller(customer=self._customer_tokens.customer(token, self._clock_ms()))
