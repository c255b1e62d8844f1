"""How far an outbox is believed: what is known through which moment, and what was missed."""

from __future__ import annotations

import msgspec
import pytest

from loaders.errors import WholeNeededError
from loaders.sources.outbox import looked
from loaders.sources.outbox_mark import Look, Mark, Progress, decoded

CALM = Look(100, 100, "1", 0, anchored=True, anchors=True, waits=False, changed=())
BUSY = msgspec.structs.replace(CALM, following=105, waits=True)

replace = msgspec.structs.replace


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


def test_a_mark_survives_as_a_watermark() -> None:
    mark = Mark(2**40, "00000001", 3, anchored=True)
    assert decoded(mark.text) == mark


def test_the_next_transaction_is_beyond_all_that_have_begun() -> None:
    row = {name: getattr(CALM, name) for name in ("timeline", "missed", "anchored", "anchors")}
    row |= {"waits": False, "changed": [], "xmin": "100"}
    # The third transaction is the first: age 0 means that the next is number 3.
    for xmax, age, following in (("100", 97, 100), ("100", 102, 105)):
        assert looked({**row, "xmax": xmax, "age": age}).following == following
    beyond = 2**33 + 7
    assert looked({**row, "xmax": str(beyond), "age": 7 + 2 - 3}).following == beyond + 2


def looks(progress: Progress, look: Look) -> tuple[int, int | None]:
    progress.begins()
    return progress.reached(look)


def test_all_is_known_through_the_look_where_nothing_waits() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.begins()
    began = clock.now
    clock.now += 5
    assert progress.reached(CALM) == (began, None)


def test_what_waits_keeps_the_age_true_and_is_told_of_after_a_minute() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.whole()
    whole = clock.now
    clock.now += 30_000
    assert looks(progress, BUSY) == (whole, None)
    looked_at = clock.now
    clock.now += 40_000
    assert looks(progress, replace(BUSY, following=110)) == (whole, whole)
    # All that had begun by the first look are finished; one that began later is not.
    clock.now += 1
    assert looks(progress, replace(BUSY, xmin=105, following=120)) == (looked_at, None)
    clock.now += 1
    assert looks(progress, CALM) == (clock.now, None)


def test_after_a_restart_what_waits_verifies_nothing() -> None:
    clock = Clock()
    progress = Progress(clock)
    began = clock.now
    assert looks(progress, BUSY) == (0, None)
    clock.now += 60_000
    assert looks(progress, BUSY) == (0, began)


def test_what_was_missed_counts_once_who_missed_it_is_finished() -> None:
    progress = Progress(Clock())
    before = progress.mark(CALM)
    missed = replace(CALM, missed=1, following=105)
    progress.require(before, missed)
    with pytest.raises(WholeNeededError, match="failed to note"):
        progress.require(before, replace(missed, xmin=105, following=109))
    # A snapshot then has it; one that was taken before has not.
    assert progress.mark(replace(missed, xmin=105)).missed == 1
    assert Progress(Clock()).mark(missed).missed == 0
    assert Progress(Clock()).mark(missed, Mark(1, "1", 1)).missed == 1


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (replace(CALM, xmin=99), "put back"),
        (replace(CALM, timeline="2"), "put back"),
        (replace(CALM, anchored=False), "emptied"),
    ],
)
def test_a_mark_that_tells_nothing_is_no_mark(look: Look, why: str) -> None:
    progress = Progress(Clock())
    with pytest.raises(WholeNeededError, match=why):
        progress.require(Mark(100, "1", anchored=True), look)


def test_an_outbox_without_a_row_before_the_mark_is_none_that_was_emptied() -> None:
    look = replace(CALM, anchored=False)
    mark = Mark(100, "1", anchored=False)
    assert Progress(Clock()).require(mark, look) == mark
