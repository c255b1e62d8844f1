"""Tokens of customers for the tests' gateway: a good one, and every bad one we could think of."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.tokens.key_material import read_private_key
from gateway.tokens.price_tokens import PriceTokens
from tests.gateway_server import NOON_MS
from tests.token_keys import Pair, pair, part, sealed, signed

ISSUER, AUDIENCE, CUSTOMER = "https://id.example", "stockspan", "C-1"
NOW: Final = NOON_MS // 1000

MAIN, RSA, ED, STRANGER = (
    pair("P-256"),
    pair("RSA"),
    pair("Ed25519"),
    pair("P-256", "a stranger's"),
)
GOOD: Final[Mapping[str, Any]] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": NOW + 60,
    "customer": CUSTOMER,
}


def section() -> dict[str, Any]:
    """`[customer_tokens]` with a key of each kind."""
    keys = {"main": ("ES256", MAIN), "rsa": ("RS256", RSA), "ed": ("EdDSA", ED)}
    return {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "keys": {
            name: {"algorithm": algorithm, "public_key": key.public_pem}
            for name, (algorithm, key) in keys.items()
        },
    }


def price_section() -> dict[str, Any]:
    """`[price_tokens]` that signs, by mistake, with the very key that signs customers in."""
    key = {"algorithm": "ES256", "private_key": MAIN.private_pem}
    return {"issuer": ISSUER, "signing_key": "main", "keys": {"main": key}}


def with_claims(**claims: Any) -> str:
    """Well signed, with other claims; one that is None is left out."""
    changed = {**GOOD, **claims}
    return signed({k: v for k, v in changed.items() if v is not None}, MAIN.private, "ES256")


def with_raw(claim: str, raw: str) -> str:
    """Well signed, the claim's value written just so."""
    rest = {name: value for name, value in GOOD.items() if name != claim}
    payload = json.dumps(rest)[:-1] + f', "{claim}": {raw}}}'
    return signed(payload.encode(), MAIN.private, "ES256")


def with_header(**header: Any) -> str:
    """Good claims, well signed, with other members in the header; one that is None is left out."""
    return signed(GOOD, MAIN.private, "ES256", **header)


def _with_raw_header(header: str) -> str:
    return sealed(header.encode(), json.dumps(GOOD).encode(), MAIN.private, "ES256")


def _with_payload(payload: bytes) -> str:
    return signed(payload, MAIN.private, "ES256")


def _unsigned(algorithm: str, signature: bytes = b"") -> str:
    header = {"alg": algorithm, "typ": "JWT"}
    parts = (json.dumps(header).encode(), json.dumps(GOOD).encode(), signature)
    return ".".join(part(each) for each in parts)


def _by_public_key(key: Pair, **header: str) -> str:
    members = {"alg": "HS256", "typ": "JWT", **header}
    start = part(json.dumps(members).encode()) + "." + part(json.dumps(GOOD).encode())
    secret = key.public_pem.encode()
    return start + "." + part(hmac.digest(secret, start.encode(), hashlib.sha256))


def _changed(**claims: Any) -> str:
    header, _, signature = with_claims().split(".")
    return ".".join((header, part(json.dumps({**GOOD, **claims}).encode()), signature))


def _unlike_itself() -> str:
    # 64 bytes leave four bits of the last character unused: another one would mean the same.
    token = with_claims()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) + 1]


def _price_token() -> str:
    keys = {"main": read_private_key(MAIN.private_pem, "ES256")}
    return PriceTokens(ISSUER, 60_000, keys, "main").sign(GOOD, NOON_MS)


def _brought_along(**header: Any) -> str:
    return signed(GOOD, STRANGER.private, "ES256", **header)


def _deep(before: str) -> str:
    # It need not end: no reader comes that far. Short enough for a header of HTTP.
    return before + "[" * 1500


BAD: Final[Mapping[str, Callable[[], str]]] = {
    # signed by nobody, or by somebody else
    "alg none": lambda: _unsigned("none"),
    "alg none with a signature": lambda: _unsigned("none", b"x" * 64),
    "alg nOnE": lambda: _unsigned("nOnE", b"x" * 64),
    "alg empty": lambda: _unsigned("", b"x" * 64),
    "the public key as a secret": lambda: _by_public_key(MAIN),
    "the public key as a secret, by name": lambda: _by_public_key(MAIN, kid="main"),
    "the public RSA key as a secret": lambda: _by_public_key(RSA, kid="rsa"),
    "another key": lambda: signed(GOOD, STRANGER.private, "ES256"),
    "another key under the name of ours": lambda: signed(
        GOOD, STRANGER.private, "ES256", kid="main"
    ),
    "another of our keys": lambda: signed(GOOD, ED.private, "EdDSA", kid="main"),
    "unknown kid": lambda: with_header(kid="other"),
    "empty kid": lambda: with_header(kid=""),
    "kid a number": lambda: with_header(kid=7),
    "kid null": lambda: _with_raw_header('{"alg": "ES256", "typ": "JWT", "kid": null}'),
    "PS256 by the key for RS256": lambda: signed(GOOD, RSA.private, "PS256", kid="rsa"),
    "PS256 by the key for RS256, without kid": lambda: signed(GOOD, RSA.private, "PS256"),
    "RS512 by the key for RS256": lambda: signed(GOOD, RSA.private, "RS512", kid="rsa"),
    "ES384 by a key for it": lambda: signed(GOOD, pair("P-384").private, "ES384", kid="main"),
    "a key brought along": lambda: _brought_along(
        jwk={"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
    ),
    "an address of keys brought along": lambda: _brought_along(
        jku="http://127.0.0.1:9/keys", kid="main"
    ),
    "a certificate brought along": lambda: _brought_along(x5u="http://127.0.0.1:9/certificate"),
    # at another time, by or for somebody else
    "expired": lambda: with_claims(exp=NOW - 1),
    "expired just now": lambda: with_claims(exp=NOW),
    "not yet valid": lambda: with_claims(nbf=NOW + 1),
    "issued in time to come": lambda: with_claims(iat=NOW + 1),
    "nbf as text": lambda: with_claims(nbf="soon"),
    "iat null": lambda: with_raw("iat", "null"),
    "another issuer": lambda: with_claims(iss="https://id.example.evil"),
    "iss missing": lambda: with_claims(iss=None),
    "iss a list": lambda: with_claims(iss=[ISSUER]),
    "another audience": lambda: with_claims(aud="stockspan-test"),
    "aud missing": lambda: with_claims(aud=None),
    "aud an empty list": lambda: with_claims(aud=[]),
    "aud a list without us": lambda: with_claims(aud=["shop", "stockspan2"]),
    "aud a list with a number": lambda: with_claims(aud=[AUDIENCE, 1]),
    # moments that are none
    "exp missing": lambda: with_claims(exp=None),
    "exp null": lambda: with_raw("exp", "null"),
    "exp as text": lambda: with_claims(exp=str(NOW + 60)),
    "exp true": lambda: with_claims(exp=True),
    "exp NaN": lambda: with_raw("exp", "NaN"),
    "exp Infinity": lambda: with_raw("exp", "Infinity"),
    "exp 1e999": lambda: with_raw("exp", "1e999"),
    "exp huge": lambda: with_raw("exp", "9" * 400),
    "exp in milliseconds": lambda: with_claims(exp=NOON_MS + 60_000),
    "exp below zero": lambda: with_claims(exp=-NOW),
    "exp a list": lambda: with_claims(exp=[NOW + 60]),
    # for no customer
    "customer missing": lambda: with_claims(customer=None),
    "customer null": lambda: with_raw("customer", "null"),
    "customer a number": lambda: with_claims(customer=1),
    "customer a list": lambda: with_claims(customer=[CUSTOMER]),
    "customer empty": lambda: with_claims(customer=""),
    "customer too long": lambda: with_claims(customer="C" * 65),
    "customer with a line break": lambda: with_claims(customer="C\n1"),
    "customer with NUL": lambda: with_claims(customer="C\0"),
    "customer with a space before": lambda: with_claims(customer=" C-1"),
    # something else
    "typ missing": lambda: with_header(typ=None),
    "typ of an access token": lambda: with_header(typ="at+jwt"),
    "typ a number": lambda: with_header(typ=1),
    "a price token": _price_token,
    "crit": lambda: with_header(crit=["exp"]),
    "crit b64": lambda: with_header(crit=["b64"], b64=True),
    "crit empty": lambda: with_header(crit=[]),
    "crit null": lambda: _with_raw_header('{"alg": "ES256", "typ": "JWT", "crit": null}'),
    # broken
    "payload changed": lambda: _changed(customer="C-2"),
    "signature written otherwise": _unlike_itself,
    "signature padded": lambda: with_claims() + "==",
    "truncated": lambda: with_claims()[:-10],
    "truncated to nothing after the dot": lambda: with_claims().rpartition(".")[0] + ".",
    "no signature": lambda: with_claims().rpartition(".")[0],
    "nothing but dots": lambda: "..",
    "garbage": lambda: "a.b.c",
    "garbage of another alphabet": lambda: "!!!!.%%%%.++++",
    "header no JSON": lambda: _with_raw_header("alg=ES256"),
    "header a list": lambda: _with_raw_header('["ES256"]'),
    "header without alg": lambda: _with_raw_header('{"typ": "JWT"}'),
    "header with alg null": lambda: _with_raw_header('{"typ": "JWT", "alg": null}'),
    "header in broken UTF-8": lambda: sealed(b'{"alg": "\xff"}', b"{}", MAIN.private, "ES256"),
    "header too deep": lambda: _with_raw_header(_deep('{"alg": "ES256", "typ": "JWT", "x": ')),
    "payload no JSON": lambda: _with_payload(b"customer=C-1"),
    "payload empty": lambda: _with_payload(b""),
    "payload a list": lambda: _with_payload(b'["C-1"]'),
    "payload in broken UTF-8": lambda: _with_payload(
        json.dumps(GOOD).encode().replace(b"C-1", b"C-\xff")
    ),
    "payload too deep": lambda: _with_payload(_deep(json.dumps(GOOD)[:-1] + ', "x": ').encode()),
    "five parts": lambda: with_claims() + ".a.b",
}
