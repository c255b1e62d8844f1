"""The public halves of the keys that sign prices, for whoever verifies them."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from gateway.api.pages import Asset, asset_route
from gateway.api.routes import JSON, Answer, Operation, Route
from gateway.api.shapes import encode
from gateway.api.stock_operations import CONDITION
from gateway.tokens.price_tokens import PriceTokens

PATH: Final = "/.well-known/jwks.json"

_CACHED: Final = ("ETag", "Cache-Control")


# What is no member here is never told: a private half cannot slip through.
class Jwk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key (RFC 7517, RFC 8037)."""

    kid: str
    kty: Literal["EC", "OKP"]
    crv: Literal["P-256", "Ed25519"]
    x: str
    use: Literal["sig"]
    alg: Literal["ES256", "EdDSA"]
    y: str | UnsetType = UNSET


class JwkSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every key that may have signed a price token that is still under way."""

    keys: list[Jwk]


OPERATION: Final = Operation(
    "priceTokenKeys",
    "Keys of price tokens",
    "checkout",
    {
        200: Answer("The keys; none where no price is signed.", JwkSet, headers=_CACHED),
        304: Answer("What the caller has is still right.", headers=_CACHED),
    },
    description="A price token's `kid` names one of these. Keys that no longer sign stay here "
    "until the last order that carries one of their tokens has come in.",
    parameters=(CONDITION,),
)


def jwks_route(price_tokens: PriceTokens | None) -> Route:
    """The route that tells the keys of price tokens; none where prices are not signed."""
    keys = {"keys": []} if price_tokens is None else price_tokens.jwks()
    # Not `application/jwk-set+json`: the plain type is what every client takes for JSON.
    body = encode(msgspec.convert(keys, JwkSet))
    return asset_route(PATH, Asset.of(body, JSON), OPERATION)
