"""When the syncs of a feed are due, on a clock that is set, for a year."""

from __future__ import annotations

from collections import Counter
from datetime import time
from random import Random

import pytest

from loaders.agenda import Agenda, Rhythm
from loaders.timetable import Daily, Timetable

YEAR = 365 * 86_400
SPRING_MS = 1_774_000_000_000


class Clock:
    """Seconds since the start; as milliseconds it is a time of day."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def ms(self) -> int:
        return SPRING_MS + int(self.now * 1000)


def lived(agenda: Agenda, clock: Clock, seconds: float) -> Counter[str]:
    """What was done in so long, as a keeper does it; each sync takes its time."""
    done: Counter[str] = Counter()
    end = clock.now + seconds
    while clock.now < end:
        if agenda.snapshot_is_due():
            agenda.snapshot_begins()
            clock.now += 20
            agenda.snapshot_ended(good=True)
            done["snapshot"] += 1
        elif agenda.has_deltas:
            agenda.delta_ended()
            done["delta"] += 1
            if agenda.reconcile_is_due():
                agenda.reconcile_begins()
                clock.now += 20
                agenda.reconcile_ended()
                done["reconcile"] += 1
        clock.now += agenda.seconds_left()
    return done


def test_a_year_keeps_the_rhythm() -> None:
    clock = Clock()
    rhythm = Rhythm(snapshot_every=21_600, delta_every=900, reconcile_every=3_600)
    done = lived(Agenda(rhythm, clock, Random(1)), clock, YEAR)
    assert done["snapshot"] == pytest.approx(4 * 365, rel=0.01)
    # Before each reconcile comes a delta.
    assert done["delta"] - done["reconcile"] == pytest.approx(4 * 24 * 365, rel=0.1)
    # Each snapshot is one, too: the next reconcile is a whole hour away from it.
    assert done["reconcile"] == pytest.approx(5 * 4 * 365, rel=0.1)


def test_a_month_has_as_many_nights() -> None:
    """A year of them, less often looked at, is in the test of the timetable."""
    clock = Clock()
    daily = Daily(Timetable((time(0, 1),), "Europe/Stockholm"), clock.ms, Random(1))
    agenda = Agenda(Rhythm(snapshot_every=10 * YEAR), clock, Random(1), daily)
    assert lived(agenda, clock, 30 * 86_400) == {"snapshot": 1 + 30}


def test_what_failed_is_tried_again_soon_and_deltas_go_on() -> None:
    clock = Clock()
    agenda = Agenda(Rhythm(1000.0, 1.0, 100.0), clock, Random(1))
    agenda.snapshot_begins()
    assert not agenda.snapshot_is_due()
    assert agenda.seconds_left() == 0
    clock.now += 10
    assert agenda.snapshot_is_due()
    agenda.snapshot_begins()
    agenda.snapshot_ended(good=True)
    clock.now += 150
    assert agenda.reconcile_is_due()
    agenda.reconcile_begins()
    assert not agenda.reconcile_is_due()
    clock.now += 10
    assert agenda.reconcile_is_due()


def test_a_night_whose_snapshot_fails_is_not_over() -> None:
    clock = Clock()
    daily = Daily(Timetable((time(0, 1),), "UTC"), clock.ms, Random(1))
    agenda = Agenda(Rhythm(10 * YEAR), clock, Random(1), daily)
    agenda.snapshot_begins()
    agenda.snapshot_ended(good=True)
    clock.now += 86_400
    assert agenda.snapshot_is_due()
    agenda.snapshot_begins()  # and no end: it failed
    clock.now += 10
    assert agenda.snapshot_is_due()


def test_without_reconciles_none_is_due() -> None:
    clock = Clock()
    done = lived(Agenda(Rhythm(500.0, 100.0), clock, Random(1)), clock, 10_000)
    assert done["reconcile"] == 0
