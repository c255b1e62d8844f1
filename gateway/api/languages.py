"""Which of our languages an `Accept-Language` header asks for."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final

_LONGEST: Final = 500
"""Characters read of a header: a browser sends some thirty."""


def spoken(tag: str, locales: Collection[str]) -> str | None:
    """The locale that serves a language tag (`sv-SE` is served by `sv`); None where none does."""
    language = tag.replace("_", "-").partition("-")[0].lower()
    return language if language in locales else None


def preferred(header: str, locales: tuple[str, ...]) -> str | None:
    """The first of our locales in the caller's order of preference; None for no preference."""
    return _preferred(header[:_LONGEST], locales)


# Cut before it is remembered: a stranger must not fill the memory with long headers.
@lru_cache(maxsize=512)
def _preferred(header: str, locales: tuple[str, ...]) -> str | None:
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")):
        tag, _, parameters = part.partition(";")
        weight = _weight(parameters)
        if weight > 0:
            wishes.append((-weight, place, tag.strip()))
    for _, _, tag in sorted(wishes):
        # "*" welcomes anything, so the channel's own language is as good as any.
        if tag == "*":
            return None
        locale = spoken(tag, locales)
        if locale is not None:
            return locale
    return None


def _weight(parameters: str) -> float:
    name, _, text = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
