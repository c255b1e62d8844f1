"""What feeds and their sources are, and what does not go together in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from gateway.config.asked_section import AskedSource
from gateway.config.http_sections import (
    DeltaValue,
    HttpSource,
    JmesPath,
    NoPaging,
    Paging,
    Parameter,
    RelativePath,
)
from gateway.config.outbox_section import Outbox
from gateway.config.refresh_sections import SkuQuery
from gateway.config.section import Section
from gateway.config.values import PostgresDsn, Seconds, Spell, TimeOfDay, TimeZone
from gateway.domain.record_kinds import Kind

_HOUR: Final = 3600.0
_PASSING: Final = "order_acks"
_OF_HTTP: Final = ("path", "rows", "mapping", "paging", "delta_param", "delta_value", "sku_query")


class PostgresSource(AskedSource):
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
    outbox: Outbox | None = None
    delta_every: Seconds | None = None
    snapshot_every: Seconds = 21600.0
    snapshot_at: tuple[TimeOfDay, ...] | None = None
    timezone: TimeZone | None = None
    reconcile_every: Spell | None = None
    refresh: bool = True
    sku_query: SkuQuery | None = None
    guard: Guard = Guard()

    def reconciles_every(self, source: Source) -> float | None:
        """Seconds between two reconciles; None where there are none.

        Unasked only from a database, where it is one query: over HTTP it may be a thousand calls.
        """
        if self.reconcile_every is not None:
            return self.reconcile_every or None
        is_cheap = isinstance(source, PostgresSource) and self.follows
        return _HOUR if is_cheap and self.kind != _PASSING else None

    @property
    def follows(self) -> bool:
        """Whether it is kept new by deltas."""
        return self.delta_every is not None and self.watermark is not None


def misfit(feed: Feed, source: PostgresSource | HttpSource | FilesSource) -> str | None:
    """What a feed lacks, or has too much, for its source; None when they fit."""
    wrong = _mistimed(feed, source) or _misfit_of_outbox(feed, source)
    if wrong is not None:
        return wrong
    match source:
        case HttpSource():
            return _misfit_of_http(feed)
        case PostgresSource() if not feed.query:
            return "query: a feed from postgres needs a query"
        case PostgresSource() if not (feed.delta_every is None or feed.watermark or feed.outbox):
            return "watermark: delta_every needs the column that tells what is new, or an outbox"
        case _:
            too_much = next((name for name in _OF_HTTP if name in feed.model_fields_set), None)
            return too_much and f"{too_much}: is for feeds from http, not from {source.type}"


def _mistimed(feed: Feed, source: Source) -> str | None:
    if feed.snapshot_at and isinstance(source, FilesSource):
        return "snapshot_at: is not for feeds from files: each is read when its manifest is new"
    if not feed.reconcile_every:
        return None
    if not feed.follows or isinstance(source, FilesSource):
        return "reconcile_every: is for feeds with deltas (watermark and delta_every)"
    if feed.kind == _PASSING:
        return f"reconcile_every: {_PASSING} do not stay: there is nothing to compare with"
    return None


def _misfit_of_outbox(feed: Feed, source: Source) -> str | None:
    if feed.outbox is None:
        return None
    if not isinstance(source, PostgresSource):
        return f"outbox: is for feeds from postgres, not from {source.type}"
    if feed.watermark is not None:
        return "watermark: the outbox tells what is new; a feed has one of the two"
    if feed.delta_every is None:
        return "delta_every: an outbox needs it: how often to look there when no notice comes"
    return None


def _misfit_of_http(feed: Feed) -> str | None:
    if feed.query is not None:
        return "query: is for feeds from postgres; one from http has a mapping"
    if not feed.mapping:
        return "mapping: a feed from http needs one: where each field is in a row"
    if feed.sku_query is not None and feed.kind != "stock":
        return f"sku_query: is for feeds of stock, not of {feed.kind}"
    if feed.watermark is not None and feed.watermark not in feed.mapping:
        known = ", ".join(feed.mapping)
        return f"watermark: {feed.watermark!r} is none of the mapping's fields: {known}"
    if feed.delta_every is not None and (feed.watermark is None or feed.delta_param is None):
        return "delta_every: needs a watermark, and the delta_param that asks for what is newer"
    return None
