"""The configured API keys as a key ring."""

from __future__ import annotations

from gateway.config.settings import Settings
from gateway.domain.access import ApiKey, KeyRing


def key_ring(settings: Settings) -> KeyRing:
    """The API keys that are configured."""
    return KeyRing(
        ApiKey(
            name,
            bytes.fromhex(key.sha256),
            frozenset(key.scopes),
            None if key.expires_at is None else int(key.expires_at.timestamp() * 1000),
        )
        for name, key in settings.keys.items()
    )
