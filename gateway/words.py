"""The languages that there are words for, and the words: `gateway/locales/<language>.toml`.

A file there is all that a new language takes (docs/adr/0033): settings, answers and the OpenAPI
document go by the files they find. What stands in one, the English file says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from gateway.domain.labels import MINIMUM, Labels
from gateway.domain.spans import StockStatus
from gateway.domain.writing import OTHER, is_known, plural_forms

_ENDING: Final = ".toml"


class WordsError(Exception):
    """A language's file cannot be used: what is wrong there, and what is allowed."""


def languages(folder: Traversable) -> tuple[str, ...]:
    """The languages of a folder, by the alphabet."""
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)))


FOLDER: Final = files("gateway") / "locales"
LOCALES: Final = languages(FOLDER)


def read_labels(locale: str, folder: Traversable = FOLDER) -> Labels:
    """The words of one language.

    Raises:
        WordsError: the language is none that Babel knows, or its words are not whole.
    """
    name = f"{locale}{_ENDING}"
    if not is_known(locale):
        msg = f"{name}: {locale!r} is no language; a file is named like en{_ENDING}"
        raise WordsError(msg)
    try:
        content = tomllib.loads((folder / name).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WordsError(f"{name}: {error}") from None
    if unknown := content.keys() - set(StockStatus):
        raise WordsError(
            f"{name}: {min(unknown)!r} is no status; there are {', '.join(StockStatus)}"
        )
    return Labels(locale, {status: _forms(name, locale, status, content) for status in StockStatus})


def _forms(
    name: str, locale: str, status: StockStatus, content: Mapping[str, Any]
) -> Mapping[str, str]:
    """A text, or a table of one for each plural form."""
    given = content.get(status)
    forms: dict[str, Any] = given if isinstance(given, dict) else {OTHER: given}
    allowed = plural_forms(locale)
    if OTHER not in forms or forms.keys() - allowed:
        msg = f"{name}: {status} must have {OTHER!r} and may have {', '.join(sorted(allowed))}"
        raise WordsError(msg)
    for text in forms.values():
        if not isinstance(text, str) or not text.strip():
            raise WordsError(f"{name}: {status} must be words, not {text!r}")
        if "{" in text.replace(MINIMUM, ""):
            raise WordsError(f"{name}: {status} may hold {MINIMUM}, and no other braces: {text!r}")
    return forms
