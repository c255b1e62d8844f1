"""What a worker has to do and what it refused, as `/metrics` shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.observability.families import counters, gauges


class Load(msgspec.Struct, frozen=True):
    """Requests let in and refused so far, by rank; connections, requests under way and waiting now.

    So many may wait before the first is refused (`room`), so many are begun at a time (`pace`); the
    event loop was late by `lag` seconds of late.
    """

    admitted: Mapping[str, int]
    shed: Mapping[str, int]
    connections: int
    under_way: int
    waiting: int
    room: int
    pace: int
    lag: float


class LoadCollector(Collector):
    """Reads the load at each scrape."""

    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load

    def collect(self) -> Iterable[Metric]:
        """Counters by rank, and gauges."""
        load = self._load()
        yield counters(
            "stockspan_admitted_requests", "Requests that were begun.", "rank", load.admitted
        )
        yield counters(
            "stockspan_shed_requests", "Requests refused for lack of time.", "rank", load.shed
        )
        yield from gauges(
            (
                ("stockspan_connections", "Connections that are open.", load.connections),
                ("stockspan_requests_under_way", "Requests begun and not ended.", load.under_way),
                ("stockspan_requests_waiting", "Requests that wait to be begun.", load.waiting),
                (
                    "stockspan_requests_room",
                    "Requests that may wait before the first is refused, as far as can be told.",
                    load.room,
                ),
                (
                    "stockspan_requests_begun_at_once",
                    "Requests that are begun within two milliseconds at most.",
                    load.pace,
                ),
                (
                    "stockspan_loop_lag_seconds",
                    "How late the event loop was at the worst, of late.",
                    load.lag,
                ),
            )
        )
