"""`GET /ops/journal`: what happened, for operators alone."""

from __future__ import annotations

import pytest

from gateway.observability.events import Event, EventKind
from tests.gateway_server import ALL, EXACT, NOON_MS, OPS, Gateway


async def append(gateway: Gateway, *events: tuple[EventKind, int]) -> None:
    await gateway.parts.event_journal.append(
        [
            Event(f"e{place}", kind, at_ms, "stock", {"reason": "gone"}, "loaders a:1")
            for place, (kind, at_ms) in enumerate(events)
        ]
    )


async def test_events_are_shown_newest_first(gateway: Gateway) -> None:
    assert (await gateway.ask("/ops/journal", key=OPS)).json == {"events": []}
    await append(gateway, (EventKind.FEED_FAILED, NOON_MS), (EventKind.FEED_RECOVERED, NOON_MS))
    answer = await gateway.ask("/ops/journal", key=ALL)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert [event["kind"] for event in answer.json["events"]] == ["feed.recovered", "feed.failed"]
    assert answer.json["events"][1] == {
        "id": "e0",
        "at": "2026-11-21T10:00:00Z",
        "kind": "feed.failed",
        "severity": "error",
        "subject": "stock",
        "details": {"reason": "gone"},
        "source": "loaders a:1",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=feed.failed", ["e0"]),
        ("severity=warning", ["e1", "e0"]),
        ("severity=info&limit=1", ["e2"]),
        ("since=2026-11-21T10:00:01Z", ["e2", "e1"]),
        ("since=2026-11-21T11:00:01%2B01:00&severity=error", []),
        ("utm_source=x&limit=2", ["e2", "e1"]),
    ],
)
async def test_what_is_asked_for_is_shown(gateway: Gateway, query: str, found: list[str]) -> None:
    await append(
        gateway,
        (EventKind.FEED_FAILED, NOON_MS),
        (EventKind.FEED_DRIFT, NOON_MS + 1000),
        (EventKind.FEED_RECOVERED, NOON_MS + 2000),
    )
    answer = await gateway.ask(f"/ops/journal?{query}", key=OPS)
    assert [event["id"] for event in answer.json["events"]] == found


async def test_what_is_wrong_is_named(gateway: Gateway) -> None:
    query = "kind=moon&severity=bad&since=noon&limit=0"
    answer = await gateway.ask(f"/ops/journal?{query}", key=OPS)
    assert (answer.status, answer.json["type"]) == (400, "/problems/invalid-request")
    assert [error["field"] for error in answer.json["errors"]] == [
        "kind",
        "severity",
        "since",
        "limit",
    ]
    assert "feed.failed" in answer.json["errors"][0]["reason"]
    for limit in ("1001", "-1", "1.5", "²", "9" * 5000, ""):
        assert (await gateway.ask(f"/ops/journal?limit={limit}", key=OPS)).status == 400
    assert (await gateway.ask("/ops/journal?kind=feed.drift&kind=x", key=OPS)).status == 400


async def test_strangers_and_other_scopes_see_nothing(gateway: Gateway) -> None:
    assert (await gateway.ask("/ops/journal")).status == 401
    assert (await gateway.ask("/ops/journal", key="wrong")).status == 401
    answer = await gateway.ask("/ops/journal", key=EXACT)
    assert (answer.status, answer.json["detail"]) == (403, "The scope “ops” is missing.")


async def test_what_a_worker_saw_is_counted_by_kind(gateway: Gateway) -> None:
    gateway.parts.recorder.record(EventKind.STORE_UNREACHABLE, "store")
    text = (await gateway.ask("/metrics")).body.decode()
    assert 'stockspan_events_total{kind="store.unreachable"} 1.0' in text
    assert "stockspan_events_lost_total 0.0" in text
