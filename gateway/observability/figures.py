"""Figures of a worker, read from its metrics as it tells them: for who wants to see few of them.

Workers tell each other their metrics anyway (`api.siblings`); what is read here and what Prometheus
reads cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")

REQUESTS: Final = "stockspan_http_requests_total"
BUCKETS: Final = "stockspan_http_request_seconds_bucket"
GAUGES: Final[Mapping[str, str]] = {
    "connections": "stockspan_connections",
    "under_way": "stockspan_requests_under_way",
    "waiting": "stockspan_requests_waiting",
    "lag": "stockspan_loop_lag_seconds",
    "replaced": "stockspan_worker_replaced_total",
    "memory": "process_resident_memory_bytes",
    "cpu": "process_cpu_seconds_total",
    "near_cache_entries": "stockspan_near_cache_entries",
    "near_cache_hits": "stockspan_near_cache_hits_total",
    "near_cache_misses": "stockspan_near_cache_misses_total",
}
"""What is told of a worker as one number: our word, and the metric."""

SHED: Final = "stockspan_shed_requests_total"
_WANTED: Final = frozenset({REQUESTS, BUCKETS, SHED, *GAUGES.values()})


class RouteFigures(msgspec.Struct, frozen=True):
    """Requests of a route so far: by status, and how many took no longer than each bound (seconds;
    the last is infinite).
    """

    by_status: Mapping[str, int]
    took: Mapping[str, int]


class WorkerFigures(msgspec.Struct, frozen=True):
    """A worker's requests by route, those it refused, and single numbers by the words of `GAUGES`.

    A number that the worker does not tell is left out.
    """

    routes: Mapping[str, RouteFigures]
    shed: int
    gauges: Mapping[str, float]


def figures(text: bytes) -> WorkerFigures:
    """What a worker's metrics say; lines that are no samples are passed over."""
    by_status: dict[str, dict[str, int]] = {}
    took: dict[str, dict[str, int]] = {}
    single: dict[str, float] = {}
    shed = 0
    for name, labels, value in _SAMPLE.findall(text.decode(errors="replace")):
        if name not in _WANTED:
            continue
        told = float(value)
        if name == REQUESTS:
            of = _labels(labels)
            statuses = by_status.setdefault(of["route"], {})
            statuses[of["status"]] = statuses.get(of["status"], 0) + int(told)
        elif name == BUCKETS:
            of = _labels(labels)
            took.setdefault(of["route"], {})[of["le"]] = int(told)
        elif name == SHED:
            shed += int(told)
        else:
            single[name] = told
    routes = {
        route: RouteFigures(statuses, took.get(route, {})) for route, statuses in by_status.items()
    }
    return WorkerFigures(
        routes, shed, {word: single[name] for word, name in GAUGES.items() if name in single}
    )


def added(routes: Iterable[Mapping[str, RouteFigures]]) -> Mapping[str, RouteFigures]:
    """The routes of several workers as one."""
    by_status: dict[str, dict[str, int]] = {}
    took: dict[str, dict[str, int]] = {}
    for of_worker in routes:
        for route, of in of_worker.items():
            _add(by_status.setdefault(route, {}), of.by_status)
            _add(took.setdefault(route, {}), of.took)
    return {route: RouteFigures(by_status[route], took[route]) for route in by_status}


def _add(sums: dict[str, int], more: Mapping[str, int]) -> None:
    for key, count in more.items():
        sums[key] = sums.get(key, 0) + count


def _labels(text: str) -> dict[str, str]:
    return {name: _ESCAPED.sub(r"\1", value) for name, value in _LABEL.findall(text)}
