"""How a language writes figures, and which plural form it takes: what CLDR says, by Babel.

Babel takes tens of microseconds for a figure. What is written here are bounds of spans, of which
there are few, so each is written once.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.numbers import format_decimal

from gateway.domain.quantities import UNIT, Milli

OTHER: Final = "other"
"""The plural form that every language has."""


def is_known(locale: str) -> bool:
    """Whether there is a language by this code, which is its shortest one."""
    try:
        return str(Locale.parse(locale)) == locale and "_" not in locale
    except (UnknownLocaleError, ValueError):
        return False


def plural_forms(locale: str) -> frozenset[str]:
    """The plural forms of a language, by their names in CLDR."""
    return frozenset(Locale.parse(locale).plural_form.tags) | {OTHER}


@lru_cache(maxsize=4096)
def plural_form(locale: str, quantity: Milli) -> str:
    """The form that goes with a quantity: 1 takes `one` in English, 1.5 `few` in Romanian."""
    return str(Locale.parse(locale).plural_form(_decimal(quantity)))


@lru_cache(maxsize=4096)
def write_quantity(locale: str, quantity: Milli) -> str:
    """The figure: 1500 thousandths are `1.5` in English and `1,5` in German."""
    return format_decimal(_decimal(quantity), locale=locale)


def _decimal(quantity: Milli) -> Decimal:
    # Without zeros at the end: to CLDR "1.000" is another figure than "1", with another form.
    return Decimal(quantity) / UNIT
