"""The kinds of events: their words, how grave they can be, and what is to be known of a kind."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How grave an event is, the least first."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    def at_least(self, other: Severity) -> bool:
        """Whether this is as grave, or graver."""
        order = list(Severity)
        return order.index(self) >= order.index(other)


class EventKind(StrEnum):
    """What happened; the value is the word everywhere."""

    FEED_FAILED = "feed.failed"
    FEED_RECOVERED = "feed.recovered"
    FEED_QUARANTINED = "feed.quarantined"
    FEED_RELEASED = "feed.released"
    FEED_DISCARDED = "feed.discarded"
    FEED_ROWS_REJECTED = "feed.rows_rejected"
    FEED_LOST = "feed.lost"
    FEED_DRIFT = "feed.drift"
    FEED_STEADY = "feed.steady"
    FEED_WAITS = "feed.waits"
    FEED_CAUGHT_UP = "feed.caught_up"
    REFRESH_FAILED = "refresh.failed"
    REFRESH_RECOVERED = "refresh.recovered"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_CLOSED = "breaker.closed"
    LEADER_CHANGED = "leader.changed"
    STORE_UNREACHABLE = "store.unreachable"
    STORE_BACK = "store.back"
    STORE_COLD = "store.cold"
    STORE_WARM = "store.warm"
    LEDGER_UNREACHABLE = "ledger.unreachable"
    LEDGER_BACK = "ledger.back"
    DATA_EXPIRED = "data.expired"
    DATA_FRESH = "data.fresh"
    ORDER_UNACKNOWLEDGED = "order.unacknowledged"
    ORDER_ACKNOWLEDGED = "order.acknowledged"
    HOLDS_DAMAGED = "holds.damaged"
    WORKER_DIED = "worker.died"
    WORKER_STUCK = "worker.stuck"
    WORKER_FAILING = "worker.failing"
    WORKER_STEADY = "worker.steady"
    JOURNAL_OVERFLOWED = "journal.overflowed"
    ALERT_UNDELIVERED = "alert.undelivered"
    ALERT_DELIVERED = "alert.delivered"
    ALERT_LOST = "alert.lost"


class Meaning(msgspec.Struct, frozen=True):
    """What is to be known of a kind.

    `says` is its log line; `subject` names what an event of it is about. `ends`: the kind that it
    brings to an end, for the same subject. `advice` is for who reads an alert, `page` the docs.
    """

    severity: Severity
    says: str
    subject: str
    advice: str = ""
    page: str = "docs/running.md"
    ends: EventKind | None = None
