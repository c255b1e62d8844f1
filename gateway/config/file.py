"""Reading settings: the file, the environment over it, and every mistake as one line."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError as PydanticSettingsError

from gateway.config.settings import Gateway, Key, Settings

FILE_NAME: Final = "stockspan.toml"
FILE_VARIABLE: Final = "STOCKSPAN_CONFIG"
_PREFIX: Final = "STOCKSPAN_"


class SettingsError(Exception):
    """A setting is wrong: one line with its name, its value and what is allowed."""


def load_settings(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings from this file (or none) and the process's environment.

    Raises:
        SettingsError: the file cannot be read, or a setting is wrong.
    """
    _refuse_misspelt(environment)
    content: dict[str, Any] = {} if path is None else _read(path)
    unknown = sorted(set(content) - set(Settings.model_fields))
    if unknown:
        allowed = ", ".join(sorted(Settings.model_fields))
        msg = f"{path}: {unknown[0]} is no setting; allowed: {allowed}"
        raise SettingsError(msg)
    try:
        return Settings(**content)
    except ValidationError as error:
        raise SettingsError(_explain(error, path)) from None
    except PydanticSettingsError as error:
        # A list in the environment that is no JSON; the message names the section alone.
        msg = f"{error}: lists and tables are given as JSON in the environment"
        raise SettingsError(msg) from None


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    for name in environment:
        section, nested, _ = name.removeprefix(_PREFIX).partition("__")
        named = name.startswith(_PREFIX) and nested
        if named and section.lower() not in Settings.model_fields:
            allowed = ", ".join(sorted(field.upper() for field in Settings.model_fields))
            msg = f"{name} in the environment is no setting; sections are: {allowed}"
            raise SettingsError(msg)


def with_gateway(settings: Settings, given: Mapping[str, object]) -> Settings:
    """The settings with some of `gateway` given anew, as on the command line.

    Raises:
        SettingsError: a value is not allowed.
    """
    try:
        section = Gateway(**{**settings.gateway.model_dump(), **given})
    except ValidationError as error:
        raise SettingsError("gateway." + _explain(error, None)) from None
    return settings.model_copy(update={"gateway": section})


def check_key(name: str, content: Mapping[str, object]) -> None:
    """Return if these would do as `[keys.<name>]`.

    Raises:
        SettingsError: they would not.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        msg = f"keys.{name!r}: a key's name is 1 to 64 letters, digits, - or _"
        raise SettingsError(msg)
    try:
        Key.model_validate(content)
    except ValidationError as error:
        raise SettingsError(f"keys.{name}." + _explain(error, None)) from None


def find_file(given: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The settings file: the one given, else `STOCKSPAN_CONFIG`, else `stockspan.toml` here."""
    if given is not None:
        return given
    if environment.get(FILE_VARIABLE):
        return Path(environment[FILE_VARIABLE])
    here = Path(FILE_NAME)
    return here if here.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        msg = f"{path}: there is no such settings file"
        raise SettingsError(msg) from None
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror})"
        raise SettingsError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: is not TOML ({error})"
        raise SettingsError(msg) from None


_SECRET: Final = (
    *("dsn", "url", "sha256", "private_key", "public_key"),
    *("auth", "token", "token_url", "password", "client_secret", "path", "secret"),
)
# Tables in which anything may be a secret, whatever its name.
_SECRET_TABLES: Final = frozenset({"headers", "parameters"})
# A tagged union puts its tag into the place of the error; it is no name anyone wrote.
_TAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "sources": ("postgres", "http", "files"),
    "channels": ("smtp", "webhook"),
    "auth": ("bearer", "basic", "oauth2"),
    "paging": ("none", "page", "cursor", "link"),
}
_LONGEST_SHOWN: Final = 60


def _explain(error: ValidationError, path: Path | None) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    _drop_tags(place)
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[0].lower() + reason[1:]
    if first["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        table = place[-2] if place[-2] in {"sources", "channels"} else place[-1]
        *others, last = _TAGS[table]
        place.append("by" if place[-1] == "paging" else "type")
        reason = f"must be {', '.join(map(_quoted, others))} or {_quoted(last)}"
    where = f"{path}: " if path is not None else ""
    if not place:
        return where + reason
    name = ".".join(place)
    if first["type"] == "missing":
        return f"{where}{name} is missing"
    if first["type"] == "extra_forbidden":
        return f"{where}{name} is no setting"
    # A table may hold a secret, an address a password; a plain value of these names is one.
    given = first["input"]
    if place[-1] in {"type", "by"} and isinstance(given, dict):
        given = given.get(place[-1], given)
    plain = isinstance(given, str | int | float | list) and "://" not in str(given)
    # So is a PEM wherever it was put by mistake.
    plain = plain and place[-1] not in _SECRET and "-----BEGIN" not in str(given)
    plain = plain and _SECRET_TABLES.isdisjoint(place[2:])
    value = f" = {_shortened(given)}" if plain else ""
    more = len(error.errors()) - 1
    rest = f" (and {more} more)" if more else ""
    return f"{where}{name}{value}: {reason}{rest}"


def _drop_tags(place: list[str]) -> None:
    if place[:1] == ["sources"] and place[2:3] and place[2] in _TAGS["sources"]:
        del place[2]
    if place[:2] == ["alerts", "channels"] and place[3:4] and place[3] in _TAGS["channels"]:
        del place[3]
    if place[2:3] in (["auth"], ["paging"]) and place[3:4] and place[3] in _TAGS[place[2]]:
        del place[3]


def _quoted(word: str) -> str:
    return f'"{word}"'


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
