"""The journal of events over HTTP, for operators: newest first, narrowed by what was asked."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from gateway.api.auth import Authentication
from gateway.api.fields import Query, Reading, parse_query
from gateway.api.moments import moment
from gateway.api.routes import JSON, Answer, Operation, Parameter, Route
from gateway.api.shapes import encode
from gateway.observability.events import Event, EventKind, Severity
from gateway.services.event_lookups import (
    AS_SHIPPED,
    MOST,
    EventFilter,
    NewestFirst,
    newest_events,
)

OPS: Final = "ops"

_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "private, no-store",
    hdrs.VARY: hdrs.AUTHORIZATION,
    hdrs.CONTENT_TYPE: JSON,
}
_NAMES: Final = ("kind", "severity", "since", "limit")

W = TypeVar("W", bound=StrEnum)


class EventShape(msgspec.Struct, frozen=True):
    """Something that happened; `at` by the clock of `source`, the process that saw it."""

    id: str
    at: datetime
    kind: str
    severity: str
    subject: str
    details: dict[str, str]
    source: str


class JournalShape(msgspec.Struct, frozen=True):
    """Events, the newest first."""

    events: list[EventShape]


JOURNAL: Final = Operation(
    "journal",
    "What happened",
    "operating",
    {200: Answer("Events, the newest first.", JournalShape)},
    description="The journal keeps the last 10,000 events (`journal.length`). Needs scope `ops`.",
    parameters=(
        Parameter(
            "kind",
            "query",
            "Only events of this kind.",
            {"type": "string", "enum": [kind.value for kind in EventKind]},
        ),
        Parameter(
            "severity",
            "query",
            "Only events that are at least so grave.",
            {"type": "string", "enum": [severity.value for severity in Severity]},
        ),
        Parameter(
            "since",
            "query",
            "Only events since this moment.",
            {"type": "string", "format": "date-time"},
        ),
        Parameter(
            "limit",
            "query",
            "How many at most.",
            {"type": "integer", "minimum": 1, "maximum": MOST, "default": AS_SHIPPED},
        ),
    ),
    problems=("invalid-request", "unauthorized", "forbidden", "store-unavailable"),
    callers=("key",),
)


class JournalHandlers:
    """Shows the journal."""

    def __init__(self, journal: NewestFirst, authentication: Authentication) -> None:
        self._journal = journal
        self._authentication = authentication

    def routes(self) -> tuple[Route, ...]:
        """What is served here."""
        return (Route("GET", "/ops/journal", self.journal, JOURNAL),)

    async def journal(self, request: web.Request) -> web.Response:
        """The events that were asked for."""
        self._authentication.require(request, OPS)
        wanted = event_filter(parse_query(request))
        events = await newest_events(self._journal, wanted)
        return web.Response(body=encode(JournalShape([*map(_shape, events)])), headers=_HEADERS)


def event_filter(query: Query) -> EventFilter:
    """Which events the address asks for.

    Raises:
        InvalidRequestError: some parameter is wrong or given twice; every one is named.
    """
    reading = Reading()
    given = reading.once(query, _NAMES)
    wanted = EventFilter(
        _word(reading, "kind", given.get("kind"), EventKind),
        _word(reading, "severity", given.get("severity"), Severity),
        reading.moment("since", given.get("since")),
        _limit(reading, given.get("limit")),
    )
    reading.finish()
    return wanted


def _word(reading: Reading, field: str, text: str | None, words: type[W]) -> W | None:
    if text is None:
        return None
    try:
        return words(text)
    except ValueError:
        reading.wrong(field, "must be one of " + ", ".join(words), text)
        return None


def _limit(reading: Reading, text: str | None) -> int:
    if text is None:
        return AS_SHIPPED
    # No longer than this, or int() itself would refuse it.
    if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MOST:
        return int(text)
    reading.wrong("limit", f"must be a whole number from 1 to {MOST}", text)
    return AS_SHIPPED


def _shape(event: Event) -> EventShape:
    return EventShape(
        event.id,
        moment(event.at_ms),
        event.kind,
        event.meaning.severity.value,
        event.subject,
        dict(event.details),
        event.source,
    )
