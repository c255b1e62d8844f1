"""What can be set, section by section, and what each is as shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.config.alert_sections import Alerts, Journal
from gateway.config.http_sections import (
    DeltaValue,
    HttpSource,
    JmesPath,
    NoPaging,
    Paging,
    Parameter,
    RelativePath,
)
from gateway.config.section import Section
from gateway.config.token_sections import CustomerTokens, PriceTokens
from gateway.config.values import (
    Bounds,
    Country,
    Currency,
    Days,
    FeedName,
    Identifier,
    Limit,
    Locale,
    Port,
    PostgresDsn,
    Scope,
    Seconds,
    Spell,
    StoreUrl,
    TimeOfDay,
    TimeZone,
    Weekday,
)
from gateway.domain.precedence import Strategy
from gateway.domain.record_kinds import Kind


class Store(Section):
    """Where Redis or Valkey is."""

    url: StoreUrl = "redis://127.0.0.1:6379/0"
    mode: Literal["standalone", "cluster"] = "standalone"
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")] = "ss"
    timeout: Seconds = 0.1
    last_known_for: Spell = 900.0


class Ledger(Section):
    """Where PostgreSQL keeps what customers were promised."""

    dsn: PostgresDsn
    timeout: Seconds = 1.0


class Reservations(Section):
    """How promises are kept: in the ledger, or in Redis alone, which may lose some."""

    durability: Literal["ledger", "redis"] = "ledger"
    open_per_customer: Annotated[int, Field(ge=1, le=1_000_000)] = 250
    acknowledge_within: Seconds = 900.0


class Gateway(Section):
    """Where the gateway listens."""

    host: str = "127.0.0.1"
    port: Port = 8080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    cors_origins: tuple[str, ...] = ("*",)


WhenExpired = Literal["serve", "on_request", "refuse"]


class ClassFreshness(Section):
    """How old figures of one stock class may grow; what is left out is as for all."""

    fresh_for: Seconds | None = None
    stale_for: Seconds | None = None
    when_expired: WhenExpired | None = None


class Freshness(Section):
    """How old figures may grow."""

    fresh_for: Seconds = 900.0
    stale_for: Seconds = 86400.0
    when_expired: WhenExpired = "serve"
    classes: dict[str, ClassFreshness] = Field(default={})

    def of(self, stock_class: str) -> Freshness:
        """What holds for a class that has settings of its own."""
        given = self.classes[stock_class].model_dump(exclude_none=True)
        return self.model_copy(update=given)

    @model_validator(mode="after")
    def _in_order(self) -> Freshness:
        named = {f"classes.{name}: ": self.of(name) for name in self.classes}
        for place, one in {"": self, **named}.items():
            if one.stale_for < one.fresh_for:
                msg = f"{place}stale_for must not be shorter than fresh_for"
                raise ValueError(msg)
        return self


class Channel(Section):
    """A place of selling."""

    currency: Currency = "EUR"
    locale: Locale = "en"
    timezone: TimeZone = "UTC"
    cut_off: TimeOfDay | None = None
    country: Country | None = None
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


class Spans(Section):
    """One span policy, and where it holds."""

    channel: str | None = None
    stock_class: str | None = None
    bounds: Bounds = (
        1,
        5,
        20,
    )
    few_below: Limit = 5


class Prices(Section):
    """How prices are resolved, and whether strangers see base prices."""

    strategy: Strategy = Strategy.MOST_SPECIFIC
    public_prices: bool = False


class Key(Section):
    """An API key: only its SHA-256 is ever written down."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: frozenset[Scope]
    expires_at: AwareDatetime | None = None


class Push(Section):
    """The loaders' own address, where an ERP pushes its records."""

    host: str = "127.0.0.1"
    port: Port = 8090


class Loaders(Section):
    """How the loaders run."""

    spool_dir: Path | None = None


class PostgresSource(Section):
    """An ERP's database."""

    type: Literal["postgres"]
    dsn: PostgresDsn
    connect_timeout: Seconds = 10.0
    query_timeout: Seconds = 600.0


class FilesSource(Section):
    """A folder in which an ERP leaves files and, last, a manifest."""

    type: Literal["files"]
    directory: Path


Source = Annotated[PostgresSource | HttpSource | FilesSource, Field(discriminator="type")]


class Guard(Section):
    """When a snapshot is held back: shares between 0 and 1, and rows below which none is judged."""

    zeroed_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    moved_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    moved_by: Annotated[float, Field(ge=0)] = 0.5
    judged_from: Annotated[int, Field(ge=0)] = 50


class Feed(Section):
    """One kind of record from one source; for PostgreSQL the query is the mapping.

    From HTTP, `mapping` says for each field where it is in one of the `rows`.
    """

    kind: Kind
    source: str
    query: str | None = None
    path: RelativePath = ""
    rows: JmesPath = "@"
    mapping: dict[str, JmesPath] = Field(default={})
    paging: Paging = NoPaging()
    delta_param: Parameter | None = None
    delta_value: DeltaValue = "{watermark}"
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
    ledger: Ledger | None = None
    reservations: Reservations = Reservations()
    freshness: Freshness = Freshness()
    channels: Annotated[dict[Identifier, Channel], Field(min_length=1)] = Field(
        default={"default": Channel()}
    )
    spans: dict[str, Spans] = Field(default={})
    prices: Prices = Prices()
    customer_tokens: CustomerTokens | None = None
    price_tokens: PriceTokens | None = None
    keys: dict[str, Key] = Field(default={})
    push: Push | None = None
    loaders: Loaders = Loaders()
    journal: Journal = Journal()
    alerts: Alerts = Alerts()
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
            wrong = _misfit(feed, source)
            if wrong is not None:
                raise ValueError(f"feeds.{name}.{wrong}")
        for name, spans in self.spans.items():
            if spans.channel is not None and spans.channel not in self.channels:
                known = ", ".join(self.channels)
                msg = f"spans.{name}.channel: {spans.channel!r} is no channel; known: {known}"
                raise ValueError(msg)
        return self


_OF_HTTP = ("path", "rows", "mapping", "paging", "delta_param", "delta_value")


def _misfit(feed: Feed, source: PostgresSource | HttpSource | FilesSource) -> str | None:
    """What a feed lacks, or has too much, for its source; None when they fit."""
    match source:
        case HttpSource():
            return _misfit_of_http(feed)
        case PostgresSource() if not feed.query:
            return "query: a feed from postgres needs a query"
        case PostgresSource() if feed.delta_every is not None and not feed.watermark:
            return "watermark: delta_every needs the column that tells what is new"
        case _:
            too_much = next((name for name in _OF_HTTP if name in feed.model_fields_set), None)
            return too_much and f"{too_much}: is for feeds from http, not from {source.type}"


def _misfit_of_http(feed: Feed) -> str | None:
    if feed.query is not None:
        return "query: is for feeds from postgres; one from http has a mapping"
    if not feed.mapping:
        return "mapping: a feed from http needs one: where each field is in a row"
    if feed.watermark is not None and feed.watermark not in feed.mapping:
        known = ", ".join(feed.mapping)
        return f"watermark: {feed.watermark!r} is none of the mapping's fields: {known}"
    if feed.delta_every is not None and (feed.watermark is None or feed.delta_param is None):
        return "delta_every: needs a watermark, and the delta_param that asks for what is newer"
    return None
