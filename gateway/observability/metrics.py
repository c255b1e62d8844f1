"""A worker's counters, in a registry of its own: `/metrics` shows them as Prometheus text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from prometheus_client import Counter
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from gateway.observability.families import registry
from gateway.observability.readings import Readings, ReadingsCollector

MEDIA: Final = CONTENT_TYPE_LATEST

# From a near-cache's answer to a store's deadline, and on to a checkout that waits for the ERP.
_BUCKETS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.15, 0.25, 0.5, 1, 2.5, 5, 10),
)


class GatewayMetrics:
    """Counts requests and what went wrong; `readings` are taken at each scrape."""

    def __init__(self, readings: Readings) -> None:
        self.registry = registry()
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
        self.registry.register(ReadingsCollector(readings))

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
