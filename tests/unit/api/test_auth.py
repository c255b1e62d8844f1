from __future__ import annotations

import hashlib

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from gateway.api.auth import ANONYMOUS, Authentication, Caller
from gateway.domain.access import ApiKey, KeyRing
from gateway.domain.errors import ForbiddenError, UnauthorizedError
from gateway.tokens.customer_tokens import CustomerTokens
from gateway.tokens.key_material import read_public_key
from tests.bad_tokens import AUDIENCE, BAD, CUSTOMER, ISSUER, MAIN, NOW, with_claims
from tests.gateway_server import NOON_MS, Clock

DOTTED = "a.b.c"
KEYS = KeyRing(
    ApiKey(name, hashlib.sha256(secret.encode()).digest(), frozenset({"ops"}))
    for name, secret in (("robot", "secret"), ("dotted", DOTTED), ("long", "k" * 513))
)
TOKENS = CustomerTokens(ISSUER, AUDIENCE, {"main": read_public_key(MAIN.public_pem, "ES256")})
AUTHENTICATION = Authentication(KEYS, lambda: NOON_MS, TOKENS)


def _request(*authorization: str) -> web.Request:
    pairs = [("Authorization", each) for each in authorization]
    return make_mocked_request("GET", "/", headers=web.Response(headers=pairs).headers)


def test_without_a_key_nobody_in_particular_asks() -> None:
    assert AUTHENTICATION.caller(_request()) is ANONYMOUS
    assert not ANONYMOUS.may("ops")


def test_a_key_has_a_name_and_opens_its_scopes() -> None:
    caller = AUTHENTICATION.require(_request("Bearer secret"), "ops")
    assert caller == Caller("robot", frozenset({"ops"}), None)


def test_a_token_speaks_for_its_customer_and_opens_no_scope() -> None:
    caller = AUTHENTICATION.caller(_request(f"bearer {with_claims()}"))
    assert caller == Caller(None, frozenset(), CUSTOMER)


def test_a_token_ends_by_our_clock() -> None:
    clock = Clock()
    authentication = Authentication(KEYS, clock, TOKENS)
    request = _request(f"Bearer {with_claims(exp=NOW + 1)}")
    assert authentication.caller(request).customer == CUSTOMER
    clock.now_ms += 1000
    with pytest.raises(UnauthorizedError):
        authentication.caller(request)


def test_what_is_not_open_is_forbidden_and_named() -> None:
    for given in ("Bearer secret", f"Bearer {with_claims()}"):
        with pytest.raises(ForbiddenError) as refused:
            AUTHENTICATION.require(_request(given), "checkout")
        assert refused.value.scope == "checkout"


def test_nobody_in_particular_must_say_who_they_are() -> None:
    with pytest.raises(UnauthorizedError):
        AUTHENTICATION.require(_request(), "ops")


@pytest.mark.parametrize(
    "given",
    [
        ("Bearer secret", "Bearer secret"),
        (f"Bearer {with_claims()}", f"Bearer {with_claims()}"),
        ("Bearer secret", f"Bearer {with_claims()}"),
        ("Basic secret",),
        (f"JWT {with_claims()}",),
        (f"Bearer Bearer {with_claims()}",),
        ("Bearer",),
        ("Bearer sécret",),
        ("Bearer " + "k" * 513,),
        # Two dots make a token of it, whatever keys there are.
        (f"Bearer {DOTTED}",),
        (f"Bearer {BAD['another key']()}",),
    ],
    ids=lambda given: f"{given[0][:12]}… × {len(given)}",
)
def test_what_is_wrong_is_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(UnauthorizedError):
        AUTHENTICATION.caller(_request(*given))


def test_a_token_may_be_4096_characters_long() -> None:
    longest = with_claims(more="x" * 2877)
    longer = with_claims(more="x" * 2878)
    assert len(longest) == 4096 < len(longer)
    assert AUTHENTICATION.caller(_request(f"Bearer {longest}")).customer == CUSTOMER
    with pytest.raises(UnauthorizedError):
        AUTHENTICATION.caller(_request(f"Bearer {longer}"))


def test_without_keys_for_them_no_token_is_good() -> None:
    authentication = Authentication(KEYS, lambda: NOON_MS)
    for secret in (with_claims(), DOTTED):
        with pytest.raises(UnauthorizedError):
            authentication.caller(_request(f"Bearer {secret}"))
