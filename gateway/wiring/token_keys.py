"""The keys of customers' tokens and of price tokens, as the settings name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gateway.config import settings as config
from gateway.config.file import SettingsError
from gateway.config.keys import private_pem
from gateway.config.token_sections import PriceTokenKey
from gateway.tokens.customer_tokens import CustomerTokens
from gateway.tokens.key_material import (
    KeyMaterialError,
    PrivateKey,
    PublicKey,
    read_private_key,
    read_public_key,
)
from gateway.tokens.price_tokens import PriceTokens

Key = TypeVar("Key", PrivateKey, PublicKey)


def customer_tokens(settings: config.Settings) -> CustomerTokens | None:
    """What tells good tokens of customers from bad ones; None where no token is taken.

    Raises:
        SettingsError: a key cannot be used.
    """
    section = settings.customer_tokens
    if section is None:
        return None
    keys = {
        key_id: _token_key(
            f"customer_tokens.keys.{key_id}.public_key",
            read_public_key,
            key.public_key,
            key.algorithm,
        )
        for key_id, key in section.keys.items()
    }
    return CustomerTokens(section.issuer, section.audience, keys)


def price_tokens(settings: config.Settings) -> PriceTokens | None:
    """What signs the prices of a checkout; None where they are not signed.

    Raises:
        SettingsError: a key cannot be used, or its file not be read.
    """
    section = settings.price_tokens
    if section is None:
        return None
    keys = {key_id: _price_token_key(key_id, key) for key_id, key in section.keys.items()}
    return PriceTokens(section.issuer, int(section.lifetime * 1000), keys, section.signing_key)


def require_token_keys(settings: config.Settings) -> None:
    """Return if every key of tokens can be used.

    Raises:
        SettingsError: one cannot.
    """
    customer_tokens(settings)
    price_tokens(settings)


def _price_token_key(key_id: str, key: PriceTokenKey) -> PrivateKey | PublicKey:
    setting = f"price_tokens.keys.{key_id}"
    private = private_pem(setting, key)
    if private is not None:
        return _token_key(private[0], read_private_key, private[1], key.algorithm)
    return _token_key(f"{setting}.public_key", read_public_key, key.public_key or "", key.algorithm)


def _token_key(setting: str, reader: Callable[[str, str], Key], pem: str, algorithm: str) -> Key:
    try:
        return reader(pem, algorithm)
    except KeyMaterialError as error:
        raise SettingsError(f"{setting}: {error}") from None
