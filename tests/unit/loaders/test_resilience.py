from random import Random

from gateway.observability.events import EventKind
from gateway.observability.recorder import Recorder
from loaders.resilience import Backoff, Outages


def test_waits_double_up_to_a_limit() -> None:
    backoff = Backoff(Random(1))
    waits = [backoff.wait() for _ in range(50)]
    assert 0.25 <= waits[0] <= 0.5
    assert max(waits) <= 10
    assert min(waits[10:]) >= 5
    backoff.reset()
    assert backoff.wait() <= 0.5


def test_an_outage_is_recorded_when_it_begins_and_when_it_ends() -> None:
    recorder = Recorder()
    outages = Outages(recorder)
    failed = EventKind.FEED_FAILED
    outages.back(failed, "stock")
    for _ in range(3):
        outages.away(failed, "stock", "no connection")
    outages.away(failed, "stock", "refused")
    outages.back(failed, "stock")
    outages.back(failed, "stock")
    outages.back(failed, "stock", was_away=True)
    assert [(event.kind, event.details.get("reason")) for event in recorder.waiting(9)] == [
        ("feed.failed", "no connection"),
        ("feed.failed", "refused"),
        ("feed.recovered", None),
        ("feed.recovered", None),
    ]
