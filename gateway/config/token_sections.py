"""The settings of tokens: who signs customers in, and how prices are signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.config.section import Section
from gateway.config.values import KeyId, Seconds


class CustomerTokenKey(Section):
    """A key by which tokens of customers are verified."""

    algorithm: Literal["ES256", "ES384", "EdDSA", "RS256", "PS256"]
    public_key: str


class CustomerTokens(Section):
    """Who signs customers in: their tokens (JWT) are taken instead of API keys."""

    issuer: Annotated[str, Field(min_length=1)]
    audience: Annotated[str, Field(min_length=1)]
    keys: Annotated[dict[KeyId, CustomerTokenKey], Field(min_length=1)]


class PriceTokenKey(Section):
    """A key that signs prices, or one that did: then its public half is enough."""

    algorithm: Literal["ES256", "EdDSA"]
    private_key: str | None = None
    private_key_file: Path | None = None
    public_key: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> PriceTokenKey:
        given = (self.private_key, self.private_key_file, self.public_key)
        if sum(value is not None for value in given) != 1:
            msg = "needs one of private_key, private_key_file and public_key"
            raise ValueError(msg)
        return self


class PriceTokens(Section):
    """How the prices of a checkout are signed, so that the ERP can accept them unseen."""

    issuer: Annotated[str, Field(min_length=1)] = "stockspan"
    lifetime: Seconds = 3600.0
    signing_key: KeyId
    keys: dict[KeyId, PriceTokenKey]

    @model_validator(mode="after")
    def _can_sign(self) -> PriceTokens:
        key = self.keys.get(self.signing_key)
        if key is None or key.public_key is not None:
            msg = "signing_key must name one of the keys that has a private half"
            raise ValueError(msg)
        return self
