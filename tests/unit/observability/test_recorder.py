"""Events on their way: logged once, kept until they are written, and what is lost is said."""

from __future__ import annotations

from structlog.testing import capture_logs

from gateway.observability.events import Event, EventKind
from gateway.observability.recorder import Recorder


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


def test_an_event_is_a_log_line_a_count_and_waits_with_its_own_time() -> None:
    now = [5]
    recorder = Recorder("loaders here:1", lambda: now[0])
    with capture_logs() as logs:
        recorder.record(EventKind.FEED_FAILED, "stock", reason="no connection", rows=3)
        now[0] = 9
        recorder.record(EventKind.FEED_RECOVERED, "stock")
    assert logs == [
        {
            "event": "a feed fails",
            "log_level": "error",
            "action": "feed.failed",
            "subject": "stock",
            "reason": "no connection",
            "rows": 3,
        },
        {
            "event": "a feed works again",
            "log_level": "info",
            "action": "feed.recovered",
            "subject": "stock",
        },
    ]
    failed, recovered = recorder.waiting(10)
    assert (failed.at_ms, recovered.at_ms) == (5, 9)
    assert failed.details == {"reason": "no connection", "rows": "3"}
    assert failed.source == "loaders here:1"
    assert failed.id != recovered.id
    assert recorder.counts == {EventKind.FEED_FAILED: 1, EventKind.FEED_RECOVERED: 1}


def test_what_several_see_has_one_id_and_what_one_sees_its_own() -> None:
    one, other = Recorder(), Recorder()
    for recorder in (one, other):
        recorder.record(EventKind.DATA_EXPIRED, "stock", once="stock/17")
        recorder.record(EventKind.STORE_UNREACHABLE, "store")
    expired, unreachable = one.waiting(2)
    assert expired.id == other.waiting(2)[0].id == "data.expired/stock/17"
    assert unreachable.id != other.waiting(2)[1].id


def test_what_is_written_goes_and_what_came_meanwhile_stays() -> None:
    recorder = Recorder()
    for name in "abc":
        recorder.record(EventKind.FEED_FAILED, name)
    some = recorder.waiting(2)
    recorder.record(EventKind.FEED_FAILED, "d")
    recorder.written(some)
    assert [event.subject for event in recorder.waiting(9)] == ["c", "d"]


def test_beyond_the_limit_the_oldest_are_lost_and_it_is_said_once() -> None:
    recorder = Recorder("here", capacity=3)
    for name in "abc":
        recorder.record(EventKind.FEED_FAILED, name)
    some = recorder.waiting(9)
    for name in "de":
        recorder.record(EventKind.FEED_FAILED, name)
    assert recorder.lost == 2
    recorder.written(some)
    *rest, said = recorder.waiting(9)
    assert [event.subject for event in rest] == ["d", "e"]
    assert (said.kind, said.details) == ("journal.overflowed", {"lost": "2", "process": "here"})
    recorder.written(recorder.waiting(9))
    assert recorder.waiting(9) == []


def test_no_detail_is_in_the_way_of_what_an_event_has_of_its_own() -> None:
    recorder = Recorder()
    taken = {"kind": "a", "subject": "b", "event": "c", "level": "d", "action": "e", "self": "f"}
    with capture_logs() as logs:
        recorder.record(EventKind.FEED_FAILED, "stock", **taken)
    assert recorder.waiting(1)[0].details == taken
    assert (logs[0]["action"], logs[0]["subject"]) == ("feed.failed", "stock")


def test_listeners_are_told_of_each() -> None:
    recorder = Recorder(capacity=1)
    heard: list[Event] = []
    recorder.listen(heard.append)
    recorder.record(EventKind.FEED_FAILED, "a")
    recorder.record(EventKind.FEED_RECOVERED, "a")
    assert kinds(heard) == ["feed.failed", "feed.recovered"]
