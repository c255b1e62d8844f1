"""Who asks: an API key in `Authorization: Bearer`, or nobody in particular."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import hdrs, web

from gateway.domain.access import KeyRing
from gateway.domain.errors import ForbiddenError, UnauthorizedError

STOCK_EXACT: Final = "stock:exact"

_LONGEST: Final = 512


class Caller(msgspec.Struct, frozen=True):
    """Who asks, and what is open to them; nobody in particular has no name and no scope."""

    name: str | None = None
    scopes: frozenset[str] = frozenset()

    def may(self, scope: str) -> bool:
        """Whether this scope is open to the caller."""
        return scope in self.scopes


ANONYMOUS: Final = Caller()


class Authentication:
    """Finds the caller of a request by the key it carries."""

    def __init__(self, key_ring: KeyRing, clock_ms: Callable[[], int]) -> None:
        self._key_ring = key_ring
        self._clock_ms = clock_ms

    def caller(self, request: web.Request) -> Caller:
        """Who asks.

        Raises:
            UnauthorizedError: a key was given and is wrong or expired, or it is no Bearer key.
        """
        given = request.headers.getall(hdrs.AUTHORIZATION, ())
        if not given:
            return ANONYMOUS
        scheme, _, secret = given[0].partition(" ")
        secret = secret.strip()
        well_formed = len(given) == 1 and secret.isascii() and len(secret) <= _LONGEST
        if not well_formed or scheme.lower() != "bearer":
            raise UnauthorizedError
        key = self._key_ring.find(secret, self._clock_ms())
        if key is None:
            raise UnauthorizedError
        return Caller(key.name, key.scopes)

    def require(self, request: web.Request, scope: str) -> Caller:
        """Who asks, if the scope is open to them.

        Raises:
            UnauthorizedError: no key, or one that is wrong or expired.
            ForbiddenError: a good key without the scope.
        """
        caller = self.caller(request)
        if caller is ANONYMOUS:
            raise UnauthorizedError
        if not caller.may(scope):
            raise ForbiddenError(scope)
        return caller
