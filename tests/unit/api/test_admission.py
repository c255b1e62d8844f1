"""Who begins, waits and is refused, on a clock that is set: no loop, no server."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.admission import FEW, SPELL, Admission
from gateway.api.ranks import Rank, rank_of

PATIENCE = 0.05
IDLE = 0.00002
"""Seconds of a turn in which there is nothing to do."""
MOST_AT_ONCE = 0.003
"""Seconds after which no more of those who come back from the store go on in the same turn."""
Request = tuple[Rank, float]


class Worker:
    """A loop in which each request costs so many seconds, and reading one so many."""

    def __init__(
        self, cost: float = 0.001, reading: float = 0.00002, store: float | None = None
    ) -> None:
        """`store`: who has begun waits there for so long first; None: it is not asked."""
        self.admission: Admission[Request] = Admission(PATIENCE)
        self.cost = cost
        self.reading = reading
        self.store = store
        self.reads: deque[tuple[float, int]] = deque()
        self.most_reads = 0
        self.read = 0.0
        self.now = 0.0
        self.waits: dict[Rank, list[float]] = {rank: [] for rank in Rank}
        self.refused = dict.fromkeys(Rank, 0)
        self.late = dict.fromkeys(Rank, 0)
        self.longest_turn = 0.0
        self._due: dict[Rank, float] = dict.fromkeys(Rank, 0.0)

    def arrive(self, rank: Rank) -> bool:
        """Whether it is let in; what begins at once costs its time now."""
        if self.admission.begins(rank, self.now):
            self.waits[rank].append(0.0)
            self.now += self.cost
            self.admission.ended(self.admission.spell)
        elif self.admission.refuses(rank, self.now):
            self.refused[rank] += 1
            return False
        else:
            self.admission.wait(rank, (rank, self.now), self.now)
        return True

    def turn(self, arriving: Sequence[Rank] = ()) -> None:
        """One turn of the loop: some begin, some arrive."""
        began = self.now
        begun, late = self.admission.turn(self.now, self.now, self.read)
        self.now += IDLE
        for rank, since in begun:
            self.waits[rank].append(began - since)
            self.reads.append((began + (self.store or 0.0), self.admission.spell))
        self.most_reads = max(self.most_reads, len(self.reads))
        # Who has come back from the store has his turn; more than so much is none's.
        while self.reads and self.reads[0][0] <= began and self.now - began < MOST_AT_ONCE:
            _, spell = self.reads.popleft()
            self.now += self.cost
            self.admission.ended(spell)
        for rank, _ in late:
            self.late[rank] += 1
        for rank in arriving:
            self.now += self.reading
            self.read += self.reading
            self.arrive(rank)
        self.longest_turn = max(self.longest_turn, self.now - began)

    def offered(self, rates: Mapping[Rank, float], seconds: float) -> None:
        """So many a second arrive of each, evenly, for so long."""
        end = self.now + seconds
        before = self.now
        while self.now < end:
            gone = self.now - before
            before = self.now
            arriving: deque[Rank] = deque()
            for rank, rate in rates.items():
                self._due[rank] += rate * gone
                arriving += [rank] * int(self._due[rank])
                self._due[rank] %= 1
            self.turn(arriving)

    def drained(self) -> None:
        """Nobody comes any more, and all who wait have their turn."""
        while self.admission.waiting or self.reads:
            self.turn()
        self.turn()


SOME = st.lists(st.sampled_from(Rank), max_size=60)


@given(st.lists(SOME, max_size=40), st.floats(0.00001, 0.03))
def test_what_holds_whatever_comes(turns: Sequence[Sequence[Rank]], cost: float) -> None:
    worker = Worker(cost)
    admission = worker.admission
    asked = dict.fromkeys(Rank, 0)
    for arriving in turns:
        worker.turn(arriving)
        for rank in arriving:
            asked[rank] += 1
        assert 1 <= admission.pace <= 1024
        # If the first is refused, so are all that come after it.
        refused = [admission.refuses(rank, worker.now) for rank in Rank]
        assert refused == sorted(refused)
        admission.shed = [count - was for count, was in zip(admission.shed, refused, strict=True)]
    worker.drained()
    # Everybody has begun or was refused, and once.
    for rank in Rank:
        assert asked[rank] == admission.admitted[rank] + admission.shed[rank]
        assert admission.admitted[rank] == len(worker.waits[rank])
        assert admission.shed[rank] == worker.refused[rank] + worker.late[rank]
    assert admission.waiting == 0
    assert admission.begins(Rank.STOCK, worker.now + SPELL)


@given(st.lists(st.floats(0.00001, 0.5), max_size=30), st.integers(1, 16))
def test_who_comes_when_nobody_waits_is_never_refused(costs: Sequence[float], crowd: int) -> None:
    # However dear the last ones were: nothing has to be waited for.
    worker = Worker()
    for cost in costs:
        worker.cost = cost
        for _ in range(3):
            worker.arrive(Rank.STOCK)
            worker.turn()
            worker.drained()
    for _ in range(crowd):
        assert worker.arrive(Rank.STOCK)


def test_a_crowd_that_comes_at_once_is_served() -> None:
    worker = Worker(0.0001)
    worker.turn([Rank.STOCK] * 250)
    worker.drained()
    assert sum(worker.refused.values()) + sum(worker.late.values()) == 0


@pytest.mark.parametrize("cost", [0.0005, 0.001, 0.003])
def test_ten_times_the_load(cost: float) -> None:
    worker = Worker(cost)
    rates = {Rank.PRICES: 10 / cost}
    worker.offered(rates, 1.0)
    admission = worker.admission
    before = admission.admitted[Rank.PRICES]
    late = worker.late[Rank.PRICES]
    worker.longest_turn = 0.0
    worker.waits[Rank.PRICES].clear()
    worker.offered(rates, 2.0)
    share = (admission.admitted[Rank.PRICES] - before) * cost / 2.0
    # All that reading and refusing leave.
    assert share > 0.9 * (1 - 10 / cost * worker.reading) - 0.02
    assert max(worker.waits[Rank.PRICES]) < 2 * max(PATIENCE, FEW * cost)
    assert worker.late[Rank.PRICES] == late
    # A refusal waits for no more than the turn in which it arrived.
    assert worker.longest_turn < 0.005 + cost


def test_the_dear_who_wait_for_the_store_do_not_pile_up_behind_it() -> None:
    # Each takes longer than a spell, and so does the store: they come back in lots.
    worker = Worker(0.005, store=0.004)
    worker.offered({Rank.STOCK: 2_000}, 1.0)
    worker.longest_turn, worker.most_reads = 0.0, 0
    before = worker.admission.admitted[Rank.STOCK]
    worker.offered({Rank.STOCK: 2_000}, 4.0)
    assert worker.most_reads <= 6
    assert worker.longest_turn < MOST_AT_ONCE + 2 * 0.005
    assert max(worker.waits[Rank.STOCK][500:]) < 1
    assert (worker.admission.admitted[Rank.STOCK] - before) * 0.005 > 0.5 * 4.0


@pytest.mark.parametrize("heavy", [Rank.STOCK, Rank.PRICES])
def test_who_is_before_the_crowd_is_not_refused(heavy: Rank) -> None:
    worker = Worker(0.0005)
    few = {rank: 50.0 for rank in Rank if rank < heavy}
    worker.offered({heavy: 20_000, **few}, 3.0)
    assert worker.refused[heavy] > 10_000
    for rank in few:
        assert worker.refused[rank] == worker.late[rank] == 0
        assert max(worker.waits[rank]) < 0.01


def test_each_rank_is_refused_before_the_one_above_it() -> None:
    worker = Worker(0.001)
    # Room for a thousand a second: prices fill what checkouts leave, and badges get nothing.
    worker.offered({Rank.CHECKOUT: 600, Rank.PRICES: 1_000, Rank.STOCK: 500}, 4.0)
    assert worker.refused[Rank.CHECKOUT] + worker.late[Rank.CHECKOUT] == 0
    assert 200 < worker.admission.admitted[Rank.PRICES] / 4 < 450
    assert worker.admission.admitted[Rank.STOCK] < 100


def test_answers_at_once_leave_some_of_the_loop_to_those_who_wait() -> None:
    # A thousand hot badges in each turn, read and answered before anybody begins.
    worker = Worker(0.001)
    for _ in range(400):
        worker.now += 0.03
        worker.read += 0.03
        worker.turn([Rank.CHECKOUT] * 40)
    # With reading left out it would be 1.
    assert worker.admission.pace > 5


def test_a_neighbour_on_the_core_changes_nothing() -> None:
    worker = Worker(0.0005)
    worker.offered({Rank.PRICES: 20_000}, 0.5)
    pace, admission = worker.admission.pace, worker.admission
    spent = worker.now
    for _ in range(200):
        admission.wait(Rank.PRICES, (Rank.PRICES, worker.now), worker.now)
        # Half of the time somebody else has it.
        worker.now += 0.0018
        spent += 0.0009
        admission.turn(worker.now, spent, worker.read)
    assert admission.pace >= pace


def test_more_are_begun_once_all_have_ended_and_after_a_while_in_any_case() -> None:
    admission: Admission[int] = Admission(PATIENCE)
    assert admission.begins(Rank.STOCK, 0.0)
    first = admission.spell
    for number in range(100):
        admission.wait(Rank.STOCK, number, 0.0)
    assert admission.turn(SPELL / 4, 0.0, 0.0) == ((), ())
    admission.ended(first)
    assert admission.turn(SPELL / 2, 0.0, 0.0)[0]
    # One of another time changes nothing.
    admission.ended(first)
    assert admission.turn(SPELL, 0.0, 0.0) == ((), ())
    begun, _ = admission.turn(SPELL * 2, 0.0, 0.0)
    assert begun


def test_who_waits_for_something_else_than_the_loop_keeps_nobody_waiting() -> None:
    admission: Admission[int] = Admission(PATIENCE)
    assert admission.begins(Rank.CHECKOUT, 0.0)
    admission.wait(Rank.STOCK, 1, 0.0)
    admission.turn(0.0001, 1.0, 0.0)
    begun, _ = admission.turn(SPELL * 1.1, 1.0 + SPELL / 10, 0.0)
    assert begun == [1]
    # The same, but the loop had work all the time.
    admission.wait(Rank.STOCK, 2, SPELL * 2)
    assert admission.turn(SPELL * 4, 1.0 + SPELL * 3, 0.0) == ((), ())


def test_it_recovers() -> None:
    worker = Worker(0.02)
    worker.offered({Rank.STOCK: 500}, 2.0)
    assert worker.refused[Rank.STOCK]
    worker.drained()
    worker.cost = 0.0001
    worker.refused[Rank.STOCK] = worker.late[Rank.STOCK] = 0
    worker.offered({Rank.STOCK: 3_000}, 0.3)
    assert worker.refused[Rank.STOCK] + worker.late[Rank.STOCK] == 0
    # And what is begun in a turn fits into it again.
    worker.offered({Rank.STOCK: 15_000}, 0.3)
    assert worker.admission.pace * worker.cost == pytest.approx(SPELL, rel=0.75)


@given(st.floats(0.0001, 1.0), st.integers(1, FEW))
def test_a_few_who_ask_again_when_they_are_answered_are_never_refused(
    cost: float, clients: int
) -> None:
    worker = Worker(cost)
    arriving = clients
    for _ in range(60):
        before = len(worker.waits[Rank.PRICES])
        worker.turn([Rank.PRICES] * arriving)
        arriving = len(worker.waits[Rank.PRICES]) - before
    assert worker.refused[Rank.PRICES] == worker.late[Rank.PRICES] == 0


def test_without_patience_nobody_is_refused() -> None:
    admission: Admission[int] = Admission(0)
    admission.cost = 1.0
    for number in range(1_000):
        assert not admission.refuses(Rank.STOCK, float(number))
        admission.wait(Rank.STOCK, number, float(number))
    begun, late = admission.turn(1e9, 0.0, 0.0)
    assert begun == list(range(len(begun)))
    assert begun
    assert late == []


@pytest.mark.parametrize(
    ("path", "rank"),
    [
        ("/livez", None),
        ("/readyz?verbose", None),
        ("/metrics", None),
        ("/v1/stock/A", Rank.STOCK),
        ("/v1/prices/query", Rank.PRICES),
        ("/v1/checkout", Rank.CHECKOUT),
        ("/v1/reservations/R/confirm", Rank.PROMISES),
        ("/v1/orders/{order_ref}/acknowledge", Rank.PROMISES),
        ("/ops/journal", Rank.CHECKOUT),
        ("/docs", Rank.STOCK),
        ("/anything", Rank.STOCK),
    ],
)
def test_who_is_of_which_rank(path: str, rank: Rank | None) -> None:
    assert rank_of(path) == rank


def test_who_waits_is_waited_for_by_those_after_him_alone() -> None:
    admission: Admission[str] = Admission(PATIENCE)
    assert not admission.is_waited_before(Rank.STOCK)
    admission.wait(Rank.STOCK, "badge", 0.0)
    assert not admission.is_waited_before(Rank.STOCK)
    admission.coming[Rank.CHECKOUT] += 1
    assert admission.is_waited_before(Rank.STOCK)
    assert not admission.is_waited_before(Rank.CHECKOUT)
    admission.coming[Rank.CHECKOUT] -= 1
    admission.wait(Rank.PRICES, "price", 0.0)
    assert admission.is_waited_before(Rank.STOCK)
    assert not admission.is_waited_before(Rank.PRICES)
