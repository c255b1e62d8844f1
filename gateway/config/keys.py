"""The configured API keys as a key ring, and the text of keys that sign and verify tokens."""

from __future__ import annotations

from gateway.config.file import SettingsError
from gateway.config.settings import Settings
from gateway.config.token_sections import PriceTokenKey
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


def private_pem(setting: str, key: PriceTokenKey) -> tuple[str, str] | None:
    """The setting that has the private half of the key, and its PEM text; None for a retired key.

    `setting` is the name of the key's section.

    Raises:
        SettingsError: the file that is named cannot be read.
    """
    if key.private_key is not None:
        return f"{setting}.private_key", key.private_key
    if key.private_key_file is None:
        return None
    name, path = f"{setting}.private_key_file", str(key.private_key_file)
    if "-----BEGIN" in path:
        # The key where its file should be named: it must not be shown as a path.
        raise SettingsError(f"{name}: must be a path; a key itself goes into private_key")
    try:
        return name, key.private_key_file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{name} = {path!r}: cannot be read ({error.strerror})") from None
    except ValueError:
        # Bytes that are no text, or a name that can be none of a file.
        raise SettingsError(f"{name} = {path!r}: is no private key in PEM") from None
