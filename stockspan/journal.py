"""`stockspan journal`: what happened, for an operator."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.table import Column, Table
from rich.text import Text

from gateway.config.settings import Settings
from gateway.observability.events import Event, Severity
from gateway.services.event_lookups import EventFilter, newest_events
from gateway.store.client import StoreClient
from gateway.store.event_journal import EventJournal
from gateway.store.keys import Keyspace
from gateway.wiring.connections import clock_ms
from stockspan.failure import Failure

_STORE_SECONDS: Final = 2.0
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_COLOURS: Final = {Severity.WARNING: "yellow", Severity.ERROR: "red"}


async def shown(settings: Settings, wanted: EventFilter) -> Table:
    """A row for each event, the newest first.

    Raises:
        StoreUnavailableError: the store did not answer.
    """
    store = settings.store
    # An operator has more time than a request.
    deadline = max(store.timeout, _STORE_SECONDS)
    client = StoreClient.connect(store.url, mode=store.mode, deadline=deadline)
    try:
        events = await newest_events(EventJournal(client, Keyspace(store.prefix)), wanted)
    finally:
        await client.close()
    table = Table(
        Column("at (UTC)", no_wrap=True), "severity", Column("kind", no_wrap=True), "subject"
    )
    table.add_column("details", ratio=1)
    table.add_column("seen by")
    for event in events:
        table.add_row(*_row(event))
    return table


def since_ms(text: str | None) -> int | None:
    """The moment that is meant, in milliseconds: `2h` ago, or a time with its offset.

    Raises:
        Failure: it is neither.
    """
    if text is None:
        return None
    ago = re.fullmatch(r"(\d{1,6})([mhd])", text)
    if ago is not None:
        spell = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return clock_ms() - int(spell.total_seconds() * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Failure(
            f"--since {text!r}: must be 30m, 2h or 7d, or a moment such as 2026-11-21T10:00:00Z"
        )
    return int(moment.timestamp() * 1000)


def _row(event: Event) -> tuple[str | Text, ...]:
    severity = event.meaning.severity
    at = datetime.fromtimestamp(event.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    details = ", ".join(f"{name}: {value}" for name, value in event.details.items())
    return (
        at,
        Text(severity.value, style=_COLOURS.get(severity, "")),
        _plain(event.kind),
        _plain(event.subject),
        _plain(details),
        _plain(event.source),
    )


def _plain(text: str) -> Text:
    """What an ERP or a stranger wrote is no markup, and no command to the terminal."""
    return Text("".join(c if c.isprintable() else " " for c in text))
