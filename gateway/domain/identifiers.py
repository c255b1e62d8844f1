"""Identifiers of SKUs, customers, locations and lists: data from outside, never trusted.

Any printable text of 1 to 64 characters is one (`A/12`, `Ärm-42`, `a}{b`); control characters
and spaces at either end are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LONGEST: Final = 64
RULE: Final = "1 to 64 printable characters, without a space at either end"


def is_identifier(text: str) -> bool:
    """Whether `text` may name a SKU, customer, location, channel or list."""
    return 0 < len(text) <= LONGEST and text.isprintable() and text[0] != " " and text[-1] != " "


def all_identifiers(texts: Sequence[str]) -> bool:
    """Whether each of them may; many are looked at as one text, which is several times as fast."""
    joined = "".join(texts)
    if not texts or (" " not in joined and joined.isprintable()):
        return all(texts) and max(map(len, texts), default=0) <= LONGEST
    return all(map(is_identifier, texts))
