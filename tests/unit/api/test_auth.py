from __future__ import annotations

import hashlib

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from gateway.api.auth import ANONYMOUS, Authentication
from gateway.domain.access import ApiKey, KeyRing
from gateway.domain.errors import ForbiddenError, UnauthorizedError

KEYS = KeyRing([ApiKey("robot", hashlib.sha256(b"secret").digest(), frozenset({"ops"}))])
AUTHENTICATION = Authentication(KEYS, lambda: 0)


def _request(*authorization: str) -> web.Request:
    pairs = [("Authorization", each) for each in authorization]
    return make_mocked_request("GET", "/", headers=web.Response(headers=pairs).headers)


def test_without_a_key_nobody_in_particular_asks() -> None:
    assert AUTHENTICATION.caller(_request()) is ANONYMOUS
    assert not ANONYMOUS.may("ops")


def test_a_key_has_a_name_and_opens_its_scopes() -> None:
    caller = AUTHENTICATION.require(_request("Bearer secret"), "ops")
    assert (caller.name, caller.scopes) == ("robot", frozenset({"ops"}))


def test_what_is_not_open_is_forbidden_and_named() -> None:
    with pytest.raises(ForbiddenError) as refused:
        AUTHENTICATION.require(_request("Bearer secret"), "checkout")
    assert refused.value.scope == "checkout"


def test_nobody_in_particular_must_say_who_they_are() -> None:
    with pytest.raises(UnauthorizedError):
        AUTHENTICATION.require(_request(), "ops")


def test_two_keys_at_once_are_none() -> None:
    with pytest.raises(UnauthorizedError):
        AUTHENTICATION.caller(_request("Bearer secret", "Bearer secret"))
