"""What can be set, section by section, and what each is as shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, ByteSize, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.config.alert_sections import Alerts, Journal
from gateway.config.feed_sections import Feed, Source, misfit
from gateway.config.section import Section
from gateway.config.token_sections import CustomerTokens, PriceTokens
from gateway.config.tracing_section import Tracing
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
    near_cache: Annotated[ByteSize, Field(ge=0)] = ByteSize(64 << 20)
    head_timeout: Seconds = 10.0
    body_timeout: Seconds = 10.0
    answer_timeout: Seconds = 30.0
    drain_timeout: Seconds = 10.0
    stuck_after: Spell = 10.0
    longest_wait: Spell = 0.05
    connections_per_address: Annotated[int, Field(ge=0, le=1_000_000)] = 512


WhenExpired = Literal["serve", "on_request", "refuse"]

Buffer = Annotated[float, Field(ge=0, le=10)]
"""How many times what was probably sold since is taken off an old figure before it is shown."""


class ClassFreshness(Section):
    """How old figures of one stock class may grow; what is left out is as for all."""

    fresh_for: Seconds | None = None
    stale_for: Seconds | None = None
    when_expired: WhenExpired | None = None
    buffer: Buffer | None = None


class Freshness(Section):
    """How old figures may grow."""

    fresh_for: Seconds = 900.0
    stale_for: Seconds = 86400.0
    when_expired: WhenExpired = "serve"
    buffer: Buffer = 0.0
    classes: dict[str, ClassFreshness] = Field(default={})

    def of(self, stock_class: str) -> Freshness:
        """What holds for a class that has settings of its own."""
        given = self.classes[stock_class].model_dump(exclude_none=True)
        return self.model_copy(update=given)

    @property
    def buffers(self) -> bool:
        """Whether any figure is shown with a buffer, for which rates of sale must be learnt."""
        return any(one.buffer for one in (self, *(self.of(name) for name in self.classes)))

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


class Metrics(Section):
    """Where a loader tells its metrics."""

    host: str = "127.0.0.1"
    port: Port = 9180


class Loaders(Section):
    """How the loaders run; a held-back snapshot is kept if it has no more bytes than that."""

    spool_dir: Path | None = None
    keep_up_to: Annotated[ByteSize, Field(ge=0)] = ByteSize(1 << 30)
    metrics: Metrics | None = None


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
    tracing: Tracing | None = None
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
            wrong = misfit(feed, source)
            if wrong is not None:
                raise ValueError(f"feeds.{name}.{wrong}")
        for name, spans in self.spans.items():
            if spans.channel is not None and spans.channel not in self.channels:
                known = ", ".join(self.channels)
                msg = f"spans.{name}.channel: {spans.channel!r} is no channel; known: {known}"
                raise ValueError(msg)
        return self
