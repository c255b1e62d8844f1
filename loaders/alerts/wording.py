"""What people read in an alert, and what machines do.

A letter says what and where in its subject; then what happened, since when, and what to do. Texts
of events are one line here, whatever they hold: they come from ERPs and strangers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.observability.alerts import Alert

_LONGEST: Final = 120


def subject(alert: Alert) -> str:
    """One line: how grave, what, and where."""
    meaning = alert.event.meaning
    head = "over" if alert.over else meaning.severity.value
    text = f"[stockspan] {head}: {meaning.says}: {_line(alert.event.subject)}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def text(alert: Alert) -> str:
    """The letter."""
    event, meaning = alert.event, alert.event.meaning
    lines = [f"{_sentence(meaning.says)}.", ""]
    told: dict[str, str] = {meaning.subject or "about": event.subject, **event.details}
    if not alert.over:
        told["since"] = _moment(alert.since_ms)
        if alert.times > 1:
            told["seen"] = f"{alert.times} times, last at {_moment(event.at_ms)}"
    else:
        told["began"] = _moment(alert.since_ms)
        told["over since"] = _moment(event.at_ms)
    lines += [f"{name + ':':<14} {_line(value)}" for name, value in told.items()]
    if meaning.advice and not alert.over:
        lines += ["", "What to do", meaning.advice, f"More in {meaning.page}."]
    lines += [
        "",
        f"Told by the rule {alert.rule}; seen by {event.source or 'nobody in particular'}.",
        f"Alert {alert.id}: should it come twice, it has the same number.",
        "",
    ]
    return "\n".join(lines)


def shape(alert: Alert) -> Mapping[str, Any]:
    """The alert for machines, ready for JSON."""
    event, meaning = alert.event, alert.event.meaning
    return {
        "id": alert.id,
        "state": "over" if alert.over else "firing",
        "kind": event.kind,
        "severity": meaning.severity.value,
        "subject": event.subject,
        "summary": subject(alert),
        "details": dict(event.details),
        "since": _moment(alert.since_ms),
        "at": _moment(event.at_ms),
        "times": alert.times,
        "rule": alert.rule,
        "source": event.source,
        "advice": meaning.advice,
        "docs": meaning.page,
    }


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def _line(value: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
