"""Values that a plain type does not describe: durations, zones, addresses, identifiers."""

from __future__ import annotations

import re
from datetime import time
from itertools import pairwise
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import AfterValidator, BeforeValidator, Field

from gateway.domain.identifiers import RULE, is_identifier
from gateway.domain.money import minor_digits
from gateway.domain.quantities import NotAQuantityError, to_milli
from gateway.words import LOCALES

_LONGEST: Final = 10 * 365 * 86400.0
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


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


def _a_language(code: str) -> str:
    if code not in LOCALES:
        raise ValueError("must be one of " + ", ".join(LOCALES))
    return code


def _an_identifier(name: str) -> str:
    if not is_identifier(name):
        raise ValueError("must be " + RULE)
    return name


def _known_currency(code: str) -> str:
    if minor_digits(code) is None:
        msg = 'must be a currency of ISO 4217, such as "SEK"'
        raise ValueError(msg)
    return code


def _ascending(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(bounds)):
        msg = "must ascend"
        raise ValueError(msg)
    return bounds


def _store_url(url: str) -> str:
    if not url.startswith(("redis://", "rediss://", "unix://")):
        msg = "must begin with redis://, rediss:// or unix://"
        raise ValueError(msg)
    _require_port(url)
    return url


def _postgres_dsn(dsn: str) -> str:
    if not dsn.startswith(("postgresql://", "postgres://")):
        msg = "must begin with postgresql://"
        raise ValueError(msg)
    _require_port(dsn)
    return dsn


def http_url(url: str) -> str:
    """The address, if it is one of HTTP with a host."""
    if not url.startswith(("http://", "https://")):
        msg = "must begin with https:// or http://"
        raise ValueError(msg)
    _require_port(url)
    if not urlsplit(url).hostname:
        msg = "names no host"
        raise ValueError(msg)
    return url


def _require_port(url: str) -> None:
    try:
        urlsplit(url).port  # noqa: B018 - reading it is what checks it
    except ValueError:
        msg = "has no valid port"
        raise ValueError(msg) from None


def _a_bound(bound: float) -> float:
    try:
        to_milli(bound)
    except NotAQuantityError as error:
        raise ValueError(str(error)) from None
    return bound


def _without_zone(moment: time) -> time:
    if moment.tzinfo is not None:
        msg = "must be a time of the day there, without an offset"
        raise ValueError(msg)
    return moment


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=_LONGEST)]
Spell = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=_LONGEST)]
TimeOfDay = Annotated[time, AfterValidator(_without_zone)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
Country = Annotated[str, AfterValidator(_known_country)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
PostgresDsn = Annotated[str, AfterValidator(_postgres_dsn)]
Port = Annotated[int, Field(ge=0, le=65535)]
Identifier = Annotated[str, AfterValidator(_an_identifier)]
KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Currency = Annotated[str, AfterValidator(_known_currency)]
FeedName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Locale = Annotated[str, AfterValidator(_a_language)]
Scope = Literal["stock:exact", "prices:any", "checkout", "explain", "ops", "ingest"]
Days = Annotated[int, Field(ge=0, le=365)]
Bound = Annotated[float, Field(gt=0, le=10**9), AfterValidator(_a_bound)]
Limit = Annotated[float, Field(ge=0, le=10**9), AfterValidator(_a_bound)]
Bounds = Annotated[tuple[Bound, ...], Field(min_length=1), AfterValidator(_ascending)]
