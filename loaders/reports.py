"""What the loaders log and count of a sync; every event names its action.

A delta every second would say the same every second: what was said last of a feed is not
repeated until it changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog

from gateway.observability.events import EventKind
from gateway.observability.loader_metrics import Sync
from gateway.observability.recorder import Recorder
from gateway.store.feeds import Drift
from loaders.outcome import Outcome, Rejection

_log = structlog.get_logger(__name__)


class Reports:
    """Writes one line about a sync where there is something to say."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.count: Callable[[Sync], None] = lambda _: None
        """Is told of every sync that came to its end."""
        self.failures: Counter[str] = Counter()
        """Syncs that failed on the way, by feed."""
        self._rejected: dict[str, tuple[object, ...]] = {}

    def refused(self, feed: str, outcome: Outcome) -> None:
        """A push that would have been its feed's first had no effect; its sender was told."""
        _log.info(
            "snapshot without effect", action="feed.refused", feed=feed, reason=outcome.reason
        )

    def snapshot(self, feed: str, outcome: Outcome, took_ms: int) -> None:
        """What became of a snapshot; of one without effect the feed's own events tell."""
        self.count(_sync(feed, outcome, "snapshot", took_ms))
        if not outcome.applied:
            return
        if outcome.drift is not None:
            self._reconciled(feed, outcome.drift, took_ms)
            self._quarantined(feed, outcome)
            return
        told = {} if outcome.reason is None else {"reason": outcome.reason}
        if outcome.unknown_fields:
            told["unknown_fields"] = ", ".join(sorted(outcome.unknown_fields))
        _log.info(
            "snapshot taken",
            action="feed.snapshot",
            feed=feed,
            accepted=outcome.accepted,
            ignored=outcome.ignored,
            quarantined=outcome.quarantined,
            removed=outcome.removed,
            seconds=round(took_ms / 1000, 1),
            **told,
        )
        self._quarantined(feed, outcome)

    def delta(self, feed: str, outcome: Outcome, took_ms: int, mode: str = "delta") -> None:
        """What became of a delta, or of a `refresh`; that all went well is no news."""
        self.count(_sync(feed, outcome, mode, took_ms))
        _log.debug(
            "delta taken",
            action="feed.delta",
            feed=feed,
            accepted=outcome.accepted,
            ignored=outcome.ignored,
        )
        self._quarantined(feed, outcome)

    def _reconciled(self, feed: str, drift: Drift, took_ms: int) -> None:
        _log.info(
            "feed compared with the ERP",
            action="feed.reconciled",
            feed=feed,
            **drift.counts(),
            seconds=round(took_ms / 1000, 1),
        )

    def _quarantined(self, feed: str, outcome: Outcome) -> None:
        if not outcome.rejections:
            self._rejected.pop(feed, None)
            return
        said = tuple((row.key, row.field, row.value) for row in outcome.rejections)
        if self._rejected.get(feed) != said:
            self._recorder.record(
                EventKind.FEED_ROWS_REJECTED,
                feed,
                rows=outcome.quarantined,
                told=len(outcome.rejections),
                first=_first(outcome.rejections[0]),
            )
            for row in outcome.rejections:
                _log.warning(
                    "row rejected",
                    action="feed.row_rejected",
                    feed=feed,
                    line=row.line,
                    record=" ".join(row.key.values()),
                    field=row.field,
                    value=row.value,
                    reason=row.reason,
                )
        self._rejected[feed] = said


def _sync(feed: str, outcome: Outcome, mode: str, took_ms: int) -> Sync:
    records = {
        "accepted": outcome.accepted,
        "ignored": outcome.ignored,
        "quarantined": outcome.quarantined,
        "removed": outcome.removed,
    }
    mode = mode if outcome.drift is None else "reconcile"
    return Sync(feed, mode, took_ms / 1000, outcome.applied, records)


def _first(row: Rejection) -> str:
    return f"{row.field} {row.reason}" if row.field else row.reason
