"""What the loaders log of a sync: every rejected row with its reason, and nothing twice."""

from __future__ import annotations

from structlog.testing import capture_logs

from loaders.outcome import Outcome, Rejection
from loaders.reports import Reports


def rejection(line: int, reason: str = "must not be negative") -> Rejection:
    return Rejection("stock", line, {"sku": f"S{line}", "location": "W1"}, "quantity", "-1", reason)


def told(outcome: Outcome, reports: Reports) -> list[tuple[str, object]]:
    with capture_logs() as logs:
        reports.delta("stock", outcome)
    return [(log["action"], log.get("record")) for log in logs if log["log_level"] == "warning"]


def test_every_rejected_row_is_told_once_until_it_changes() -> None:
    reports = Reports()
    two = Outcome(quarantined=2, rejections=(rejection(1), rejection(2)))
    expected = [
        ("feed.quarantined", None),
        ("feed.row_rejected", "S1 W1"),
        ("feed.row_rejected", "S2 W1"),
    ]
    assert told(two, reports) == expected
    assert told(two, reports) == []
    assert told(Outcome(quarantined=1, rejections=(rejection(2),)), reports) == [
        ("feed.quarantined", None),
        ("feed.row_rejected", "S2 W1"),
    ]
    assert told(Outcome(accepted=1), reports) == []
    assert told(two, reports) == expected


def test_a_snapshot_without_effect_is_told_once_with_its_reason() -> None:
    reports = Reports()
    refused = Outcome(quarantined=9, reason="it is empty", applied=False)
    with capture_logs() as logs:
        reports.snapshot("stock", refused, 1)
        reports.snapshot("stock", refused, 1)
    assert [(log["action"], log["reason"]) for log in logs] == [("feed.held_back", "it is empty")]
