"""API keys: the secret opens, nothing else does, and not for ever."""

from __future__ import annotations

import hashlib

from gateway.domain.access import ApiKey, KeyRing


def key(name: str, secret: str, expires_at_ms: int | None = None) -> ApiKey:
    return ApiKey(name, hashlib.sha256(secret.encode()).digest(), frozenset({"ops"}), expires_at_ms)


RING = KeyRing([key("old", "one", 1000), key("new", "two")])


def test_two_keys_live_side_by_side() -> None:
    old, new = RING.find("one", 999), RING.find("two", 999)
    assert old is not None
    assert new is not None
    assert (old.name, new.name) == ("old", "new")


def test_an_expired_key_opens_nothing() -> None:
    assert RING.find("one", 1000) is None


def test_a_wrong_secret_opens_nothing() -> None:
    assert RING.find("three", 0) is None
    assert RING.find("", 0) is None
    assert KeyRing([]).find("one", 0) is None
