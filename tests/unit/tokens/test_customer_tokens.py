from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.domain.errors import UnauthorizedError
from gateway.tokens.customer_tokens import CustomerTokens, VerifyingKey
from gateway.tokens.key_material import PublicKey, read_public_key
from tests.bad_tokens import (
    AUDIENCE,
    BAD,
    CUSTOMER,
    ED,
    GOOD,
    ISSUER,
    MAIN,
    NOW,
    RSA,
    STRANGER,
    with_claims,
    with_header,
    with_raw,
)
from tests.gateway_server import NOON_MS
from tests.token_keys import Kind, pair, signed

KEYS = {
    "main": read_public_key(MAIN.public_pem, "ES256"),
    "rsa": read_public_key(RSA.public_pem, "RS256"),
    "ed": read_public_key(ED.public_pem, "EdDSA"),
}


def tokens(keys: Mapping[str, VerifyingKey] = KEYS) -> CustomerTokens:
    return CustomerTokens(ISSUER, AUDIENCE, keys)


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_token_names_nobody(bad: str) -> None:
    with pytest.raises(UnauthorizedError):
        tokens().customer(BAD[bad](), NOON_MS)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("ES256", "P-256"),
        ("ES384", "P-384"),
        ("EdDSA", "Ed25519"),
        ("RS256", "RSA"),
        ("PS256", "RSA"),
    ],
)
@pytest.mark.parametrize("kid", ["it", None])
def test_a_good_token_of_each_algorithm_names_its_customer(
    algorithm: str, kind: Kind, kid: str | None
) -> None:
    key = pair(kind)
    good = signed(GOOD, key.private, algorithm, kid=kid)
    checked = tokens({"it": read_public_key(key.public_pem, algorithm)})
    assert checked.customer(good, NOON_MS) == CUSTOMER


@pytest.mark.parametrize("typ", ["JWT", "jwt", "Jwt"])
def test_the_case_of_typ_does_not_matter(typ: str) -> None:
    assert tokens().customer(with_header(typ=typ), NOON_MS) == CUSTOMER


def test_of_several_audiences_we_must_be_one() -> None:
    assert tokens().customer(with_claims(aud=["shop", AUDIENCE]), NOON_MS) == CUSTOMER


def test_a_moment_may_have_a_fraction_and_there_is_no_leeway() -> None:
    good = with_claims(exp=NOW + 1.5, nbf=NOW + 0.5, iat=NOW)
    for now_ms, named in ((499, False), (500, True), (1499, True), (1500, False)):
        if named:
            assert tokens().customer(good, NOON_MS + now_ms) == CUSTOMER
        else:
            with pytest.raises(UnauthorizedError):
                tokens().customer(good, NOON_MS + now_ms)


@pytest.mark.parametrize("customer", ["Ärm-42", "a}{b", "日本", "C" * 64])
def test_a_customer_is_any_identifier(customer: str) -> None:
    assert tokens().customer(with_claims(customer=customer), NOON_MS) == customer


def test_what_else_a_token_says_does_not_matter() -> None:
    assert tokens().customer(with_raw("more", '{"a": [1]}'), NOON_MS)
    assert tokens().customer(with_header(jku="https://evil.example", b64=True), NOON_MS)


class Counting:
    """A key that counts what it is asked to verify."""

    def __init__(self, key: PublicKey) -> None:
        self.algorithm = key.algorithm
        self.asked = 0
        self._key = key

    def payload(self, token: str) -> bytes | None:
        self.asked += 1
        return self._key.payload(token)


def test_no_token_is_verified_more_often_than_there_are_keys() -> None:
    keys = {name: Counting(KEYS["main"]) for name in ("a", "b", "c")}
    keys["rsa"] = Counting(KEYS["rsa"])
    checked = tokens(keys)
    for kid, asked in ((None, [1, 1, 1, 0]), ("b", [0, 1, 0, 0]), ("x", [0, 0, 0, 0])):
        for key in keys.values():
            key.asked = 0
        with pytest.raises(UnauthorizedError):
            checked.customer(signed(GOOD, STRANGER.private, "ES256", kid=kid), NOON_MS)
        assert [key.asked for key in keys.values()] == asked


def test_two_keys_live_for_rotation() -> None:
    new = pair("P-256", "the new one")
    checked = tokens({"old": KEYS["main"], "new": read_public_key(new.public_pem, "ES256")})
    for key, kid in ((MAIN, "old"), (new, "new"), (MAIN, None), (new, None)):
        assert checked.customer(signed(GOOD, key.private, "ES256", kid=kid), NOON_MS) == CUSTOMER


def test_a_good_token_is_verified_once_and_refused_to_the_millisecond_all_the_same() -> None:
    key = Counting(KEYS["main"])
    checked = tokens({"main": key})
    good = with_claims(exp=NOW + 1.5, nbf=NOW + 0.5, iat=NOW)
    for now_ms in (500, 1499):
        assert checked.customer(good, NOON_MS + now_ms) == CUSTOMER
    # Clocks are set back, too.
    for now_ms in (1500, 10_000, 499):
        with pytest.raises(UnauthorizedError):
            checked.customer(good, NOON_MS + now_ms)
    assert checked.customer(good, NOON_MS + 1000) == CUSTOMER
    assert key.asked == 1


def test_a_token_that_is_not_good_is_not_remembered() -> None:
    key = Counting(KEYS["main"])
    checked = tokens({"main": key})
    early = with_claims(nbf=NOW + 1)
    for token in (early, early, signed(GOOD, STRANGER.private, "ES256", kid="main")):
        with pytest.raises(UnauthorizedError):
            checked.customer(token, NOON_MS)
    assert key.asked == 3
    assert checked.customer(early, NOON_MS + 1000) == CUSTOMER


def test_a_token_that_differs_by_a_letter_is_another() -> None:
    checked = tokens()
    good = with_claims()
    assert checked.customer(good, NOON_MS) == CUSTOMER
    for other in (good[:-4] + ("A" if good[-4] != "A" else "B") + good[-3:], good + "\ud800"):
        with pytest.raises(UnauthorizedError):
            checked.customer(other, NOON_MS)


def test_so_many_are_remembered_and_then_the_oldest_is_verified_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.tokens.customer_tokens._REMEMBERED", 2)
    key = Counting(KEYS["main"])
    checked = tokens({"main": key})
    several = [with_claims(customer=name) for name in ("a", "b", "c")]
    for token in (*several, several[2], several[1], several[0]):
        assert checked.customer(token, NOON_MS)
    assert key.asked == 4
