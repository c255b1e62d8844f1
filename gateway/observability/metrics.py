"""A worker's counters, in a registry of its own: `/metrics` shows them as Prometheus text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

MEDIA: Final = CONTENT_TYPE_LATEST

# From a near-cache's answer to a store's deadline, and what lies beyond it.
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5)


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
    seconds that the oldest waits; whether the ledger answers; holds in doubt that were settled.
    """

    unacknowledged: int
    oldest_age: float
    ledger_up: bool
    resolved: int


class Readings(msgspec.Struct, frozen=True):
    """What is read when someone looks, rather than counted as it happens.

    `replaced`: how many workers had this one's place before it, where it is one of several.
    """

    ready: Callable[[], bool]
    feeds: Callable[[], Mapping[str, FeedReading]]
    corrupt_values: Callable[[], int]
    promises: Callable[[], PromiseReading | None] = lambda: None
    events: Callable[[], Mapping[str, int]] = dict
    events_lost: Callable[[], int] = int
    confirmations: Callable[[], Mapping[str, int]] = dict
    replaced: int | None = None


class GatewayMetrics:
    """Counts requests and what went wrong; `readings` are taken at each scrape."""

    def __init__(self, readings: Readings) -> None:
        self.registry = CollectorRegistry()
        self._requests = _RequestsCollector()
        self.registry.register(self._requests)
        self.answered = self._requests.answered
        self.store_errors = Counter(
            "stockspan_store_errors",
            "Requests that failed because the store did not answer.",
            registry=self.registry,
        )
        self.unready = Counter(
            "stockspan_not_ready_answers",
            "Requests refused because the store is cold.",
            registry=self.registry,
        )
        self.unexpected = Counter(
            "stockspan_unexpected_errors",
            "Requests that failed in a way nobody foresaw.",
            registry=self.registry,
        )
        self.registry.register(_ReadingsCollector(readings))
        ProcessCollector(registry=self.registry)

    def text(self) -> bytes:
        """All of it as Prometheus reads it (`MEDIA`)."""
        return generate_latest(self.registry)


class _RequestsCollector(Collector):
    """Requests, counted in plain numbers: a worker has one thread, and nothing to lock."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}
        # Of each route how many fell between two bounds, and how long all took.
        self._fell: dict[str, list[int]] = {}
        self._took: dict[str, float] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. `route` and `method` must come from a short list, not from outside."""
        key = (route, method, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        fell = self._fell.get(route)
        if fell is None:
            fell = self._fell[route] = [0] * (len(_BUCKETS) + 1)
            self._took[route] = 0.0
        fell[bisect_left(_BUCKETS, seconds)] += 1
        self._took[route] += seconds

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "stockspan_http_requests", "Requests answered.", labels=("route", "method", "status")
        )
        for (route, method, status), count in self._counts.items():
            requests.add_metric((route, method, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily(
            "stockspan_http_request_seconds",
            "Time from the request's headers to its answer being ready.",
            labels=("route",),
        )
        bounds = [*map(floatToGoString, _BUCKETS), "+Inf"]
        for route, fell in self._fell.items():
            buckets = list(zip(bounds, accumulate(fell), strict=True))
            seconds.add_metric((route,), buckets, self._took[route])
        yield seconds


class _ReadingsCollector(Collector):
    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        ready = GaugeMetricFamily("stockspan_ready", "Whether stock can be answered: 1 or 0.")
        ready.add_metric((), float(self._readings.ready()))
        yield ready
        corrupt = CounterMetricFamily(
            "stockspan_corrupt_values", "Values read from the store that were not ours."
        )
        corrupt.add_metric((), self._readings.corrupt_values())
        yield corrupt
        events = CounterMetricFamily(
            "stockspan_events", "Events that this worker has seen, by kind.", labels=("kind",)
        )
        for kind, count in sorted(self._readings.events().items()):
            events.add_metric((kind,), count)
        yield events
        lost = CounterMetricFamily(
            "stockspan_events_lost", "Events that the journal has not got: too many waited."
        )
        lost.add_metric((), self._readings.events_lost())
        yield lost
        yield from _feed_metrics(self._readings.feeds())
        confirmations = CounterMetricFamily(
            "stockspan_confirmations",
            "Lines of checkouts that the ERP was to confirm, by what came of it.",
            labels=("outcome",),
        )
        for outcome, lines in sorted(self._readings.confirmations().items()):
            confirmations.add_metric((outcome,), lines)
        yield confirmations
        if self._readings.replaced is not None:
            replaced = CounterMetricFamily(
                "stockspan_worker_replaced", "Workers that had this one's place before it."
            )
            replaced.add_metric((), self._readings.replaced)
            yield replaced
        promises = self._readings.promises()
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
        "stockspan_feed_accuracy",
        "Share of the SKUs an audit looked at that were held as the ERP has them.",
        lambda feed: feed.accuracy,
    ),
    (
        "stockspan_feed_accuracy_low",
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
        gauge = GaugeMetricFamily(name, meaning, labels=("feed", "kind"))
        for feed, reading in sorted(feeds.items()):
            value = figure(reading)
            if value is not None:
                gauge.add_metric((feed, reading.kind), float(value))
        yield gauge
    drift = GaugeMetricFamily(
        "stockspan_feed_drift_records",
        "Records that the feed's last reconcile found missing, extra or differing.",
        labels=("feed", "kind", "how"),
    )
    for feed, reading in sorted(feeds.items()):
        for how, records in reading.drift.items():
            drift.add_metric((feed, reading.kind, how), records)
    yield drift


def plain_gauges(gauges: Iterable[tuple[str, str, float]]) -> Iterable[Metric]:
    """Gauges without labels, of name, meaning and value."""
    for name, meaning, value in gauges:
        gauge = GaugeMetricFamily(name, meaning)
        gauge.add_metric((), float(value))
        yield gauge


def _promise_metrics(promises: PromiseReading) -> Iterable[Metric]:
    gauges = (
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
    )
    yield from plain_gauges(gauges)
    resolved = CounterMetricFamily(
        "stockspan_holds_resolved", "Holds in doubt that were settled by the ledger."
    )
    resolved.add_metric((), promises.resolved)
    yield resolved
