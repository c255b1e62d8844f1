"""A reservation's life as CONTRACT 6 draws it, line by line, and what holds for every life."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reservations import (
    COUNTED,
    Act,
    Allocation,
    Refusal,
    Reservation,
    ReservedLine,
    State,
    outcome,
)

NONE = "-"

# The table of the contract as it stands there: the answer's status where something is refused. The
# ERP's word is two acts, because it says two things; time is no act of anybody.
TABLE = """
              confirm       release   extend  cancel     accept        reject     lapse
held          confirmed     released  held    409        -             -          expired
confirmed     confirmed     409       409     cancelled  acknowledged  cancelled  -
released      410           released  410     409        -             -          -
expired       410           expired   410     409        -             -          -
acknowledged  acknowledged  409       409     409        acknowledged  cancelled  -
cancelled     409           409       409     cancelled  cancelled     cancelled  -
"""

STATUS = {"409": Refusal.CONFLICT, "410": Refusal.GONE, NONE: None}
FINAL = {State.RELEASED, State.EXPIRED, State.CANCELLED}


def cells() -> list[tuple[str, str, str]]:
    head, *rows = [row.split() for row in TABLE.strip().splitlines()]
    return [(state, act, cell) for state, *row in rows for act, cell in zip(head, row, strict=True)]


@pytest.mark.parametrize(("state", "act", "cell"), cells())
def test_the_contracts_table(state: str, act: str, cell: str) -> None:
    expected = STATUS[cell] if cell in STATUS else State(cell)
    assert outcome(State(state), Act(act)) is expected


def test_the_table_has_every_state_and_every_act() -> None:
    assert {state for state, _, _ in cells()} == set(State)
    assert {act for _, act, _ in cells()} == set(Act)
    assert len(cells()) == len(State) * len(Act)


acts = st.lists(st.sampled_from(Act), max_size=30)


def lived(begun: Reservation, happened: list[Act]) -> list[Reservation]:
    """The reservation after each act; an act that is refused changes nothing."""
    life = [begun]
    for act in happened:
        after = outcome(life[-1].state, act)
        if isinstance(after, State):
            life.append(life[-1].next(after))
    return life


HELD = Reservation("r_1", 1, State.HELD, 5, (), "web", "shop")


@given(acts)
def test_a_final_state_is_never_left(happened: list[Act]) -> None:
    life = [one.state for one in lived(HELD, happened)]
    for before, after in pairwise(life):
        assert before not in FINAL or before is after


@given(acts)
def test_what_is_no_longer_counted_is_never_counted_again(happened: list[Act]) -> None:
    counted = [one.state in COUNTED for one in lived(HELD, happened)]
    assert counted == sorted(counted, reverse=True)
    assert set(State) == FINAL | COUNTED
    assert not FINAL & COUNTED


@given(acts)
def test_an_order_never_lapses(happened: list[Act]) -> None:
    life = [one.state for one in lived(HELD, happened)]
    if State.CONFIRMED in life:
        assert not {State.EXPIRED, State.RELEASED} & set(life)


@given(st.sampled_from(State), st.sampled_from(Act))
def test_an_act_that_was_done_may_be_done_again(state: State, act: Act) -> None:
    after = outcome(state, act)
    if isinstance(after, State) and act is not Act.LAPSE:
        assert outcome(after, act) is after


@given(acts)
def test_each_step_counts_and_leaves_the_one_before_as_it_was(happened: list[Act]) -> None:
    life = lived(HELD, happened)
    assert [one.revision for one in life] == list(range(1, len(life) + 1))
    assert Reservation("r_1", 1, State.HELD, 5, (), "web", "shop") == HELD


def test_a_step_may_change_more() -> None:
    after = HELD.next(State.CONFIRMED, order_ref="O-1")
    assert after == Reservation("r_1", 2, State.CONFIRMED, 5, (), "web", "shop", order_ref="O-1")


@pytest.mark.parametrize(
    ("state", "now_ms", "over"),
    [
        (State.HELD, 4, False),
        (State.HELD, 5, True),
        (State.HELD, 6, True),
        (State.CONFIRMED, 6, False),
        (State.ACKNOWLEDGED, 6, False),
        (State.EXPIRED, 6, False),
    ],
)
def test_only_a_hold_is_over_and_not_before_its_time(state: State, now_ms: int, over: bool) -> None:
    assert HELD.next(state).over(now_ms) is over


def test_units_are_those_that_are_there_and_those_awaited() -> None:
    line = ReservedLine(
        "A",
        9000,
        (Allocation("W1", 1000), Allocation("W2", 2000)),
        6000,
        (Allocation("W2", 2500), Allocation("W3", 3500)),
    )
    assert line.units() == {"W1": 1000, "W2": 4500, "W3": 3500}
    other = ReservedLine("B", 1, (Allocation("W1", 1),))
    assert Reservation("r", 1, State.HELD, 0, (line, other), "web", "shop").skus == ["A", "B"]
