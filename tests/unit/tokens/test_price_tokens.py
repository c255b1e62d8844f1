from __future__ import annotations

from typing import Any

import jwt
import pytest

from gateway.tokens.key_material import PrivateKey, PublicKey, read_private_key, read_public_key
from gateway.tokens.price_tokens import PriceTokens
from tests.gateway_server import NOON_MS
from tests.token_keys import Kind, pair

NOW = NOON_MS // 1000
ALGORITHMS: dict[str, Kind] = {"ES256": "P-256", "EdDSA": "Ed25519"}
Keys = dict[str, PrivateKey | PublicKey]
CLAIMS = {"customer": "Ärm-42", "lines": [{"sku": "A", "quantity": 2.5, "unit_price": "79.00"}]}


def private(algorithm: str, which: str = "the first") -> PrivateKey:
    return read_private_key(pair(ALGORITHMS[algorithm], which).private_pem, algorithm)


def retired(algorithm: str, which: str = "the first") -> PublicKey:
    return read_public_key(pair(ALGORITHMS[algorithm], which).public_pem, algorithm)


def opened(token: str, jwks: dict[str, Any]) -> dict[str, Any]:
    """What another implementation of JWS reads in the token, by the keys published."""
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(key for key in jwt.PyJWKSet.from_dict(jwks).keys if key.key_id == kid)
    times = {"verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(token, key, options=times)  # type: ignore[arg-type]
    return claims


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_says_what_was_told_by_whom_and_until_when(algorithm: str) -> None:
    tokens = PriceTokens("shop", 3_600_000, {"one": private(algorithm)}, "one")
    token = tokens.sign(CLAIMS, NOON_MS + 999)
    header = jwt.get_unverified_header(token)
    assert header == {"alg": algorithm, "kid": "one", "typ": "price+jwt"}
    claims = opened(token, tokens.jwks())
    assert claims.pop("jti")
    assert claims == {**CLAIMS, "iss": "shop", "iat": NOW, "exp": NOW + 3600}


def test_no_claim_stands_above_ours() -> None:
    tokens = PriceTokens("shop", 1000, {"one": private("ES256")}, "one")
    forged = {"iss": "evil", "iat": 0, "exp": NOW * 2, "jti": "mine"}
    claims = opened(tokens.sign(forged, NOON_MS), tokens.jwks())
    assert (claims["iss"], claims["iat"], claims["exp"]) == ("shop", NOW, NOW + 1)
    assert claims["jti"] != "mine"


def test_no_token_lives_no_time() -> None:
    tokens = PriceTokens("shop", 1, {"one": private("ES256")}, "one")
    claims = opened(tokens.sign({}, NOON_MS), tokens.jwks())
    assert claims["exp"] == claims["iat"] + 1


def test_every_token_is_another() -> None:
    tokens = PriceTokens("shop", 1000, {"one": private("EdDSA")}, "one")
    found = {opened(tokens.sign({}, NOON_MS), tokens.jwks())["jti"] for _ in range(100)}
    assert len(found) == 100


def test_every_key_is_published_and_no_private_half() -> None:
    keys: Keys = {
        "next": private("EdDSA", "next"),
        "now": private("ES256", "now"),
        "old": retired("ES256", "old"),
        "older": retired("EdDSA", "older"),
    }
    jwks = PriceTokens("shop", 1000, keys, "now").jwks()
    assert list(jwks) == ["keys"]
    assert [key["kid"] for key in jwks["keys"]] == list(keys)
    for key in jwks["keys"]:
        assert key["use"] == "sig"
        if key["alg"] == "ES256":
            assert key.keys() == {"kty", "crv", "x", "y", "use", "alg", "kid"}
            assert (key["kty"], key["crv"]) == ("EC", "P-256")
        else:
            assert key.keys() == {"kty", "crv", "x", "use", "alg", "kid"}
            assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")


def test_what_a_retired_key_has_signed_can_still_be_verified() -> None:
    before = PriceTokens("shop", 1000, {"old": private("ES256")}, "old")
    token = before.sign(CLAIMS, NOON_MS)
    keys: Keys = {"new": private("ES256", "new"), "old": retired("ES256")}
    after = PriceTokens("shop", 1000, keys, "new")
    assert opened(token, after.jwks())["customer"] == "Ärm-42"
    assert opened(after.sign(CLAIMS, NOON_MS), after.jwks())["customer"] == "Ärm-42"


def test_a_coordinate_that_begins_with_zeros_keeps_its_length() -> None:
    # One key in 256 has such an x; an encoding cut short is refused by strict readers.
    which = 0
    while (pair("P-256", str(which)).private.public_key().public_numbers().x >> 248) != 0:
        which += 1
    jwks = PriceTokens("shop", 1000, {"one": private("ES256", str(which))}, "one").jwks()
    assert len(jwks["keys"][0]["x"]) == 43


def test_a_key_that_signs_needs_its_private_half() -> None:
    with pytest.raises(TypeError):
        PriceTokens("shop", 1000, {"one": retired("ES256")}, "one")
    with pytest.raises(KeyError):
        PriceTokens("shop", 1000, {"one": private("ES256")}, "two")
