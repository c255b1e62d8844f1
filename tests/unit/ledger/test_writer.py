from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import Answer
from gateway.domain.reservations import Reservation, State
from gateway.ledger.codec import answer_row, step_row
from gateway.ledger.writer import Entry, Fence, Item, turns


def step(name: str, key: str | None) -> Entry:
    row = step_row(Reservation(name, 1, State.HELD, 1, (), "web", "checkout"), "held")
    return Entry(row, (key and answer_row(Answer("checkout", key, b"", 201, b""))) or None)


def refusal(key: str) -> Entry:
    return Entry(answer=answer_row(Answer("checkout", key, b"", 409, b"")))


few = st.sampled_from("abc")
items = st.lists(
    st.builds(step, few, st.none() | few) | st.builds(refusal, few) | st.builds(Fence, few),
    max_size=12,
)


def names(item: Item) -> list[object]:
    return [name for name in (item.reservation, item.key) if name is not None]


@given(items)
def test_nothing_is_twice_in_a_turn_and_nothing_overtakes_its_like(lot: list[Item]) -> None:
    taken: dict[int, int] = {}
    for number, turn in enumerate(turns(lot)):
        named = [name for item in turn.values() for name in names(item)]
        assert len(named) == len(set(named))
        assert turn
        for place, item in turn.items():
            assert lot[place] is item
            taken[place] = number
    assert sorted(taken) == list(range(len(lot)))
    for later in range(len(lot)):
        for earlier in range(later):
            if set(names(lot[earlier])) & set(names(lot[later])):
                assert taken[earlier] < taken[later]


def test_what_shares_nothing_goes_together() -> None:
    lot: list[Item] = [step("a", "k"), step("b", None), Fence("c"), refusal("l")]
    assert [dict(turn) for turn in turns(lot)] == [dict(enumerate(lot))]
