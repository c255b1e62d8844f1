"""Who may ask for what: API keys, of which only the SHA-256 is known here."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import msgspec


class ApiKey(msgspec.Struct, frozen=True):
    """A configured key: the digest of its secret, and what it opens."""

    name: str
    digest: bytes
    scopes: frozenset[str]
    expires_at_ms: int | None = None


class KeyRing:
    """All configured keys. Two may open the same scopes, so that one can be replaced in peace."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = tuple(keys)

    def find(self, secret: str, now_ms: int) -> ApiKey | None:
        """The key that `secret` is; None for a wrong or an expired one.

        Every key is compared, in constant time each: how long it takes tells nothing.
        """
        digest = hashlib.sha256(secret.encode()).digest()
        found: ApiKey | None = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        if found is None or (found.expires_at_ms is not None and now_ms >= found.expires_at_ms):
            return None
        return found
