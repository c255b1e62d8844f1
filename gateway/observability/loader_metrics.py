"""A loader's counters: whether it leads, what its syncs brought, and what failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from prometheus_client import Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.observability.families import build, counters, events, gauge, registry

# From a delta of a few rows to the snapshot of a large shop.
_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900)


class Sync(msgspec.Struct, frozen=True):
    """One sync of a feed that came to its end: which `mode` it was (`snapshot`, `reconcile`,
    `delta` or `refresh`), how long it took, and its records by what became of them.
    """

    feed: str
    mode: str
    seconds: float
    applied: bool
    records: Mapping[str, int]


class LoaderReadings(msgspec.Struct, frozen=True):
    """Where a loader's figures are read; `failures` by feed."""

    leads: Callable[[], bool]
    failures: Callable[[], Mapping[str, int]]
    events: Callable[[], Mapping[str, int]]
    events_lost: Callable[[], int]


class LoaderMetrics:
    """Counts syncs; `readings` are taken at each scrape."""

    def __init__(self, readings: LoaderReadings) -> None:
        self._registry = registry()
        self._syncs = Counter(
            "stockspan_syncs",
            "Syncs that came to their end, by whether they took effect.",
            ("feed", "mode", "outcome"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "stockspan_sync_duration_seconds",
            "Time from a sync's beginning until it was written.",
            ("feed", "mode"),
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self._records = Counter(
            "stockspan_sync_records",
            "Records of syncs, by what became of them.",
            ("feed", "outcome"),
            registry=self._registry,
        )
        self._registry.register(_LoaderCollector(readings))

    def synced(self, sync: Sync) -> None:
        """Count one sync."""
        outcome = "applied" if sync.applied else "refused"
        self._syncs.labels(sync.feed, sync.mode, outcome).inc()
        self._seconds.labels(sync.feed, sync.mode).observe(sync.seconds)
        for what, count in sync.records.items():
            self._records.labels(sync.feed, what).inc(count)

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self._registry)


class _LoaderCollector(Collector):
    def __init__(self, readings: LoaderReadings) -> None:
        self._readings = readings

    def collect(self) -> Iterable[Metric]:
        readings = self._readings
        yield build()
        yield gauge(
            "stockspan_loader_leading",
            "Whether this loader leads: 1, or 0 while it stands by.",
            readings.leads(),
        )
        yield counters(
            "stockspan_sync_failures",
            "Syncs that failed on the way; each try counts.",
            "feed",
            readings.failures(),
        )
        yield from events(readings.events(), readings.events_lost())
