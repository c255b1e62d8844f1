"""What is asked of the journal of events: the newest, of a kind, so grave, since a moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

import msgspec

from gateway.observability.events import Event, EventKind, Severity
from gateway.store.event_journal import Entry

MOST: Final = 1000
AS_SHIPPED: Final = 100


class NewestFirst(Protocol):
    """Where events are read."""

    def newest(self) -> AsyncIterator[Entry]:
        """Every event, newest first."""


class EventFilter(msgspec.Struct, frozen=True):
    """Which events are asked for, and how many at most; None is any."""

    kind: EventKind | None = None
    severity: Severity | None = None
    since_ms: int | None = None
    limit: int = AS_SHIPPED

    def passes(self, event: Event) -> bool:
        """Whether the event is one of them."""
        return (
            (self.kind is None or event.kind == self.kind)
            and (self.severity is None or event.meaning.severity.at_least(self.severity))
            and (self.since_ms is None or event.at_ms >= self.since_ms)
        )


async def newest_events(journal: NewestFirst, wanted: EventFilter) -> Sequence[Event]:
    """Those that pass, newest first.

    The whole journal may be read: an event that waited for the store is newer there than it is.

    Raises:
        StoreUnavailableError: the store did not answer.
    """
    found: list[Event] = []
    async for entry in journal.newest():
        if entry.event is not None and wanted.passes(entry.event):
            found.append(entry.event)
            if len(found) >= wanted.limit:
                break
    return found
