"""The vocabulary: complete, consistent, and the docs say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.observability.events import LASTING, MEANINGS, Event, EventKind, Severity, event

ROOT = Path(__file__).parents[3]


def test_every_kind_has_a_meaning_and_what_is_told_of_has_advice() -> None:
    assert set(MEANINGS) == set(EventKind)
    for kind, meaning in MEANINGS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", kind)
        assert (meaning.severity is Severity.INFO) == (not meaning.advice), kind
        assert (ROOT / meaning.page).is_file()


def test_an_end_is_no_alarm_and_ends_one_about_the_same_subject() -> None:
    assert EventKind.FEED_FAILED in LASTING
    for kind, meaning in MEANINGS.items():
        if meaning.ends is not None:
            assert meaning.severity is Severity.INFO, kind
            assert MEANINGS[meaning.ends].subject == meaning.subject, kind
            assert MEANINGS[meaning.ends].severity is not Severity.INFO, kind


def test_the_docs_have_the_same_table() -> None:
    text = (ROOT / "docs" / "running.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| `([a-z_.]+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", text)
    told = {row[0]: row[1:] for row in rows}
    assert told == {
        kind.value: (
            meaning.severity.value,
            meaning.says,
            "" if meaning.ends is None else f"`{meaning.ends}`",
        )
        for kind, meaning in MEANINGS.items()
    }


def test_severities_are_ordered() -> None:
    assert Severity.ERROR.at_least(Severity.WARNING)
    assert Severity.WARNING.at_least(Severity.WARNING)
    assert not Severity.INFO.at_least(Severity.WARNING)


@pytest.mark.parametrize("name", ["password", "erp_dsn", "api_key", "Url"])
def test_what_is_named_like_a_secret_is_struck_out(name: str) -> None:
    told = event(
        "1", EventKind.FEED_FAILED, 1, "stock", {name: "hunter2", "reason": "gone"}, "here"
    )
    assert told.details == {name: "[hidden]", "reason": "gone"}


def test_texts_are_short_and_can_be_written_down() -> None:
    told = event(
        "1", EventKind.FEED_FAILED, 1, "s" * 999, {"reason": "\udcff" + "r" * 9999}, "here"
    )
    assert len(told.subject) == 128
    assert len(told.details["reason"]) == 400
    assert told.details["reason"].encode().startswith(b"?rrr")


def test_a_kind_of_another_version_happened_at_least() -> None:
    meaning = Event("1", "moon.fell", 1, "moon").meaning
    assert (meaning.severity, meaning.says, meaning.ends) == (Severity.INFO, "moon.fell", None)
