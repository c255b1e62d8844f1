"""Watches how old figures grow, and whether all that is loaded here can be answered.

Every worker watches; what all of them see alike is one event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from gateway.store.feeds import FeedState

_FIGURES: Final = frozenset({"stock", "prices"})
"""Kinds of feeds from which figures are told, each as old as its feed."""

_PATIENCE_MS: Final = 30_000
"""A store that fills up is not worth telling of; one that stays cold is."""


class FeedWatch:
    """Tells when figures expire, and when they are young again; when a store stays cold."""

    def __init__(self, recorder: Recorder, stale_for_ms: int, clock_ms: Callable[[], int]) -> None:
        self._recorder = recorder
        self._stale_for_ms = stale_for_ms
        self._clock_ms = clock_ms
        self._expired: dict[str, int] = {}
        self._cold_since_ms: int | None = None
        self._told_cold = False

    def look(self, feeds: Mapping[str, FeedState]) -> None:
        """Judge the ages of these feeds now."""
        now_ms = self._clock_ms()
        for name, state in feeds.items():
            if state.kind in _FIGURES and state.verified_through_ms is not None:
                self._judge(name, state.verified_through_ms, now_ms)
        for name in self._expired.keys() - feeds.keys():
            # Nobody loads it any more.
            self._recovered(name)

    def cold(self, waiting: tuple[str, ...]) -> None:
        """These feeds keep something from being answered; none: nothing was ever loaded."""
        now_ms = self._clock_ms()
        if self._cold_since_ms is None:
            self._cold_since_ms = now_ms
        if not self._told_cold and now_ms - self._cold_since_ms >= _PATIENCE_MS:
            self._told_cold = True
            feeds = ", ".join(waiting) or "none was ever loaded"
            self._recorder.record(EventKind.STORE_COLD, "store", feeds=feeds)

    def warm(self) -> None:
        """All can be answered."""
        self._cold_since_ms = None
        if self._told_cold:
            self._recorder.record(EventKind.STORE_WARM, "store")
        self._told_cold = False

    def _judge(self, name: str, verified_ms: int, now_ms: int) -> None:
        if now_ms - verified_ms <= self._stale_for_ms:
            if name in self._expired:
                self._recovered(name)
        elif name not in self._expired:
            self._expired[name] = verified_ms
            hours = f"{(now_ms - verified_ms) / 3_600_000:.1f} h"
            once = f"{name}/{verified_ms}"
            self._recorder.record(EventKind.DATA_EXPIRED, name, once=once, age=hours)

    def _recovered(self, name: str) -> None:
        once = f"{name}/{self._expired.pop(name)}"
        self._recorder.record(EventKind.DATA_FRESH, name, once=once)
