"""Settings: one TOML file, every value also by environment (`STOCKSPAN_SECTION__NAME`).

Read by the command alone and handed down; nothing else looks at a file or the environment for
settings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.domain.identifiers import RULE, is_identifier

FILE_NAME: Final = "stockspan.toml"
FILE_VARIABLE: Final = "STOCKSPAN_CONFIG"
LOCALES: Final = ("en", "sv", "nl", "ro", "de")
KINDS: Final = ("products", "locations", "stock")

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class SettingsError(Exception):
    """A setting is wrong: one line with its name, its value and what is allowed."""


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*", value)
    if match is None:
        msg = 'must be a duration such as "500ms", "15m" or "24h"'
        raise ValueError(msg)
    return float(match[1]) * _UNITS[match[2]]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = 'must be a time zone such as "Europe/Stockholm"'
        raise ValueError(msg) from None
    return name


def _known_country(code: str) -> str:
    if code not in holidays.list_supported_countries():
        msg = 'must be a country with known holidays, such as "SE"'
        raise ValueError(msg)
    return code


def _an_identifier(name: str) -> str:
    if not is_identifier(name):
        raise ValueError("must be " + RULE)
    return name


def _ascending(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(bounds)):
        msg = "must ascend"
        raise ValueError(msg)
    return bounds


def _store_url(url: str) -> str:
    if not url.startswith(("redis://", "rediss://", "unix://")):
        msg = "must begin with redis://, rediss:// or unix://"
        raise ValueError(msg)
    return url


def _postgres_dsn(dsn: str) -> str:
    if not dsn.startswith(("postgresql://", "postgres://")):
        msg = "must begin with postgresql://"
        raise ValueError(msg)
    return dsn


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Spell = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
Identifier = Annotated[str, AfterValidator(_an_identifier)]
FeedName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Locale = Literal["en", "sv", "nl", "ro", "de"]
Scope = Literal["stock:exact", "prices:any", "checkout", "explain", "ops", "ingest"]
Days = Annotated[int, Field(ge=0, le=365)]
Bound = Annotated[float, Field(gt=0, le=10**9)]


class _Section(BaseModel):
    # A misspelt setting must not pass for one that was set.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Store(_Section):
    """Where Redis or Valkey is."""

    url: Annotated[str, AfterValidator(_store_url)] = "redis://127.0.0.1:6379/0"
    mode: Literal["standalone", "cluster"] = "standalone"
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")] = "ss"
    timeout: Seconds = 0.1


class Gateway(_Section):
    """Where the gateway listens."""

    host: str = "127.0.0.1"
    port: Port = 8080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    cors_origins: tuple[str, ...] = ("*",)


class Freshness(_Section):
    """How old figures may grow."""

    fresh_for: Seconds = 900.0
    stale_for: Seconds = 86400.0
    when_expired: Literal["serve", "on_request"] = "serve"

    @model_validator(mode="after")
    def _in_order(self) -> Freshness:
        if self.stale_for < self.fresh_for:
            msg = "stale_for must not be shorter than fresh_for"
            raise ValueError(msg)
        return self


class Channel(_Section):
    """A place of selling."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    locale: Locale = "en"
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    cut_off: time | None = None
    country: Annotated[str, AfterValidator(_known_country)] | None = None
    working_days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
    )
    transit_days: tuple[Days, Days] = (0, 0)

    @model_validator(mode="after")
    def _in_order(self) -> Channel:
        if self.transit_days[1] < self.transit_days[0]:
            msg = "transit_days must be [first, last] with first ≤ last"
            raise ValueError(msg)
        return self


class Spans(_Section):
    """One span policy, and where it holds."""

    channel: str | None = None
    stock_class: str | None = None
    bounds: Annotated[tuple[Bound, ...], Field(min_length=1), AfterValidator(_ascending)] = (
        1,
        5,
        20,
    )
    few_below: Annotated[float, Field(ge=0)] = 5


class Key(_Section):
    """An API key: only its SHA-256 is ever written down."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: frozenset[Scope]
    expires_at: AwareDatetime | None = None


class Push(_Section):
    """The loaders' own address, where an ERP pushes its records."""

    host: str = "127.0.0.1"
    port: Port = 8090


class Loaders(_Section):
    """How the loaders run."""

    spool_dir: Path | None = None


class PostgresSource(_Section):
    """An ERP's database."""

    type: Literal["postgres"]
    dsn: Annotated[str, AfterValidator(_postgres_dsn)]
    connect_timeout: Seconds = 10.0
    query_timeout: Seconds = 600.0


class FilesSource(_Section):
    """A folder in which an ERP leaves files and, last, a manifest."""

    type: Literal["files"]
    directory: Path


Source = Annotated[PostgresSource | FilesSource, Field(discriminator="type")]


class Guard(_Section):
    """When a snapshot is held back: shares between 0 and 1, and rows below which none is judged."""

    zeroed_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    judged_from: Annotated[int, Field(ge=0)] = 50


class Feed(_Section):
    """One kind of record from one source; for PostgreSQL the query is the mapping."""

    kind: Literal["products", "locations", "stock"]
    source: str
    query: str | None = None
    watermark: str | None = None
    overlap: Spell = 10.0
    delta_every: Seconds | None = None
    snapshot_every: Seconds = 21600.0
    guard: Guard = Guard()


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="STOCKSPAN_", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    store: Store = Store()
    gateway: Gateway = Gateway()
    freshness: Freshness = Freshness()
    channels: Annotated[dict[Identifier, Channel], Field(min_length=1)] = Field(
        default={"default": Channel()}
    )
    spans: dict[str, Spans] = Field(default={})
    keys: dict[str, Key] = Field(default={})
    push: Push | None = None
    loaders: Loaders = Loaders()
    sources: dict[str, Source] = Field(default={})
    feeds: dict[FeedName, Feed] = Field(default={})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The environment wins over the file, whose content comes in as arguments.
        return env_settings, init_settings

    @model_validator(mode="after")
    def _names_meet(self) -> Settings:
        for name, feed in self.feeds.items():
            source = self.sources.get(feed.source)
            if source is None:
                known = ", ".join(sorted(self.sources)) or "none is configured"
                msg = f"feeds.{name}.source: {feed.source!r} is no source; known: {known}"
                raise ValueError(msg)
            if source.type == "postgres" and not feed.query:
                msg = f"feeds.{name}.query: a feed from postgres needs a query"
                raise ValueError(msg)
            if feed.delta_every is not None and not feed.watermark and source.type == "postgres":
                msg = f"feeds.{name}.watermark: delta_every needs the column that tells what is new"
                raise ValueError(msg)
        for name, spans in self.spans.items():
            if spans.channel is not None and spans.channel not in self.channels:
                known = ", ".join(self.channels)
                msg = f"spans.{name}.channel: {spans.channel!r} is no channel; known: {known}"
                raise ValueError(msg)
        return self


def load_settings(path: Path | None) -> Settings:
    """The settings from this file (or none) and the environment.

    Raises:
        SettingsError: the file cannot be read, or a setting is wrong.
    """
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


_SECRET: Final = ("dsn", "url", "sha256")
_LONGEST_SHOWN: Final = 60


def _explain(error: ValidationError, path: Path | None) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if place[:1] == ["sources"] and place[2:3] in (["postgres"], ["files"]):
        # A tagged union puts its tag into the place of the error; it is no name anyone wrote.
        del place[2]
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[0].lower() + reason[1:]
    if first["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        place.append("type")
        reason = 'must be "postgres" or "files"'
    where = f"{path}: " if path is not None else ""
    if not place:
        return where + reason
    name = ".".join(place)
    if first["type"] == "missing":
        return f"{where}{name} is missing"
    if first["type"] == "extra_forbidden":
        return f"{where}{name} is no setting"
    # A table's content may hold a secret; a plain value of these names is one.
    plain = isinstance(first["input"], str | int | float) and place[-1] not in _SECRET
    value = f" = {_shortened(first['input'])}" if plain else ""
    more = len(error.errors()) - 1
    rest = f" (and {more} more)" if more else ""
    return f"{where}{name}{value}: {reason}{rest}"


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
