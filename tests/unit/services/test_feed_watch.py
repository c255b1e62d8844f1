"""Ages of feeds as they grow: told when figures expire, and when they are young again."""

from __future__ import annotations

from gateway.observability.recorder import Recorder
from gateway.services.feed_watch import FeedWatch
from gateway.store.feeds import FeedState

HOUR = 3_600_000


class Watched:
    def __init__(self) -> None:
        self.now = 0
        self.recorder = Recorder()
        self.watch = FeedWatch(self.recorder, 24 * HOUR, lambda: self.now)

    def told(self) -> list[tuple[str, str]]:
        """What was recorded since the last look."""
        events = self.recorder.waiting(99)
        self.recorder.written(events)
        return [(event.kind, event.subject) for event in events]


def feed(verified_ms: int | None, kind: str = "stock") -> FeedState:
    return FeedState(kind, 1, verified_through_ms=verified_ms)


def test_figures_expire_once_and_are_young_again_once() -> None:
    watched = Watched()
    watched.now = 24 * HOUR
    watched.watch.look({"stock": feed(0), "new": feed(None)})
    assert watched.told() == []
    watched.now += 1
    for _ in range(2):
        watched.watch.look({"stock": feed(0), "prices": feed(1, "prices")})
    assert watched.told() == [("data.expired", "stock")]
    watched.watch.look({"stock": feed(0)})
    watched.watch.look({"stock": feed(watched.now)})
    watched.watch.look({"stock": feed(watched.now)})
    assert watched.told() == [("data.fresh", "stock")]


def test_all_workers_tell_of_the_same() -> None:
    workers = [Watched(), Watched()]
    for number, worker in enumerate(workers):
        worker.now = 25 * HOUR + number
        worker.watch.look({"stock": feed(0)})
        worker.watch.look({"stock": feed(24 * HOUR + number)})
    one, other = ([event.id for event in worker.recorder.waiting(9)] for worker in workers)
    assert one == other == ["data.expired/stock/0", "data.fresh/stock/0"]


def test_what_no_figure_comes_from_does_not_expire_and_what_is_retired_is_over() -> None:
    watched = Watched()
    watched.now = 99 * HOUR
    watched.watch.look({"places": feed(0, "locations"), "stock": feed(0)})
    assert watched.told() == [("data.expired", "stock")]
    watched.watch.look({})
    assert watched.told() == [("data.fresh", "stock")]


def test_a_store_that_stays_cold_is_told_of_and_one_that_fills_up_is_not() -> None:
    watched = Watched()
    watched.watch.cold(())
    watched.now = 29_999
    watched.watch.cold(())
    watched.watch.warm()
    assert watched.told() == []
    watched.watch.cold(("stock",))
    watched.now += 30_000
    watched.watch.cold(("prices", "stock"))
    watched.watch.cold(("stock",))
    (event,) = watched.recorder.waiting(9)
    assert (event.kind, event.details) == ("store.cold", {"feeds": "prices, stock"})
    watched.told()
    watched.watch.warm()
    watched.watch.warm()
    assert watched.told() == [("store.warm", "store")]
