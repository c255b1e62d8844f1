"""Metrics as Prometheus knows them: a name, what it means, and samples by labels.

Names end in their unit (`_seconds`, `_bytes`, `_ratio`), counters besides in `_total`, which the
library adds. docs/metrics.md lists them all, and is checked against what is served.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric


def registry() -> CollectorRegistry:
    """A registry with what is to be known of this process."""
    # When a counter began is of no use to anybody here, and doubles what is to be read.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no types for it
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    return made


def gauge(name: str, meaning: str, value: float) -> Metric:
    """A gauge without labels."""
    family = GaugeMetricFamily(name, meaning)
    family.add_metric((), float(value))
    return family


def counter(name: str, meaning: str, value: float) -> Metric:
    """A counter without labels."""
    family = CounterMetricFamily(name, meaning)
    family.add_metric((), value)
    return family


def counters(name: str, meaning: str, label: str, counts: Mapping[str, float]) -> Metric:
    """A counter for each value of one label, in their order."""
    family = CounterMetricFamily(name, meaning, labels=(label,))
    for value, count in sorted(counts.items()):
        family.add_metric((value,), count)
    return family


def gauges(rows: Iterable[tuple[str, str, float]]) -> Sequence[Metric]:
    """Gauges without labels, of name, meaning and value."""
    return [gauge(name, meaning, value) for name, meaning, value in rows]


def events(counts: Mapping[str, int], lost: int) -> Sequence[Metric]:
    """What a process has recorded, and what of it the journal has not got."""
    return (
        counters("stockspan_events", "Events that this process has seen, by kind.", "kind", counts),
        counter(
            "stockspan_events_lost", "Events that the journal has not got: too many waited.", lost
        ),
    )


def build() -> Metric:
    """Which version this is, as a gauge that is always 1."""
    try:
        ours = version("stockspan")
    except PackageNotFoundError:  # run from a folder that was not installed
        ours = "unknown"
    family = GaugeMetricFamily(
        "stockspan_build_info", "Version of Stockspan and of Python.", labels=("version", "python")
    )
    family.add_metric((ours, platform.python_version()), 1.0)
    return family
