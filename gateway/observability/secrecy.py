"""A second fence around secrets: what is named like one is never written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TELLING: Final = ("authorization", "password", "secret", "token", "dsn", "url", "key")
_STRUCK: Final = "[hidden]"


def struck(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, but for those under telling names."""
    return {
        name: _STRUCK if value is not None and _is_telling(name) else value
        for name, value in values.items()
    }


def _is_telling(name: str) -> bool:
    return any(word in name.lower() for word in _TELLING)
