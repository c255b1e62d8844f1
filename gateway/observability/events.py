"""What happens and is worth telling of: one vocabulary for log lines, journal, metrics, alerts.

`MEANINGS` is the table: how grave each kind is, what it means, what to do about it, and which kind
it brings to an end. The docs' table (docs/running.md) is checked against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.observability.event_kinds import EventKind, Meaning, Severity
from gateway.observability.secrecy import struck

__all__ = ["LASTING", "MEANINGS", "Event", "EventKind", "Meaning", "Severity", "event", "meaning"]

_LONGEST_SUBJECT: Final = 128
_LONGEST_DETAIL: Final = 400

_FEEDS: Final = "docs/feeds.md"
_LOOK: Final = "`stockspan feed status` shows every feed."

MEANINGS: Final[Mapping[EventKind, Meaning]] = {
    EventKind.FEED_FAILED: Meaning(
        Severity.ERROR,
        "a feed fails",
        "feed",
        "What was loaded last is served meanwhile, and grows older; the loaders keep trying. See "
        f"to the source that the reason names. {_LOOK}",
        _FEEDS,
    ),
    EventKind.FEED_RECOVERED: Meaning(
        Severity.INFO, "a feed works again", "feed", ends=EventKind.FEED_FAILED
    ),
    EventKind.FEED_QUARANTINED: Meaning(
        Severity.ERROR,
        "a snapshot is held back",
        "feed",
        "Nothing of it has taken effect, and the last good records are served. Look at what the "
        "ERP delivers: if it is right, release it, else discard it (`stockspan feed`).",
        _FEEDS,
    ),
    EventKind.FEED_RELEASED: Meaning(
        Severity.INFO, "a snapshot is held back no more", "feed", ends=EventKind.FEED_QUARANTINED
    ),
    EventKind.FEED_DISCARDED: Meaning(
        Severity.INFO, "a snapshot was discarded", "feed", ends=EventKind.FEED_QUARANTINED
    ),
    EventKind.FEED_ROWS_REJECTED: Meaning(
        Severity.WARNING,
        "rows are rejected",
        "feed",
        "The last good record of each is served. The loaders' log has every row with its reason; "
        "put it right in the ERP or in the feed's query.",
        _FEEDS,
    ),
    EventKind.FEED_LOST: Meaning(
        Severity.WARNING,
        "pushed records were lost",
        "feed",
        "The store was emptied. What is pushed cannot be read again: push a snapshot.",
        _FEEDS,
    ),
    EventKind.FEED_DRIFT: Meaning(
        Severity.WARNING,
        "the store has drifted from the ERP",
        "feed",
        "What differed has been put right. Drift that comes back means that the feed's deltas "
        "miss changes: look at its watermark and overlap.",
        _FEEDS,
    ),
    EventKind.FEED_STEADY: Meaning(
        Severity.INFO, "the store agrees with the ERP again", "feed", ends=EventKind.FEED_DRIFT
    ),
    EventKind.FEED_WAITS: Meaning(
        Severity.WARNING,
        "changes wait for a long transaction of the ERP",
        "feed",
        "What committed after it began comes when it ends: see the ERP's pg_stat_activity.",
        _FEEDS,
    ),
    EventKind.FEED_CAUGHT_UP: Meaning(
        Severity.INFO, "changes wait no more", "feed", ends=EventKind.FEED_WAITS
    ),
    EventKind.REFRESH_FAILED: Meaning(
        Severity.WARNING,
        "figures cannot be confirmed",
        "feed",
        "Checkouts that ask for a confirmation are told the figure as it is held, and why. See to "
        "the source that the reason names.",
        _FEEDS,
    ),
    EventKind.REFRESH_RECOVERED: Meaning(
        Severity.INFO, "figures are confirmed again", "feed", ends=EventKind.REFRESH_FAILED
    ),
    EventKind.BREAKER_OPENED: Meaning(
        Severity.WARNING,
        "a source is left alone for a while",
        "source",
        "It failed or was too slow too often. It is probed, and used again as soon as it answers.",
        _FEEDS,
    ),
    EventKind.BREAKER_CLOSED: Meaning(
        Severity.INFO, "a source is used again", "source", ends=EventKind.BREAKER_OPENED
    ),
    EventKind.LEADER_CHANGED: Meaning(Severity.INFO, "another loader leads", "loaders"),
    EventKind.STORE_UNREACHABLE: Meaning(
        Severity.ERROR,
        "the store does not answer",
        "store",
        "Shops get last known answers or 503 until it is back; nothing is reserved. See to the "
        "Redis or Valkey at store.url: the processes find it again by themselves.",
    ),
    EventKind.STORE_BACK: Meaning(
        Severity.INFO, "the store answers again", "store", ends=EventKind.STORE_UNREACHABLE
    ),
    EventKind.STORE_COLD: Meaning(
        Severity.WARNING,
        "the store is not warm: not everything can be answered",
        "store",
        "503 `not-ready` until the feeds that are named have been loaded; the loaders fill an "
        f"empty store by themselves. {_LOOK}",
    ),
    EventKind.STORE_WARM: Meaning(
        Severity.INFO, "the store is warm: all can be answered", "store", ends=EventKind.STORE_COLD
    ),
    EventKind.LEDGER_UNREACHABLE: Meaning(
        Severity.ERROR,
        "the ledger does not answer",
        "ledger",
        "Figures and prices go on; nothing is reserved or confirmed until it is back. See to the "
        "PostgreSQL at ledger.dsn.",
    ),
    EventKind.LEDGER_BACK: Meaning(
        Severity.INFO, "the ledger answers again", "ledger", ends=EventKind.LEDGER_UNREACHABLE
    ),
    EventKind.DATA_EXPIRED: Meaning(
        Severity.ERROR,
        "a feed's figures have expired",
        "feed",
        "They are older than freshness.stale_for; what shops are told now is "
        f"freshness.when_expired. Bring the feed or its loader back. {_LOOK}",
    ),
    EventKind.DATA_FRESH: Meaning(
        Severity.INFO,
        "a feed's figures are young enough again",
        "feed",
        ends=EventKind.DATA_EXPIRED,
    ),
    EventKind.ORDER_UNACKNOWLEDGED: Meaning(
        Severity.WARNING,
        "the ERP has not acknowledged an order in time",
        "orders",
        "Its units stay taken until it does. See whether the order reached the ERP, and that a "
        "feed of order_acks or the acknowledge call tells of it. "
        "`stockspan reservations list --unacknowledged` shows all that wait.",
    ),
    EventKind.ORDER_ACKNOWLEDGED: Meaning(
        Severity.INFO, "no order is overdue any more", "orders", ends=EventKind.ORDER_UNACKNOWLEDGED
    ),
    EventKind.HOLDS_DAMAGED: Meaning(
        Severity.ERROR,
        "holds were damaged, and are made anew from the ledger",
        "store",
        "Something else writes in the store, or its disk is failing.",
    ),
    EventKind.WORKER_DIED: Meaning(
        Severity.WARNING,
        "a gateway worker died, and is replaced",
        "worker",
        "Requests that it had begun got no answer. Its log says why; SIGKILL with nothing in the "
        "log is mostly the kernel's, for want of memory.",
    ),
    EventKind.WORKER_STUCK: Meaning(
        Severity.WARNING,
        "a gateway worker stood still, and is replaced",
        "worker",
        "Its event loop did not turn for gateway.stuck_after. Its log has where it was.",
    ),
    EventKind.WORKER_FAILING: Meaning(
        Severity.ERROR,
        "a gateway worker dies again and again",
        "worker",
        "It is started again after growing pauses; the others answer meanwhile. Its log says why.",
    ),
    EventKind.WORKER_STEADY: Meaning(
        Severity.INFO, "a gateway worker goes on again", "worker", ends=EventKind.WORKER_FAILING
    ),
    EventKind.JOURNAL_OVERFLOWED: Meaning(
        Severity.WARNING,
        "events were lost while the store was away",
        "journal",
        "The log of the process that is named has them.",
    ),
    EventKind.ALERT_UNDELIVERED: Meaning(
        Severity.WARNING,
        "alerts cannot be delivered",
        "channel",
        "They are kept and tried again. See to the mail server or webhook of alerts.channels.",
    ),
    EventKind.ALERT_DELIVERED: Meaning(
        Severity.INFO, "alerts are delivered again", "channel", ends=EventKind.ALERT_UNDELIVERED
    ),
    EventKind.ALERT_LOST: Meaning(
        Severity.ERROR,
        "alerts were given up",
        "channel",
        "Too many could not be delivered; the journal has what they were about "
        "(`stockspan journal`). See to the mail server or webhook of alerts.channels.",
    ),
}

LASTING: Final = frozenset(one.ends for one in MEANINGS.values() if one.ends is not None)
"""Kinds that go on until another kind ends them."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened.

    `kind` is an `EventKind` of this version, or of the one that wrote it; `at_ms` are milliseconds
    since the epoch by the clock of `source`, the process that saw it. Events of one `id` are one.
    """

    id: str
    kind: str
    at_ms: int
    subject: str
    details: Mapping[str, str] = {}
    source: str = ""

    @property
    def meaning(self) -> Meaning:
        """What is known of its kind; of one of another version, that it happened."""
        return meaning(self.kind)


def event(
    id_: str, kind: EventKind, at_ms: int, subject: str, details: Mapping[str, object], source: str
) -> Event:
    """An event whose texts are short, and without what its name calls a secret."""
    told = {name: _short(value, _LONGEST_DETAIL) for name, value in struck(details).items()}
    return Event(id_, kind.value, at_ms, _short(subject, _LONGEST_SUBJECT), told, source)


def meaning(kind: str) -> Meaning:
    """What is known of a kind, whether it is one of this version or not."""
    try:
        return MEANINGS[EventKind(kind)]
    except ValueError:
        return Meaning(Severity.INFO, kind, "")


def _short(value: object, most: int) -> str:
    text = str(value)
    text = text if len(text) <= most else text[: most - 1] + "…"
    # A lone surrogate, out of a name on disk, could not be written down.
    return text.encode("utf-8", "replace").decode()
