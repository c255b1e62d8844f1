"""What the loaders log of a sync: every rejected row with its reason, and nothing twice."""

from __future__ import annotations

from structlog.testing import capture_logs

from gateway.observability.recorder import Recorder
from loaders.outcome import Outcome, Rejection
from loaders.reports import Reports


def rejection(line: int, reason: str = "must not be negative") -> Rejection:
    return Rejection("stock", line, {"sku": f"S{line}", "location": "W1"}, "quantity", "-1", reason)


def told(outcome: Outcome, reports: Reports) -> list[tuple[str, object]]:
    with capture_logs() as logs:
        reports.delta("stock", outcome, 1)
    return [(log["action"], log.get("record")) for log in logs if log["log_level"] == "warning"]


def test_every_rejected_row_is_told_once_until_it_changes() -> None:
    reports = Reports(Recorder())
    two = Outcome(quarantined=2, rejections=(rejection(1), rejection(2)))
    expected = [
        ("feed.rows_rejected", None),
        ("feed.row_rejected", "S1 W1"),
        ("feed.row_rejected", "S2 W1"),
    ]
    assert told(two, reports) == expected
    assert told(two, reports) == []
    assert told(Outcome(quarantined=1, rejections=(rejection(2),)), reports) == [
        ("feed.rows_rejected", None),
        ("feed.row_rejected", "S2 W1"),
    ]
    assert told(Outcome(accepted=1), reports) == []
    assert told(two, reports) == expected


def test_a_push_that_was_refused_is_told_and_any_other_snapshot_by_its_feed() -> None:
    reports = Reports(Recorder())
    refused = Outcome(quarantined=9, reason="it is empty", applied=False)
    with capture_logs() as logs:
        reports.snapshot("stock", refused, 1)
        reports.refused("push:stock", refused)
    assert [(log["action"], log["reason"]) for log in logs] == [("feed.refused", "it is empty")]
