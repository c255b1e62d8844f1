"""What is held against what is right, key by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differing(what: str, right: Mapping[Any, object], held: Mapping[Any, object]) -> list[str]:
    """Where what is held is not what is right: lost, too much, or another figure."""
    return [
        f"{what} of {key}: {held.get(key)} instead of {right.get(key)}"
        for key in right.keys() | held.keys()
        if right.get(key) != held.get(key)
    ]
