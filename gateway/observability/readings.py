"""What is measured when someone looks, rather than counted as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.observability.families import build, counter, counters, events, gauge, gauges


class FeedReading(msgspec.Struct, frozen=True):
    """What is worth measuring of a feed: seconds since it was verified (None: never).

    `shut`: its breaker keeps its source from being asked; `held_back`: a snapshot waits for people;
    `drift`: the records that its last reconcile found wrong, by how they were. Of the `audited`
    SKUs so large a share is right, and of all no less than `accuracy_low`, as far as can be told.
    """

    kind: str
    age: float | None
    failing: bool
    shut: bool
    held_back: bool
    drift: Mapping[str, int] = {}
    accuracy: float | None = None
    accuracy_low: float | None = None
    audited: int | None = None


class PromiseReading(msgspec.Struct, frozen=True):
    """What is worth measuring of promises: orders that the ERP has not acknowledged, with the
    seconds that the oldest waits and may wait; whether the ledger answers; holds in doubt that
    were settled.
    """

    unacknowledged: int
    oldest_age: float
    acknowledge_within: float
    ledger_up: bool
    resolved: int


class NearCacheReading(msgspec.Struct, frozen=True):
    """A worker's copies: whether any may be told now, how many there are, and the SKUs that were
    answered from them and that had to be looked up.
    """

    usable: bool
    entries: int
    hits: int
    misses: int


class Readings(msgspec.Struct, frozen=True):
    """Where a worker's figures are read.

    Figures are stale after `fresh_for` seconds and expired after `stale_for`, whatever their stock
    class has of its own. `replaced`: how many workers had this one's place before it, where it is
    one of several.
    """

    ready: Callable[[], bool]
    feeds: Callable[[], Mapping[str, FeedReading]]
    corrupt_values: Callable[[], int]
    promises: Callable[[], PromiseReading | None] = lambda: None
    events: Callable[[], Mapping[str, int]] = dict
    events_lost: Callable[[], int] = int
    confirmations: Callable[[], Mapping[str, int]] = dict
    store_up: Callable[[], bool] = bool
    near_cache: Callable[[], NearCacheReading] = lambda: NearCacheReading(False, 0, 0, 0)
    fresh_for: float = 0.0
    stale_for: float = 0.0
    replaced: int | None = None


class ReadingsCollector(Collector):
    """Takes the readings at each scrape."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        readings = self._readings
        yield build()
        yield from gauges(
            (
                ("stockspan_ready", "Whether stock can be answered: 1 or 0.", readings.ready()),
                ("stockspan_store_up", "Whether the store answers: 1 or 0.", readings.store_up()),
                (
                    "stockspan_fresh_for_seconds",
                    "Age up to which figures are fresh; older ones are stale.",
                    readings.fresh_for,
                ),
                (
                    "stockspan_stale_for_seconds",
                    "Age up to which figures are sold from; older ones have expired.",
                    readings.stale_for,
                ),
            )
        )
        yield counter(
            "stockspan_corrupt_values",
            "Values read from the store that were not ours.",
            readings.corrupt_values(),
        )
        yield from events(readings.events(), readings.events_lost())
        yield from _feed_metrics(readings.feeds())
        yield counters(
            "stockspan_confirmations",
            "Lines of checkouts that the ERP was to confirm, by what came of it.",
            "outcome",
            readings.confirmations(),
        )
        yield from _near_cache_metrics(readings.near_cache())
        if readings.replaced is not None:
            yield counter(
                "stockspan_worker_replaced",
                "Workers that had this one's place before it.",
                readings.replaced,
            )
        promises = readings.promises()
        if promises is not None:
            yield from _promise_metrics(promises)


_FEED_GAUGES: Final[Sequence[tuple[str, str, Callable[[FeedReading], float | None]]]] = (
    (
        "stockspan_feed_verified_age_seconds",
        "Age of what a feed last verified; absent until it was loaded.",
        lambda feed: feed.age,
    ),
    (
        "stockspan_feed_failing",
        "Whether a feed's last sync failed: 1 or 0.",
        lambda feed: feed.failing,
    ),
    (
        "stockspan_feed_breaker_open",
        "Whether a feed's source is asked no more, or only now and then: 1 or 0.",
        lambda feed: feed.shut,
    ),
    (
        "stockspan_feed_held_back",
        "Whether a snapshot of the feed waits to be released or discarded: 1 or 0.",
        lambda feed: feed.held_back,
    ),
    (
        "stockspan_feed_accuracy_ratio",
        "Share of the SKUs an audit looked at that were held as the ERP has them.",
        lambda feed: feed.accuracy,
    ),
    (
        "stockspan_feed_accuracy_low_ratio",
        "The share of all SKUs above which it lies with 97.5 % certainty.",
        lambda feed: feed.accuracy_low,
    ),
    (
        "stockspan_feed_audited_skus",
        "How many SKUs that is of: the last ones, a thousand at most.",
        lambda feed: feed.audited,
    ),
)


def _feed_metrics(feeds: Mapping[str, FeedReading]) -> Iterable[Metric]:
    for name, meaning, figure in _FEED_GAUGES:
        family = GaugeMetricFamily(name, meaning, labels=("feed", "kind"))
        for feed, reading in sorted(feeds.items()):
            value = figure(reading)
            if value is not None:
                family.add_metric((feed, reading.kind), float(value))
        yield family
    drift = GaugeMetricFamily(
        "stockspan_feed_drift_records",
        "Records that the feed's last reconcile found missing, extra or differing.",
        labels=("feed", "kind", "how"),
    )
    for feed, reading in sorted(feeds.items()):
        for how, records in reading.drift.items():
            drift.add_metric((feed, reading.kind, how), records)
    yield drift


def _near_cache_metrics(reading: NearCacheReading) -> Iterable[Metric]:
    yield gauge(
        "stockspan_near_cache_usable",
        "Whether copies of answers may be told: the change channel is heard. 1 or 0.",
        reading.usable,
    )
    yield gauge("stockspan_near_cache_entries", "SKUs of which answers are kept.", reading.entries)
    yield counter(
        "stockspan_near_cache_hits", "SKUs that strangers were told from copies.", reading.hits
    )
    yield counter(
        "stockspan_near_cache_misses",
        "SKUs that strangers asked for and that were looked up.",
        reading.misses,
    )


def _promise_metrics(promises: PromiseReading) -> Iterable[Metric]:
    yield from gauges(
        (
            ("stockspan_ledger_up", "Whether the ledger answers: 1 or 0.", promises.ledger_up),
            (
                "stockspan_orders_unacknowledged",
                "Confirmed orders that the ERP has not acknowledged.",
                promises.unacknowledged,
            ),
            (
                "stockspan_orders_unacknowledged_age_seconds",
                "For how long the oldest of them waits; 0 where none does.",
                promises.oldest_age,
            ),
            (
                "stockspan_acknowledge_within_seconds",
                "For how long an order may wait before it is overdue.",
                promises.acknowledge_within,
            ),
        )
    )
    yield counter(
        "stockspan_holds_resolved",
        "Holds in doubt that were settled by the ledger.",
        promises.resolved,
    )
